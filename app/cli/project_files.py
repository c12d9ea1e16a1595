"""`foredeck projects files …`: files that a project was given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.completion import project_argument
from foredeck.app.cli.render import (
    format_option,
    put_json,
    put_table,
    say,
    short_time,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.amounts import size
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.records import ProjectFile
from foredeck.services.host.commands import AddProjectFile, DeleteProjectFile
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListProjectFiles

_ROLE = "foredeck projects files"


@click.group()
def files() -> None:
    """Give files to a project, list and delete them.

    Each is copied into the workspace; its content is kept once in the data directory.

    \b
    foredeck projects files add shop ~/spec.pdf --as docs/spec.pdf
    foredeck projects files list shop
    foredeck projects files delete shop docs/spec.pdf
    """


@files.command()
@project_argument
@click.argument("paths", metavar="FILE…", nargs=-1, required=True)
@click.option("--as", "name", default="", help="Its name in the workspace; for one FILE only.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Something to remember of it.")
@click.option("--replace", is_flag=True, help="Also where there is a file of that name already.")
@format_option
@click.pass_obj
def add(
    session: Session,
    project: str,
    paths: tuple[str, ...],
    name: str,
    metadata: tuple[str, ...],
    replace: bool,
    format_: str,
) -> None:
    """Copy FILEs into the workspace of PROJECT."""
    if name and len(paths) > 1:
        raise InvalidInput("--as names one file, and several are given.")
    pairs = tuple(map(_pair, metadata))

    async def work(host: Host) -> list[ProjectFile]:
        added = []
        for path in paths:
            source = str(Path.cwd() / Path(path).expanduser())
            command = AddProjectFile(project, source, name, pairs, replace)
            added.append(await host.do(command))
            say(f"✓ Added: {added[-1].name} ({size(added[-1].size)})")
        return added

    added = session.write(work, _ROLE)
    if format_ == "json":
        answers = [file_answer(file) for file in added]
        put_json(answers[0] if len(answers) == 1 else {"id": project, "items": answers})


@files.command("list")
@project_argument
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_files(session: Session, project: str, limit: int, offset: int, format_: str) -> None:
    """List the files that PROJECT was given, newest first."""
    page = session.read(lambda host: host.ask(ListProjectFiles(project, limit, offset)))
    if format_ == "json":
        put_page(page, [file_answer(file) for file in page.items])
    elif not page.items:
        say(f"No files yet. Give it one: foredeck projects files add {project} FILE")
    else:
        put_table(
            ("File", "Name", "Type", "Size", "SHA-256", "Added"),
            [_row(file) for file in page.items],
        )


@files.command()
@project_argument
@click.argument("file")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@click.pass_obj
def delete(session: Session, project: str, file: str, yes: bool, format_: str) -> None:
    """Delete FILE, and its copy with it.

    FILE is a name or an id. A copy that was changed since it was added stays.
    """
    if not yes:
        _confirm(file)
    removed = session.write(lambda host: host.do(DeleteProjectFile(project, file)), _ROLE)
    kept = f" Its copy stays: {removed.copy_kept}." if removed.copy_kept else ""
    say(f"✓ Deleted: {removed.file.name}.{kept}")
    if format_ == "json":
        put_json({**file_answer(removed.file), "copy_kept": removed.copy_kept or None})


def file_answer(file: ProjectFile) -> dict[str, Any]:
    """Return a file as the JSON answers show it."""
    return {
        "id": file.id,
        "project_id": file.project_id,
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "sha256": file.sha256,
        "uploaded_at": file.uploaded_at,
        "metadata": dict(file.metadata),
        "in_workspace": file.placed,
    }


def _row(file: ProjectFile) -> tuple[object, ...]:
    name = file.name if file.placed else f"{file.name} (not in the workspace)"
    return (
        file.id,
        name,
        file.type,
        size(file.size),
        file.sha256[:12],
        short_time(file.uploaded_at),
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise InvalidInput(f"--metadata {text!r} is not KEY=VALUE.")
    return key, value


def _confirm(file: str) -> None:
    if not sys.stdin.isatty():
        raise Conflict("Deleting wants a yes.", "Say --yes where nobody can be asked.")
    click.confirm(f"Delete {file}, and its copy in the workspace?", abort=True, err=True)
