"""When a failed step is tried again (SPEC D3), by a clock that only the test moves."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from pathlib import Path

import pytest

from foredeck.services.domain.records import FailureClass, StepKind
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import StepRow
from foredeck.services.domain.workflow import Backoff, RetryPolicy
from tests.integration.workflow.conftest import PATIENCE, House, build
from tests.support.dags import work
from tests.support.stages import FakeStages, fail
from tests.support.still_clock import Clock


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def backing_off(house: House, run_id: str, key: str, attempt: int) -> StepRow:
    """Wait until an attempt of the step has failed and return the step."""
    async with asyncio.timeout(PATIENCE):
        while True:
            steps = (await house.store.queries.run(run_id)).steps
            step = next(step for step in steps if step.key == key)
            if step.state is StepState.RETRY and step.attempt == attempt:
                return step
            await asyncio.sleep(0.005)


async def delays(house: House, time: Clock, policy: RetryPolicy) -> list[float]:
    """Return the seconds between each attempt of a step and the next, as they are stored."""
    house.stages.behaviours["flaky"] = fail(FailureClass.NETWORK, times=policy.max)
    run = await house.new_dag(work("flaky", retries=policy))
    await house.orchestrator.start(run.id)
    found = []
    for attempt in range(1, policy.max + 1):
        step = await backing_off(house, run.id, "flaky", attempt)
        wait = step.retry_at - time.now if step.retry_at else timedelta()
        found.append(wait.total_seconds())
        assert house.stages.calls[-1] == ("flaky", attempt)
        time.now += wait
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[0].attempt == policy.max + 1
    return found


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (Backoff.EXPONENTIAL, [10, 20, 40, 60]),
        (Backoff.LINEAR, [10, 20, 30, 40]),
        (Backoff.CONSTANT, [10, 10, 10, 10]),
    ],
)
async def test_the_delays_grow_as_the_policy_says(
    house: House, time: Clock, backoff: Backoff, expected: list[float]
) -> None:
    policy = RetryPolicy(max=4, delay=10, backoff=backoff, max_delay=60)
    assert await delays(house, time, policy) == expected


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [8, 16]), (0.75, [11, 20])])
async def test_the_jitter_spreads_a_delay_below_its_cap(
    house: House,
    time: Clock,
    monkeypatch: pytest.MonkeyPatch,
    chance: float,
    expected: list[float],
) -> None:
    monkeypatch.setattr(random, "random", lambda: chance)
    policy = RetryPolicy(max=2, delay=10, max_delay=20, jitter=0.2)
    assert await delays(house, time, policy) == expected


async def test_every_step_has_a_policy_of_its_own_and_starts_when_its_time_comes(
    house: House, time: Clock
) -> None:
    house.stages.behaviours |= {
        "soon": fail(FailureClass.NETWORK, times=1),
        "late": fail(FailureClass.NETWORK, times=1),
    }
    run = await house.new_dag(
        work("soon", retries=RetryPolicy(max=1, delay=5)),
        work("late", retries=RetryPolicy(max=1, delay=500, max_delay=1000)),
    )
    await house.orchestrator.start(run.id)
    await backing_off(house, run.id, "soon", 1)
    await backing_off(house, run.id, "late", 1)
    time.pass_(5)
    async with asyncio.timeout(PATIENCE):
        detail = await house.store.queries.run(run.id)
        while (detail.steps[0].state, detail.run.state) != (StepState.SUCCESS, RunState.RETRY):
            await asyncio.sleep(0.005)
            detail = await house.store.queries.run(run.id)
    assert ("late", 2) not in house.stages.calls
    time.pass_(495)
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS


async def test_the_time_of_the_next_attempt_survives_the_host(tmp_path: Path, time: Clock) -> None:
    stages = FakeStages({"flaky": fail(FailureClass.NETWORK, times=1)})
    house = await build(tmp_path / "data", stages)
    await house.projects.create("demo")
    run = await house.new_dag(work("flaky", retries=RetryPolicy(max=1, delay=100)))
    await house.orchestrator.start(run.id)
    before = await backing_off(house, run.id, "flaky", 1)
    assert before.retry_at == time.now + timedelta(seconds=100)
    await house.depart()
    await house.store.close()

    time.pass_(60)
    later = await build(tmp_path / "data", stages)
    await later.orchestrator.recover()
    after = await backing_off(later, run.id, "flaky", 1)
    assert after.retry_at == before.retry_at
    assert stages.calls == [("flaky", 1)]
    time.pass_(40)
    detail = await later.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    assert stages.calls == [("flaky", 1), ("flaky", 2)]
    await later.orchestrator.close()
    await later.store.close()


@pytest.mark.parametrize(
    ("kind", "attempts"), [(StepKind.COMMAND, 2), (StepKind.CODEX, 1), (StepKind.AGENT, 1)]
)
@pytest.mark.parametrize("failure", [FailureClass.COMMAND, FailureClass.TIMEOUT])
async def test_only_commands_are_tried_again_for_their_exit_code_or_time(
    house: House, kind: StepKind, attempts: int, failure: FailureClass
) -> None:
    house.stages.behaviours["step"] = fail(failure)
    detail = await house.ran(work("step", kind=kind, retries=RetryPolicy(max=1, delay=0.0)))
    assert detail.steps[0].attempt == attempts
    assert detail.run.state is RunState.FAILED
