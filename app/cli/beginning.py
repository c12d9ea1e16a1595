"""What every command that makes a run has in common: its options, and how the run begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from foredeck.app.cli.answers import run_answer
from foredeck.app.cli.completion import complete_project
from foredeck.app.cli.detaching import put_detached
from foredeck.app.cli.follow import follow, put_result
from foredeck.app.cli.render import put_json, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.records import Mode
from foredeck.services.domain.views import RunRow
from foredeck.services.host.interface import Host

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

_OPTIONS = (
    click.option(
        "--project",
        metavar="PROJECT",
        shell_complete=complete_project,
        help="The project's name or id; default: the one of this directory.",
    ),
    click.option(
        "--workspace", metavar="DIR", help="Work in DIR; a project is made for it if it has none."
    ),
    click.option("--title", default="", help="What to call the run, in place of its beginning."),
    click.option(
        "--mode", type=click.Choice([m.value for m in Mode]), help="How stages work here."
    ),
    click.option(
        "--budget-tokens", type=click.IntRange(0), metavar="N", help="Stop when N tokens are used."
    ),
    click.option(
        "--budget-cost", type=click.FloatRange(0), metavar="USD", help="Stop at this cost."
    ),
    click.option("--no-start", is_flag=True, help="Only store it; start it later with runs start."),
)


def run_options(command: FC) -> FC:
    """Add the options that say where, how and with what budget a run works."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def begin_run(
    session: Session,
    create: Callable[[Host], Awaitable[RunRow]],
    role: str,
    *,
    no_start: bool,
    detach: bool,
    format_: str,
) -> int:
    """Create a run; store it only, leave it to the background, or follow it to its end.

    Returns the exit code of the command; `role` is the command's own name.
    """
    if no_start:
        row = session.write(create, role)
        say(f"✓ Run created: {row.id}. Start it with: foredeck runs start {row.id}")
        put_json(run_answer(row)) if format_ == "json" else click.echo(row.id)
        return 0
    if detach:
        return put_detached(session, session.hand_over(create), format_)
    detail, code = session.write(lambda host: follow(host, lambda: create(host)), role)
    put_result(detail, format_)
    return code
