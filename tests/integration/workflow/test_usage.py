"""Tokens over whole runs: seen while a stage works, counted once at its end."""

import asyncio
from dataclasses import dataclass, field

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Job, Role, TokenUsage
from foredeck.services.domain.states import JobState, RunState
from tests.integration.workflow.conftest import House
from tests.support import records as make
from tests.support.stages import send_back, succeed

TURN, ANSWER = TokenUsage(1000, 400, 50, 20), TokenUsage(300, 100, 40, 0)


@dataclass
class Spends:
    """A stage whose codex turn and agent use tokens; its first `failures` attempts fail."""

    house: House
    failures: int = 0
    works: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, task: StageTask) -> StageOutcome:
        job = await self._begin(task)
        self.works.set()
        await self.go_on.wait()
        async with self.house.store.transaction() as tx:
            await tx.move_job(job.id, JobState.COMPLETED, usage=TURN)
        if task.attempt <= self.failures:
            raise StepFailed(Failure(FailureClass.NETWORK, "It is away."))
        return await succeed(task)

    async def _begin(self, task: StageTask) -> Job:
        """Answer, start a turn, and let half of its tokens be known."""
        job = make.job(task.step, attempt=task.attempt, model="codex-model")
        half = TokenUsage(TURN.input // 2, TURN.cached_input // 2, TURN.output // 2, 10)
        said = make.message(
            task.step, attempt=task.attempt, role=Role.ASSISTANT, model="agent", usage=ANSWER
        )
        async with self.house.store.transaction() as tx:
            await tx.messages.add(said)
            await tx.jobs.add(job)
            await tx.move_job(job.id, JobState.IN_PROGRESS, usage=half)
        return job


async def test_a_working_stage_shows_its_tokens_as_they_grow(house: House) -> None:
    builder = Spends(house)
    house.stages.behaviours["builder"] = builder
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await asyncio.wait_for(builder.works.wait(), 10)
    detail = await house.store.queries.run(run.id)
    assert detail.run.state is RunState.RUNNING
    assert detail.steps[1].usage == detail.run.usage == TokenUsage(800, 300, 65, 10)
    builder.go_on.set()
    detail = await house.finished(run.id)
    assert detail.steps[1].usage == detail.run.usage == TURN + ANSWER


async def test_a_retry_adds_to_what_the_failed_attempt_used(house: House) -> None:
    builder, checks = Spends(house, failures=1), Spends(house)
    builder.go_on.set()
    checks.go_on.set()
    house.stages.behaviours |= {"builder": builder, "qa_qc": checks}
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.SUCCESS
    one = TURN + ANSWER
    assert [step.usage for step in detail.steps] == [TokenUsage(), one + one, one, TokenUsage()]
    assert detail.run.usage == one + one + one
    assert await house.store.queries.usage_by_model(run.id) == (
        ("agent", ANSWER + ANSWER + ANSWER),
        ("codex-model", TURN + TURN + TURN),
    )
    assert await house.store.queries.tokens_total() == detail.run.usage
    async with house.store.transaction() as tx:
        attempts = await tx.attempts.of_step(detail.steps[1].id)
    assert [attempt.usage for attempt in attempts] == [one, one]


async def test_a_round_of_rework_counts_its_own_steps(house: House) -> None:
    builder, again = Spends(house), Spends(house)
    builder.go_on.set()
    again.go_on.set()
    house.stages.behaviours |= {"builder": builder, "builder#2": again}
    house.stages.behaviours["prod_ready"] = send_back
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    by_key = {step.key: step.usage for step in detail.steps}
    assert by_key["builder"] == by_key["builder#2"] == TURN + ANSWER
    assert detail.run.usage == by_key["builder"] + by_key["builder#2"]
