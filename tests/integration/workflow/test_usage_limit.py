"""A usage limit with a known end is waited for; it costs no attempt, and nobody has to act."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.workflow import usage_wait
from tests.integration.workflow.conftest import House, build
from tests.support.stages import FakeStages, succeed
from tests.support.still_clock import Clock

PATIENCE = 20.0


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Limited:
    """A stage that is refused until the clock says so."""

    def __init__(self, time: Clock, until: datetime) -> None:
        self.time = time
        self.until = until

    async def __call__(self, task: StageTask) -> StageOutcome:
        if self.time.now < self.until:
            raise StepFailed(
                Failure(
                    FailureClass.USAGE_LIMIT,
                    "The account's usage limit is reached.",
                    "Wait for the reset and retry.",
                    retry_at=self.until,
                )
            )
        return await succeed(task)


async def waiting(house: House, run_id: str) -> RunDetail:
    async with asyncio.timeout(PATIENCE):
        while True:
            detail = await house.store.queries.run(run_id)
            if detail.run.state is RunState.WAITING:
                return detail
            await asyncio.sleep(0.01)


async def test_it_waits_and_starts_again_by_itself(house: House, time: Clock) -> None:
    until = time.now + timedelta(hours=2)
    house.stages.behaviours["builder"] = Limited(time, until)
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await waiting(house, run.id)
    step = detail.steps[1]
    assert (step.state, step.retry_at) == (StepState.WAITING, until)
    assert step.reason == f"usage limit: waiting until {until.astimezone():%H:%M}"
    assert step.max_attempts - step.attempt == detail.steps[2].max_attempts
    assert step.failure
    assert step.failure.retry_at == until
    assert detail.waits_for_time

    time.now = until - timedelta(seconds=1)
    await asyncio.sleep(0.1)  # it looks at the clock several times meanwhile
    assert (await house.states(run.id))["builder"] == "waiting"
    time.now = until
    finished = await house.finished(run.id)
    assert finished.run.state is RunState.SUCCESS
    assert house.stages.calls.count(("builder", 2)) == 1
    spare = finished.steps[1].max_attempts - finished.steps[1].attempt
    assert spare == finished.steps[2].max_attempts - finished.steps[2].attempt


async def test_the_wait_survives_a_restart(tmp_path: Path, time: Clock) -> None:
    until = time.now + timedelta(days=2)
    stages = FakeStages({"planner": Limited(time, until)})
    house = await build(tmp_path / "data", stages)
    await house.projects.create("demo")
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await waiting(house, run.id)
    assert detail.steps[0].reason == usage_wait.reason(until, time.now)
    assert f"{until.astimezone():%b %d %H:%M}" in detail.steps[0].reason
    await house.depart()  # as kill -9 does: the database stays as it is
    await house.store.close()

    later = await build(tmp_path / "data", stages)
    await later.orchestrator.recover()
    assert (await later.states(run.id))["planner"] == "waiting"
    time.now = until + timedelta(minutes=5)
    finished = await later.finished(run.id)
    assert finished.run.state is RunState.SUCCESS
    await later.orchestrator.close()
    await later.store.close()


async def test_a_person_may_not_want_to_wait(house: House, time: Clock) -> None:
    limited = Limited(time, time.now + timedelta(hours=2))
    house.stages.behaviours["planner"] = limited
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await waiting(house, run.id)
    limited.until = time.now
    async with asyncio.timeout(PATIENCE):
        await house.orchestrator.retry(run.id)
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS


async def test_a_waiting_run_can_be_cancelled(house: House, time: Clock) -> None:
    house.stages.behaviours["planner"] = Limited(time, time.now + timedelta(hours=2))
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await waiting(house, run.id)
    async with asyncio.timeout(PATIENCE):
        cancelled = await house.orchestrator.cancel(run.id, "enough")
    assert cancelled.state is RunState.CANCELLED


async def test_without_a_time_it_fails_as_before(house: House, time: Clock) -> None:
    async def refused(task: StageTask) -> StageOutcome:
        raise StepFailed(Failure(FailureClass.USAGE_LIMIT, "The quota is used up."))

    house.stages.behaviours["planner"] = refused
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    assert (await house.finished(run.id)).run.state is RunState.FAILED
    assert house.stages.calls == [("planner", 1)]
