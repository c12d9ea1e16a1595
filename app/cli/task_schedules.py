"""`foredeck tasks schedule|next|due-times|pause-all|resume-all`: what the clock starts, and did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.completion import complete_task
from foredeck.app.cli.render import (
    format_option,
    local_time,
    plain,
    put_json,
    put_pairs,
    put_table,
    say,
    short_time,
    state_word,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import HostBusy
from foredeck.services.domain.schedules import FireRow, ScheduleBoard
from foredeck.services.domain.tasks import TaskLine
from foredeck.services.host.interface import Host
from foredeck.services.host.task_requests import (
    GetScheduleBoard,
    ListFires,
    ListTasks,
    PauseSchedules,
    PreviewSchedule,
)

_ROLE = "foredeck tasks"
_PAGE = 500


@click.command()
@click.argument("cron")
@click.option(
    "--timezone", metavar="ZONE", default="", help="Such as Europe/Berlin; default: this machine's."
)
@click.option("--count", type=click.IntRange(1, 1000), default=5, show_default=True)
@format_option
@click.pass_obj
def schedule(session: Session, cron: str, timezone: str, count: int, format_: str) -> None:
    """Show when a cron expression is due next.

    Or what is wrong with it. Five fields: minute, hour, day of the month, month, day of the
    week; or @hourly, @daily, @weekly, @monthly, @yearly.

    \b
    foredeck tasks schedule "0 3 * * 1-5"           03:00, Monday to Friday
    foredeck tasks schedule "*/30 9-17 * * *" --count 20
    foredeck tasks schedule "0 2 L * *"             the last day of a month
    """
    query = PreviewSchedule(cron, timezone, count)
    moments = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_json({"cron": cron, "timezone": timezone or None, "due_times": moments})
        return
    for moment in moments:
        click.echo(f"{datetime.fromisoformat(moment):%a %Y-%m-%d %H:%M %z}")


@click.command("next")
@format_option
@click.pass_obj
def next_tasks(session: Session, format_: str) -> None:
    """Show which tasks are due next, and when.

    And whether a host is there that starts them.
    """

    async def work(host: Host) -> tuple[ScheduleBoard, list[TaskLine]]:
        return await host.ask(GetScheduleBoard()), await _scheduled(host)

    board, rows = session.read(work)
    if format_ == "json":
        put_json({**_board_answer(board), "items": [_next_answer(row) for row in rows]})
        return
    silent = None if board.runs else _silent_host(session)
    _put_board(board, silent)
    if rows:
        click.echo()
        put_table(("Next", "Task", "Name", "Schedule", "Project"), [_next_line(r) for r in rows])
    _say_what_hinders(board, silent)


@click.command("due-times")
@click.argument("task", required=False, shell_complete=complete_task)
@click.option("--odd", is_flag=True, help="Only what did not simply start a run.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def due_times(
    session: Session, task: str | None, odd: bool, limit: int, offset: int, format_: str
) -> None:
    """List what became of due times, the latest first.

    started, queued until the run before is over, skipped because it was not, missed because no
    host was there or the schedules were paused, or failed because no run could be made.

    \b
    foredeck tasks due-times nightly
    foredeck tasks due-times --odd          what a person may want to look at
    """
    query = ListFires(task, odd, limit, offset)
    page = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_page(page, [plain(row) for row in page.items])
    elif page.items:
        put_table(("Due", "State", "Name", "Run", "Reason"), [_fire_line(r) for r in page.items])
        if page.total > len(page.items):
            say(f"{len(page.items)} of {page.total}; --limit and --offset show others.")
    elif odd or offset:
        say("Nothing odd: whatever was due has started.")
    else:
        say("Nothing was due yet. foredeck tasks next shows what will be.")


@click.command("pause-all")
@format_option
@click.pass_obj
def pause_all(session: Session, format_: str) -> None:
    """Let no schedule start anything.

    Until foredeck tasks resume-all; runs at work go on. It outlasts a restart. What comes due
    meanwhile counts as missed when they go on.
    """
    _change(session, PauseSchedules(paused=True), format_)


@click.command("resume-all")
@format_option
@click.pass_obj
def resume_all(session: Session, format_: str) -> None:
    """Let the schedules go on after tasks pause-all."""
    _change(session, PauseSchedules(paused=False), format_)


SCHEDULE_COMMANDS = (schedule, next_tasks, due_times, pause_all, resume_all)
"""What belongs to the group `tasks`."""


def _change(session: Session, command: PauseSchedules, format_: str) -> None:
    board = session.write(lambda host: host.do(command), _ROLE)
    if format_ == "json":
        put_json(_board_answer(board))
    else:
        _put_board(board)


async def _scheduled(host: Host) -> list[TaskLine]:
    """Return all tasks that have a next moment, the soonest first."""
    rows: list[TaskLine] = []
    offset, total = 0, 1
    while offset < total:
        page = await host.ask(ListTasks(limit=_PAGE, offset=offset))
        rows += [row for row in page.items if row.task.next_at is not None]
        offset, total = offset + _PAGE, page.total
    return sorted(rows, key=lambda row: (str(row.task.next_at), row.id))


def _board_answer(board: ScheduleBoard) -> dict[str, Any]:
    return {
        "paused_at": board.paused_at,
        "scheduled": board.scheduled,
        "next_task_id": board.next_task_id or None,
        "next_task": board.next_task_name or None,
        "next_at": board.next_at,
        "missed_24h": board.missed,
        "failed_24h": board.failed,
        "queued": board.queued,
        "host_starts": board.runs,
    }


def _next_answer(row: TaskLine) -> dict[str, Any]:
    planned = row.task.schedule
    return {
        "id": row.id,
        "name": row.name,
        "project": row.project_name,
        "next_at": row.task.next_at,
        "cron": planned.cron if planned else None,
        "timezone": planned.timezone if planned else None,
    }


def _put_board(board: ScheduleBoard, silent: HostBusy | None = None) -> None:
    since = f"paused since {local_time(board.paused_at)}" if board.paused_at else "go on"
    due = f"{local_time(board.next_at)} {board.next_task_name}" if board.next_at else "none"
    put_pairs(
        {
            "Schedules": since,
            "Scheduled tasks": board.scheduled,
            "Next": due,
            "Queued": board.queued,
            "Missed in 24 hours": board.missed,
            "Failed in 24 hours": board.failed,
            "Host": _host_word(board, silent),
        }
    )


def _host_word(board: ScheduleBoard, silent: HostBusy | None) -> str:
    if board.runs:
        return "there, and starts what is due"
    return "starts nothing just now" if silent else "none"


def _silent_host(session: Session) -> HostBusy | None:
    """Return who holds the data directory, if anybody does: it is stopped, or a short command."""
    from foredeck.services.host.lock import is_held, unheard

    where = session.settings.data_dir
    return unheard(where) if is_held(where) else None


def _say_what_hinders(board: ScheduleBoard, silent: HostBusy | None = None) -> None:
    if board.paused_at is not None:
        say("Nothing starts while they are paused. Go on with: foredeck tasks resume-all")
    elif board.scheduled and silent:
        say(f"{silent.message} {silent.advice}")
    elif board.scheduled and not board.runs:
        say("No host is there to start them. Start one: foredeck, or foredeck serve")
    if board.missed or board.failed:
        say("Which due times, and why: foredeck tasks due-times --odd")


def _next_line(row: TaskLine) -> tuple[object, ...]:
    planned = row.task.schedule
    words = f"{planned.cron} ({planned.timezone})" if planned else ""
    return (short_time(row.task.next_at), row.id, row.name, words, row.project_name)


def _fire_line(row: FireRow) -> tuple[object, ...]:
    due = short_time(row.due_at)
    return (due, state_word(row.state), row.task_name, row.run_id or "–", row.reason)
