"""A stage runner for tests of the orchestrator: it does what each test says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.codex import failures
from foredeck.services.domain.errors import StepFailed, TurnLost
from foredeck.services.domain.records import Failure, FailureClass, Verdict

Behaviour = Callable[[StageTask], Awaitable[StageOutcome]]


@dataclass
class FakeStages:
    """Calls the behaviour set for a step key, else succeeds; remembers every call."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    calls: list[tuple[str, int]] = field(default_factory=list)
    tasks: list[StageTask] = field(default_factory=list)

    async def run(self, task: StageTask) -> StageOutcome:
        self.calls.append((task.step.key, task.attempt))
        self.tasks.append(task)
        behaviour = self.behaviours.get(task.step.key, succeed)
        return await behaviour(task)


async def succeed(task: StageTask) -> StageOutcome:
    """Finish at once; the last stage approves."""
    approves = task.role == "prod_ready"
    return StageOutcome(
        summary=f"{task.step.key} is done", verdict=Verdict("APPROVED") if approves else None
    )


async def send_back(task: StageTask) -> StageOutcome:
    """Return a verdict that wants more work."""
    return StageOutcome("not yet", Verdict("NEEDS_WORK", items=("the tests are missing",)))


def fail(failure_class: FailureClass, times: int = 1000) -> Behaviour:
    """Fail the first `times` attempts, then succeed."""
    failed = 0

    async def behaviour(task: StageTask) -> StageOutcome:
        nonlocal failed
        if failed < times:
            failed += 1
            raise StepFailed(Failure(failure_class, "It did not work.", "Try again."))
        return await succeed(task)

    return behaviour


def lose(times: int = 1) -> Behaviour:
    """Lose the codex turn in the first `times` attempts, then succeed."""
    lost = 0

    async def behaviour(task: StageTask) -> StageOutcome:
        nonlocal lost
        if lost < times:
            lost += 1
            raise TurnLost(failures.lost())
        return await succeed(task)

    return behaviour


@dataclass
class Hold:
    """A stage that works until it is released or cancelled."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def __call__(self, task: StageTask) -> StageOutcome:
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return await succeed(task)
