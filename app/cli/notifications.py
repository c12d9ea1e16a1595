"""`foredeck notifications …`: what people were told, and trying out how it reaches them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.render import (
    format_option,
    plain,
    put_json,
    put_table,
    say,
    short_time,
    state_word,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.notices import ChannelTest, DeliveryState, NotificationRow
from foredeck.services.host.notice_requests import ListNotifications, SendTestNotification

if TYPE_CHECKING:
    from foredeck.services.settings import Settings

_COLUMNS = ("Time", "Event", "State", "Run", "Project", "Title", "Delivered")
_NOTHING_SET = (
    "No channel is set: set notify_command or notify_webhook; foredeck doctor lists all settings."
)
_REHEARSED = (
    "In a rehearsal nobody outside is told. Set rehearsal = false to try notify_command and "
    "notify_webhook."
)
_SET_SINCE = (
    "The host that runs was started without notify_command and notify_webhook. End it, start it "
    "again, and try once more."
)


@click.group()
def notifications() -> None:
    """What people were told about runs, and how it reached them.

    What is told, and how, is set in the settings file (notify, notify_bell, notify_desktop,
    notify_command, notify_webhook); foredeck doctor shows what is in force. A task can say for
    itself what is told of its runs.

    \b
    foredeck notifications test
    foredeck notifications list --format json
    """


@notifications.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_rows(session: Session, limit: int, offset: int, format_: str) -> None:
    """List what people were told, newest first."""
    page = session.read(lambda host: host.ask(ListNotifications(limit, offset)))
    if format_ == "json":
        put_page(page, [_answer(row) for row in page.items])
    elif page.items:
        put_table(_COLUMNS, [_cells(row) for row in page.items])
        if page.total > len(page.items):
            say(f"{len(page.items)} of {page.total}; --limit and --offset show others.")
    else:
        say("Nothing was told yet.")


@notifications.command()
@format_option
@click.pass_obj
def test(session: Session, format_: str) -> int:
    """Try every channel that is set.

    It sends a test through each, and says how that went. The command and the webhook are
    tried by the host that runs, if one does: it has its own environment. This terminal is
    rung here.

    Exit codes: 0 all of them took it, 1 one did not, or none is set.
    """
    tests = session.write(
        lambda host: host.do(SendTestNotification()), "foredeck notifications test"
    )
    rung = format_ == "table" and _ring(session)
    if format_ == "json":
        put_json({"id": "notifications", "ok": _is_well(tests), "channels": tests})
    else:
        for one in tests:
            click.echo(f"✓ {one.channel.value}" if one.ok else f"✗ {one.channel.value}")
            if one.detail:
                say(one.detail)
        if not tests:
            say(_why_none(session.settings))
    return 0 if _is_well(tests) or (rung and not tests) else 1


def _is_well(tests: tuple[ChannelTest, ...]) -> bool:
    return bool(tests) and all(one.ok for one in tests)


def _why_none(settings: Settings) -> str:
    """Say why no channel was tried: rehearsed, set after the host was started, or not set."""
    if not (settings.notify_command or settings.notify_webhook):
        return _NOTHING_SET
    return _REHEARSED if settings.rehearsal else _SET_SINCE


def _ring(session: Session) -> bool:
    """Ring this terminal as a dashboard would; whether there is one, and it is wanted."""
    from foredeck.app.ringing import Rings, sequence

    settings = session.settings
    rings = Rings(settings.notify_bell, settings.notify_desktop)
    if not (sys.stderr.isatty() and (rings.bell or rings.desktop)):
        return False
    click.echo(sequence("A test: it can reach you here.", rings, os.environ), err=True, nl=False)
    how = [name for name, on in (("bell", rings.bell), ("OSC 9", rings.desktop)) if on]
    say(f"This terminal was rung ({', '.join(how)}).")
    return True


def _cells(row: NotificationRow) -> tuple[object, ...]:
    states = [f"{d.channel.value} {_state_of(d.state, d.attempts)}" for d in row.deliveries]
    return (
        short_time(row.at),
        row.cause.value,
        state_word(row.state),
        row.run_id or "–",
        row.project_name,
        row.title,
        ", ".join(states) or "–",
    )


def _state_of(state: DeliveryState, attempts: int) -> str:
    tried = state is DeliveryState.PENDING and attempts
    return f"{state.value} (tried {attempts})" if tried else state.value


def _answer(row: NotificationRow) -> dict[str, Any]:
    answer: dict[str, Any] = plain(row)
    return answer
