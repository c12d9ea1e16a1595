"""`foredeck tasks …`: saved prompts, run by hand or by the clock."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.completion import complete_project, task_argument
from foredeck.app.cli.render import format_option, say
from foredeck.app.cli.session import Session
from foredeck.app.cli.task_answers import (
    line_answer,
    put_task,
    put_tasks,
)
from foredeck.app.cli.task_execute import execute, execution_status, executions, preview
from foredeck.app.cli.task_options import read_wish, task_options
from foredeck.app.cli.task_schedules import SCHEDULE_COMMANDS
from foredeck.services.domain.errors import UsageError
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.tasks import TaskRow, TaskWish, wish_of
from foredeck.services.host.interface import Command
from foredeck.services.host.task_requests import (
    ActivateTask,
    CreateTask,
    DeleteTask,
    GetTask,
    ListTasks,
    RestoreTask,
    UpdateTask,
)

_ROLE = "foredeck tasks"


@click.group()
def tasks() -> None:
    """Keep prompts, run them by hand or by the clock, and find their reports.

    A task is a prompt that is kept; each execution of it is a run. TASK is a name, an id, or the
    beginning of an id; EXECUTION is the id of its run, or the beginning of that.

    \b
    foredeck tasks create --name review --prompt-template "Review {{file}}" \\
        --allowed-tools Read --generate-report
    foredeck tasks execute review --variables '{"file": "main.py"}'
    foredeck tasks execution-status ID
    foredeck tasks update review --schedule-cron "0 3 * * 1-5"
    """


for _command in (execute, execution_status, executions, preview, *SCHEDULE_COMMANDS):
    tasks.add_command(_command)


@tasks.command()
@click.option("--name", required=True, help="What to call it.")
@click.option("--inactive", is_flag=True, help="Only store it; enable it later.")
@task_options
@format_option
@click.pass_obj
def create(session: Session, /, name: str, inactive: bool, format_: str, **given: Any) -> None:
    """Store a task: a prompt template and what it needs.

    Every mistake is told at once. Nothing runs until it is executed, or its time has come.

    \b
    foredeck tasks create --name review --prompt-template "Review {{file}}"
    foredeck tasks create --name nightly --prompt-file nightly.md \\
        --is-scheduled --schedule-cron "0 3 * * *" \\
        --generate-report --report-format pdf
    """
    blank = TaskWish(name, "", here=str(Path.cwd()), active=not inactive)
    wish = read_wish(blank, given, _local_zone)
    _change(session, CreateTask(wish), format_, "Task created")


@tasks.command("list")
@click.option("--tag", help="Only those with this tag.")
@click.option(
    "--project", shell_complete=complete_project, help="Those of this one, and the public ones."
)
@click.option("--deleted", is_flag=True, help="Those that were deleted instead.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_tasks(
    session: Session,
    tag: str | None,
    project: str | None,
    deleted: bool,
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List tasks, newest first.

    Without their prompts and variables, which foredeck tasks show has.
    """
    query = ListTasks(project, tag, deleted, limit, offset)
    page = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_page(page, [line_answer(row) for row in page.items])
    elif not page.items:
        say("Nothing here." if tag or project or deleted or offset else _NO_TASKS)
    else:
        put_tasks(page.items)
        if page.total > len(page.items):
            say(f"{len(page.items)} of {page.total}; --limit and --offset show more.")


_NO_TASKS = (
    "No tasks yet. A task is a prompt that is kept and run again; make one:\n"
    '  foredeck tasks create --name review --prompt-template "Review {{file}}"'
)


@tasks.command()
@task_argument
@format_option
@click.pass_obj
def show(session: Session, task: str, format_: str) -> None:
    """Show a task, its schedule and how its runs ended."""
    put_task(session.read(lambda host: host.ask(GetTask(task))), format_)


@tasks.command()
@task_argument
@click.option("--name", help="Call it otherwise.")
@task_options
@format_option
@click.pass_obj
def update(session: Session, /, task: str, format_: str, **given: Any) -> None:
    """Change a task; what is not given stays.

    Runs that are there stay as they are. A list that is given replaces the one before, but
    for --variable and --metadata, which are added. --allowed-tools all, --disallowed-tools
    none, --tags none and --notify default take a list away.

    \b
    foredeck tasks update review --schedule-cron "*/30 9-17 * * 1-5"
    foredeck tasks update review --no-schedule --tags nightly --tags python
    """
    ctx = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    if not any(ctx.get_parameter_source(n) is source for n in ctx.params if n != "task"):
        raise UsageError("What is to be changed?", "foredeck tasks update --help lists it.")
    row = session.read(lambda host: host.ask(GetTask(task)))
    before = replace(wish_of(row.task), project=None)
    wish = read_wish(before, given, _local_zone)
    _change(session, UpdateTask(row.id, wish), format_, "Task changed")


@tasks.command()
@task_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@click.pass_obj
def delete(session: Session, task: str, yes: bool, format_: str) -> None:
    """Take a task off the lists and stop its schedule.

    Its runs and reports stay. foredeck tasks restore brings it back.
    """
    row = session.read(lambda host: host.ask(GetTask(task)))
    if not yes and sys.stdin.isatty():
        say(f"The task {safe_line(row.name)} and its schedule stop; its runs and reports stay.")
        click.confirm("Delete it?", abort=True, err=True)
    _change(session, DeleteTask(row.id), format_, "Task deleted")


@tasks.command()
@task_argument
@format_option
@click.pass_obj
def restore(session: Session, task: str, format_: str) -> None:
    """Bring a deleted task back.

    By its id: foredeck tasks list --deleted shows it.
    """
    _change(session, RestoreTask(task), format_, "Task restored")


@tasks.command()
@task_argument
@format_option
@click.pass_obj
def enable(session: Session, task: str, format_: str) -> None:
    """Let a task be executed, by hand and by its schedule."""
    _change(session, ActivateTask(task), format_, "Task enabled")


@tasks.command()
@task_argument
@format_option
@click.pass_obj
def disable(session: Session, task: str, format_: str) -> None:
    """Let a task rest: nothing executes it then."""
    _change(session, ActivateTask(task, active=False), format_, "Task disabled")


def _change(session: Session, command: Command[TaskRow], format_: str, done: str) -> None:
    row = session.write(lambda host: host.do(command), _ROLE)
    say(f"✓ {done}: {row.id}")
    for warning in row.warnings:
        say(f"! {warning}")
    put_task(row, format_)


def _local_zone() -> str:
    from foredeck.services.scheduling.zones import machine_zone

    return machine_zone()
