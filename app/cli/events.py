"""`foredeck events`: what happens in the host, as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator

import click

from foredeck.app.cli.render import plain
from foredeck.app.cli.session import Session
from foredeck.services.domain.events import Event, Resync
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetStatus


@click.command()
@click.option("--follow", "follow_", is_flag=True, help="Go on with what happens from now on.")
@click.option(
    "--since",
    type=click.IntRange(0),
    metavar="SEQ",
    help="Only what came after this one; default: all that is kept, with --follow nothing.",
)
@click.pass_obj
def events(session: Session, follow_: bool, since: int | None) -> None:
    """Print what happened in the running host, one JSON object a line.

    Each has `seq`, which grows, `event`, `time`, and the event's own fields. The host keeps
    the last thousand; if some of those after SEQ are gone, `Resync` stands in their place:
    then read again what you need, with foredeck runs list or show.

    \b
    foredeck events                            what is kept
    foredeck events --follow                   what happens, until Ctrl-C
    foredeck events --follow --since 17960     and what you have missed
    """
    session.ask_other(lambda host: _put(host, since, follow=follow_))


async def _put(host: Host, since: int | None, *, follow: bool) -> None:
    wanted = host.events(since if follow or since is not None else 0)
    if follow:
        async for event in wanted:
            _put_line(event)
        return
    last = (await host.ask(GetStatus())).seq
    async for event in _until(wanted, last, since or 0):
        if since is not None or not isinstance(event, Resync):
            _put_line(event)


async def _until(events: AsyncIterator[Event], last: int, seen: int) -> AsyncIterator[Event]:
    """Yield events up to the one of that number."""
    while seen < last:
        event = await anext(events)
        seen = event.seq
        yield event


def _put_line(event: Event) -> None:
    fields = plain(event)
    line = {
        "seq": fields.pop("seq"),
        "event": type(event).__name__,
        "time": fields.pop("at"),
        **fields,
    }
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
