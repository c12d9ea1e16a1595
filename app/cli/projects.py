"""`foredeck projects …`: workspaces with a name."""

from __future__ import annotations

import click

from foredeck.app.cli.answers import project_answer, put_page
from foredeck.app.cli.completion import project_argument
from foredeck.app.cli.project_files import files
from foredeck.app.cli.project_settings import env, mcp, put_settings, set_, settings_answer, unset
from foredeck.app.cli.render import (
    format_option,
    local_time,
    put_json,
    put_pairs,
    put_table,
    say,
    short_time,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.views import ProjectRow
from foredeck.services.host.commands import ArchiveProject, CreateProject, UpdateProject
from foredeck.services.host.interface import Command, Host
from foredeck.services.host.queries import GetProjectSettings, ListProjects
from foredeck.services.host.task_requests import ListTasks

# Of the tasks of a project that is archived, how many are looked through, and named.
_LOOKED_AT = 500
_SHOWN = 5


@click.group()
def projects() -> None:
    """Create, list and change projects: workspaces with a name.

    PROJECT is a name, an id, or the beginning of an id.

    \b
    foredeck projects create shop --workspace ~/src/shop
    foredeck projects list --format json
    foredeck projects set shop verify="pytest -q"
    """


for _command in (files, set_, unset, env, mcp):
    projects.add_command(_command)


@projects.command("list")
@click.option("--all", "archived", is_flag=True, help="Archived ones too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_projects(session: Session, archived: bool, limit: int, offset: int, format_: str) -> None:
    """List projects, newest first."""
    page = session.read(lambda host: host.ask(ListProjects(limit, offset, archived)))
    if format_ == "json":
        put_page(page, [project_answer(row) for row in page.items])
    elif not page.items:
        say("No projects yet. Make one: foredeck projects create NAME [--workspace DIR]")
    else:
        rows = [
            (row.id, row.name, row.runs, row.active_runs, short_time(row.last_run_at),
             row.workspace + (" (archived)" if row.archived else ""))
            for row in page.items
        ]  # fmt: skip
        put_table(("Project", "Name", "Runs", "Active", "Last run", "Workspace"), rows)


@projects.command()
@click.argument("name")
@click.option(
    "--workspace", metavar="DIR", help="An existing directory; without it a new one is made."
)
@click.option("--description", default="", help="What the project is for.")
@click.option("--model", help="The model that codex uses here.")
@click.option("--sandbox", type=click.Choice([s.value for s in Sandbox]), help="codex's sandbox.")
@click.option("--mode", type=click.Choice([m.value for m in Mode]), help="How stages work.")
@format_option
@click.pass_obj
def create(
    session: Session,
    name: str,
    workspace: str | None,
    description: str,
    model: str | None,
    sandbox: str | None,
    mode: str | None,
    format_: str,
) -> None:
    """Create a project called NAME.

    \b
    foredeck projects create shop --workspace ~/src/shop --mode direct
    foredeck projects create idea        a new directory below workspaces_root
    """
    command = CreateProject(
        name,
        workspace,
        description,
        model,
        Sandbox(sandbox) if sandbox else None,
        Mode(mode) if mode else None,
    )
    _change(session, command, format_, "Project created")


@projects.command()
@project_argument
@format_option
@click.pass_obj
def show(session: Session, project: str, format_: str) -> None:
    """Show one project with its settings, and where each is from."""
    view = session.read(lambda host: host.ask(GetProjectSettings(project)))
    if format_ == "json":
        put_json(settings_answer(view))
        return
    _put(view.project, format_)
    put_settings(view)


@projects.command()
@project_argument
@click.argument("name")
@format_option
@click.pass_obj
def rename(session: Session, project: str, name: str, format_: str) -> None:
    """Give PROJECT another NAME; its workspace stays where it is."""
    _change(session, UpdateProject(project, name=name), format_, "Project renamed")


@projects.command()
@project_argument
@click.argument("description")
@format_option
@click.pass_obj
def describe(session: Session, project: str, description: str, format_: str) -> None:
    """Say what PROJECT is for."""
    _change(session, UpdateProject(project, description=description), format_, "Project described")


@projects.command()
@project_argument
@format_option
@click.pass_obj
def archive(session: Session, project: str, format_: str) -> None:
    """Hide PROJECT from the lists; nothing is deleted."""
    row = _change(session, ArchiveProject(project), format_, "Project archived")
    if names := session.read(lambda host: _scheduled_in(host, row)):
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        say(f"! Tasks are scheduled in it, and will fail each time: {shown}.")
        say("  foredeck tasks disable TASK ends that.")


@projects.command()
@project_argument
@format_option
@click.pass_obj
def restore(session: Session, project: str, format_: str) -> None:
    """Bring an archived PROJECT back."""
    _change(session, ArchiveProject(project, archived=False), format_, "Project restored")


async def _scheduled_in(host: Host, project: ProjectRow) -> list[str]:
    """Return the names of the tasks of the project that the clock would start."""
    page = await host.ask(ListTasks(project=project.id, limit=_LOOKED_AT))
    tasks = (row.task for row in page.items)
    return [
        safe_line(task.name, limit=60)
        for task in tasks
        if task.project_id == project.id and task.next_at is not None
    ]


def _change(session: Session, command: Command[ProjectRow], format_: str, done: str) -> ProjectRow:
    row = session.write(lambda host: host.do(command), "foredeck projects")
    say(f"✓ {done}: {row.id}")
    _put(row, format_)
    return row


def _put(row: ProjectRow, format_: str) -> None:
    if format_ == "json":
        put_json(project_answer(row))
        return
    put_pairs(
        {
            "Project": row.id,
            "Name": row.name,
            "Description": row.description or "–",
            "Workspace": row.workspace,
            "Archived": "yes" if row.archived else "no",
            "Runs": f"{row.runs} ({row.active_runs} active)",
            "Created": local_time(row.created_at),
            "Last run": local_time(row.last_run_at),
        }
    )
