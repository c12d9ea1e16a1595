"""`foredeck away`: what happened while no dashboard was open."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from foredeck.app.cli.audit import Moment
from foredeck.app.cli.render import format_option, put_json, put_table, say, short_time
from foredeck.app.cli.session import Session
from foredeck.services.domain import clock
from foredeck.services.domain.away import Away, AwayItem, AwayKind, headline
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.host.notice_requests import GetAway

_COLUMNS = ("What", "Time", "Run", "Project", "Title", "Detail")
_GLYPHS = {
    AwayKind.WAITING: "?",
    AwayKind.FAILED: "✗",
    AwayKind.DUE_FAILED: "!",
    AwayKind.MISSED: "!",
    AwayKind.SKIPPED: "!",
    AwayKind.SUCCEEDED: "✓",
    AwayKind.CANCELLED: "■",
    AwayKind.REPORT: "≡",
}
_NEVER = "No dashboard was open yet. foredeck away --since 22:00 looks back all the same."


@click.command()
@click.option(
    "--since",
    type=Moment(),
    help="From then on: 2026-11-28, 22:00, or 2h for two hours ago.",
)
@format_option
@click.pass_obj
def away(session: Session, since: datetime | None, format_: str) -> None:
    """Say what happened since a dashboard was last open.

    What waits for you and what failed comes first, then due times without a run.
    Looking here does not count as having seen it in the dashboard.

    \b
    foredeck away
    foredeck away --since 2h --format json
    """
    if since and since > clock.now():
        raise InvalidInput("--since is a time to come.", "Give one that is over, such as 2h.")
    found = session.read(lambda host: host.ask(GetAway(since)))
    if format_ == "json":
        put_json(_answer(found))
    elif found.since is None:
        say(_NEVER)
    else:
        _put(found)


def _put(found: Away) -> None:
    click.echo(f"{headline(found)}.")
    if found.items:
        put_table(_COLUMNS, [_cells(item) for item in found.items])
    if found.unlisted > 0:
        say(f"{found.unlisted:,} less important things are not listed.")


def _word(item: AwayItem) -> str:
    """Return the kind; beside a run that failed stands the due time without one."""
    return "no run" if item.kind is AwayKind.DUE_FAILED else item.kind.value


def _cells(item: AwayItem) -> tuple[object, ...]:
    return (
        f"{_GLYPHS[item.kind]} {_word(item)}",
        short_time(item.at),
        item.run_id or "–",
        item.project_name,
        item.title,
        item.more,
    )


def _answer(found: Away) -> dict[str, Any]:
    counts = dict(found.counts)
    return {
        "id": "away",
        "since": found.since,
        "until": found.until,
        **{kind.value: counts.get(kind, 0) for kind in AwayKind},
        "items": found.items,
    }
