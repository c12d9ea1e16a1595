"""`kill -9` of a real `foredeck serve` while it answers due times: each is answered once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.schedules import FireRow
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import ExecutionStatus
from foredeck.services.event_bus import EventBus
from foredeck.services.store.store import Store
from tests.support.cli_desk import PATIENCE, Desk, processes_of, until

pytestmark = pytest.mark.codex

REPOSITORY = Path(__file__).parents[3]
# Once a day, and never while a test runs.
LATEST = clock.now().replace(second=0, microsecond=0) - timedelta(hours=12)
CREATE = (
    "tasks", "create", "--name", "daily", "--prompt-template", "Look around", "--mode", "direct",
    "--is-scheduled", "--schedule-cron", f"{LATEST.minute} {LATEST.hour} * * *",
    "--timezone", "UTC",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    until(lambda: processes_of(desk.base) == [], "no process is left")


def _down_for(desk: Desk, days: int) -> list[datetime]:
    """Let it be as if no host had been there for some days; return the moments missed."""
    missed = [LATEST - timedelta(days=number) for number in reversed(range(days))]

    async def write() -> None:
        store = await Store.open(desk.data, EventBus())
        async with store.transaction() as tx:
            task = await tx.tasks.find("daily")
            await tx.tasks.save(replace(task, next_at=missed[0]))
        await store.close()

    asyncio.run(write())
    return missed


def _killed(desk: Desk, point: str) -> int:
    """Serve until the point is reached; return how that ended."""
    words = (sys.executable, "-m", "tests.support.killed_program", point, "serve")
    return subprocess.run(
        words, cwd=REPOSITORY, env=desk.environment(), capture_output=True, timeout=PATIENCE
    ).returncode


def _stored(desk: Desk) -> tuple[list[FireRow], list[ExecutionStatus]]:
    """Return what became of the moments and the executions, as they are in the file."""

    async def read() -> tuple[list[FireRow], list[ExecutionStatus]]:
        store = await Store.open(desk.data, EventBus(), read_only=True)
        fires = await store.queries.fires("daily")
        executions = await store.queries.executions("daily")
        await store.close()
        return list(fires.items), list(executions.items)

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("points", "stored"),
    [
        (("before ScheduleChanged", "before ScheduleChanged"), False),
        (("after ScheduleChanged",), True),
        (("before RunSaved/running",), True),
        (("after RunSaved/running",), True),
        (("before ScheduleChanged", "before RunSaved/running", "before RunSaved/running"), True),
    ],
)
def test_each_moment_is_answered_once_wherever_the_host_was_killed(
    desk: Desk, points: tuple[str, ...], stored: bool
) -> None:
    assert desk.run(*CREATE).code == 0
    missed = _down_for(desk, 5)
    for point in points:
        assert _killed(desk, point) == -signal.SIGKILL
    fires, executions = _stored(desk)
    assert (len(fires), len(executions)) == ((5, 1) if stored else (0, 0))

    host = desk.start("serve")
    until(lambda: any(one.ended_at for one in _stored(desk)[1]), "a run was made and has ended")
    host.send_signal(signal.SIGTERM)
    said = host.communicate(timeout=PATIENCE)[1]

    fires, (execution,) = _stored(desk)
    assert [fire.state.value for fire in fires] == ["started"] + ["missed"] * 4, said
    assert sorted(fire.due_at for fire in fires) == missed
    assert (execution.id, execution.due_at) == (fires[0].run_id, missed[-1])
    assert (execution.trigger, execution.state) == (Trigger.SCHEDULE, RunState.SUCCESS)
    row = desk.run("tasks", "show", "daily", "--format", "json").answer
    assert row["executions"] == 1
    assert datetime.fromisoformat(row["next_at"]) > clock.now()


def test_a_host_that_ends_when_idle_stays_while_a_task_is_scheduled(desk: Desk) -> None:
    assert desk.run(*CREATE).code == 0
    host = desk.start("serve", "--until-idle", "--idle", "0")
    assert host.stderr is not None
    lines = iter(host.stderr.readline, "")
    assert any("Staying, also when idle: tasks are scheduled." in line for line in lines)
    board = desk.run("tasks", "pause-all", "--format", "json").answer
    assert board["paused_at"] is not None
    assert host.wait(PATIENCE) == 0
    said = host.stderr.read()
    assert "No task is scheduled any more: ends when idle." in said
    assert desk.run("tasks", "next", "--format", "json").answer["host_starts"] is False
    again = desk.start("serve", "--until-idle", "--idle", "0")
    assert again.wait(PATIENCE) == 0
