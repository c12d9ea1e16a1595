"""`foredeck audit …`: who did what, and whether the record of it is whole."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.render import format_option, plain, put_json, put_table, say, short_time
from foredeck.app.cli.session import Session
from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditRow, Severity
from foredeck.services.domain.moments import moment_of
from foredeck.services.domain.views import Page
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListAudit, ReadAudit, VerifyAudit

_BLOCK = 1000


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601 (local if it names no zone), or how long ago: 30m, 2h, 7d."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(value, clock.now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def audit() -> None:
    """Who did what: every command, and every change of a run, step or job.

    The trail is only ever added to. Each row is sealed with the one before it, so
    that verify finds what was changed later.

    \b
    foredeck audit list --since 2h --severity ERROR
    foredeck audit verify
    foredeck audit export > audit.jsonl
    """


@audit.command("list")
@click.option("--since", type=Moment(), help="From this time on: 2026-11-28, or 2h ago.")
@click.option("--action", help="One, such as job.cancel, or a group: command, run, step, job.")
@click.option("--resource", help="A kind (run), an id, or both: run:7s24.")
@click.option("--severity", type=click.Choice([s.value for s in Severity], case_sensitive=False))
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_rows(
    session: Session,
    since: datetime | None,
    action: str | None,
    resource: str | None,
    severity: str | None,
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List what was done, newest first."""
    wanted = Severity(severity.upper()) if severity else None
    query = ListAudit(since, action, resource, wanted, limit, offset)
    page = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_page(page, [_answer(row) for row in page.items])
    elif page.items:
        _put_rows(page)
    else:
        say("Nothing here." if any((since, action, resource, severity)) else "Nothing yet.")


@audit.command()
@format_option
@click.pass_obj
def verify(session: Session, format_: str) -> int:
    """Say whether the trail was changed, and where.

    It computes all seals anew. Somebody who can write the database could do so too: keep the
    last seal, or an export, in another place, then even that shows.

    Exit codes: 0 whole, 1 changed.
    """
    found = session.read(lambda host: host.ask(VerifyAudit()))
    whole = found.broken is None
    if format_ == "json":
        put_json({"whole": whole, **plain(found)})
    elif whole:
        click.echo(f"✓ The audit trail is whole: {found.rows} rows. Last seal: {found.tip or '–'}")
    else:
        click.echo(f"✗ The audit trail was changed. {found.reason}")
        say(f"The {found.rows} rows before it are as they were written.")
    return 0 if whole else 1


@audit.command()
@click.pass_obj
def export(session: Session) -> None:
    """Write the whole trail, one JSON object a line.

    To stdout, the oldest row first.
    """

    async def work(host: Host) -> None:
        seq = 0
        while rows := await host.ask(ReadAudit(seq, _BLOCK)):
            for row in rows:
                click.echo(json.dumps(_answer(row), ensure_ascii=False))
            seq = rows[-1].seq

    session.read(work)


def _put_rows(page: Page[AuditRow]) -> None:
    header = ("SEQ", "TIME", "SEVERITY", "ACTOR", "ACTION", "DESCRIPTION")
    rows = [
        (row.seq, short_time(row.at), row.severity, row.actor, row.action, row.description)
        for row in page.items
    ]
    put_table(header, rows)
    if page.total > len(page.items):
        say(f"{len(page.items)} of {page.total}; --limit and --offset show more.")


def _answer(row: AuditRow) -> dict[str, Any]:
    """Return a row as one flat object, its JSON parsed."""
    answer: dict[str, Any] = {"id": row.seq, **plain(row)}
    return {**answer, "before": _parsed(row.before), "after": _parsed(row.after)}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
