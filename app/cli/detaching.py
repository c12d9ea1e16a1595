"""`--detach`: a run goes on in a host in the background, and the command returns at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from foredeck.app.cli.answers import run_answer
from foredeck.app.cli.render import put_json, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.views import RunRow
from foredeck.services.host.lock import read_holder

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)


def detach_option(command: FC) -> FC:
    """Add `--detach` to a command that starts a run."""
    option = click.option(
        "--detach", is_flag=True, help="Do not wait: let it go on in the background."
    )
    return option(command)


def put_detached(session: Session, row: RunRow, format_: str) -> int:
    """Say where a run goes on and how it is looked at; its id alone is on stdout."""
    holder = read_holder(session.settings.data_dir)
    where = f"in {holder['role']} (process {holder['pid']})" if holder else "without this terminal"
    say(
        f"✓ Run started: {row.id}. It goes on {where}.\n"
        f"  foredeck runs watch {row.id}    or foredeck, to see it\n"
        f"  foredeck runs cancel {row.id}   to stop it"
    )
    put_json(run_answer(row)) if format_ == "json" else click.echo(row.id)
    return 0
