"""`foredeck run REQUEST`: the whole workflow without a screen."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from foredeck.app.cli.beginning import begin_run, run_options
from foredeck.app.cli.detaching import detach_option
from foredeck.app.cli.render import format_option
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import Mode, Trigger
from foredeck.services.domain.views import ProjectRow, RunRow
from foredeck.services.host.commands import CreateProject, CreateRun
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListProjects


@click.command()
@click.argument("request")
@run_options
@detach_option
@format_option
@click.pass_obj
def run(
    session: Session,
    request: str,
    project: str | None,
    workspace: str | None,
    title: str,
    mode: str | None,
    budget_tokens: int | None,
    budget_cost: float | None,
    no_start: bool,
    detach: bool,
    format_: str,
) -> int:
    """Give REQUEST to the four agents and wait for the result.

    REQUEST is what you want built or changed, in your own words; - reads it from stdin.
    Progress goes to stderr, the result to stdout. Ctrl-C stops the run; if the line drops,
    it goes on in the background.

    \b
    foredeck run "Add a --json flag to the report command" --project shop
    foredeck run - --workspace ~/src/shop < request.md
    foredeck run "Tidy up the tests" --project shop --detach

    Exit codes: 0 success, 1 failed, 2 usage, 3 over budget, 4 needs a person,
    130 interrupted.
    """
    text = _from_stdin() if request == "-" else request
    if not text.strip():
        raise InvalidInput("The request is empty.", "Say in a sentence or more what to build.")

    async def create(host: Host) -> RunRow:
        chosen = await project_for(host, project, workspace)
        wanted = Mode(mode) if mode else None
        start = not no_start
        return await host.do(
            CreateRun(
                chosen,
                text,
                title,
                wanted,
                Trigger.CLI,
                start=start,
                budget_tokens=budget_tokens,
                budget_cost=budget_cost,
            )
        )

    return begin_run(
        session, create, "foredeck run", no_start=no_start, detach=detach, format_=format_
    )


def _from_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The request is not UTF-8 text: byte {error.start} cannot be read.",
            "Convert it first, for example with iconv.",
        ) from error


async def project_for(host: Host, project: str | None, workspace: str | None) -> str:
    """Return the project to work in: named, of the workspace, or of this directory.

    A project is made for a workspace that has none. Raises `InvalidInput`.
    """
    if project and workspace:
        raise InvalidInput("Name either --project or --workspace, not both.")
    if project:
        return project
    everything = (await host.ask(ListProjects(limit=1000))).items
    if workspace:
        path = Path(workspace).expanduser().resolve()
        owner = next((row for row in everything if Path(row.workspace) == path), None)
        if owner is None:
            names = {row.name for row in everything}
            owner = await host.do(CreateProject(_free_name(path.name, names), str(path)))
        return owner.id
    owner = _owner_of(Path.cwd(), everything)
    if owner is None:
        raise InvalidInput(
            "This directory belongs to no project.",
            "Name one with --project NAME, or give --workspace DIR; "
            "foredeck projects list shows them.",
        )
    return owner.id


def _owner_of(directory: Path, rows: tuple[ProjectRow, ...]) -> ProjectRow | None:
    owners = [row for row in rows if directory.is_relative_to(row.workspace)]
    return max(owners, key=lambda row: len(row.workspace), default=None)


def _free_name(stem: str, taken: set[str]) -> str:
    stem = stem or "workspace"
    number, name = 2, stem
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name
