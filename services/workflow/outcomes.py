"""How an attempt begins and ends in the database."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path

from foredeck.services.agents.stage import StageOutcome
from foredeck.services.codex.run_files import RunPaths
from foredeck.services.domain import clock
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import (
    Attempt,
    Failure,
    FailureClass,
    Project,
    Role,
    Run,
    Step,
    TokenUsage,
)
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import RetryPolicy, StepSpec, WorkflowSpec
from foredeck.services.questions.withdrawal import withdraw
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import definition, retry, usage_wait
from foredeck.services.workflow.judging import no_rework
from foredeck.services.workflow.rework import append_rework
from foredeck.services.workflow.sending_back import after_failure, after_success


@dataclass(frozen=True)
class RunContext:
    """What does not change while a run is driven."""

    project: Project
    run: Run
    workflow: WorkflowSpec

    @cached_property
    def _specs(self) -> dict[str, StepSpec]:
        return {spec.id: spec for spec in self.workflow.steps}

    def spec_of(self, step: Step) -> StepSpec:
        """Return the definition that the step is an instance of."""
        return self._specs[step.spec_id]

    def by_priority(self, steps: Iterable[Step]) -> list[Step]:
        """Return steps that may start in the order in which they are to: SPEC D2."""
        return sorted(steps, key=lambda step: -self.spec_of(step).priority)


@dataclass(frozen=True)
class _Ending:
    state: StepState
    failure: Failure | None = None
    outcome: StageOutcome | None = None
    reason: str = ""
    retry_at: datetime | None = None


class Outcomes:
    """Stores the beginning and the end of attempts."""

    def __init__(self, output_root: Path) -> None:
        self._output_root = output_root

    async def begin(self, tx: Transaction, step: Step) -> tuple[Step, Attempt]:
        """Make the step running and return it with its new attempt."""
        attempt = await self._new_attempt(tx, step)
        return await self._store_beginning(tx, step, attempt), attempt

    async def resume(self, tx: Transaction, step: Step) -> tuple[Step, Attempt]:
        """Return the step with the attempt that an earlier host left under way.

        What was being said then is complete now; tool calls are answered by whoever goes on.
        """
        attempt = await tx.attempts.latest(step.id)
        if attempt is None or attempt.ended_at is not None:
            raise StoreError(f"The step {step.key} is {step.state} without an attempt.")
        for message in await tx.messages.of_step(step.id):
            if not message.complete and message.role is not Role.TOOL:
                await tx.messages.save(replace(message, complete=True))
        return step, attempt

    async def lose(self, tx: Transaction, step: Step, attempt: Attempt, failure: Failure) -> None:
        """Store that the attempt's turn vanished; a person decides what follows."""
        ending = _Ending(StepState.WAITING, failure, reason=failure.message)
        await self._end(tx, step, attempt, ending)

    async def succeed(
        self,
        tx: Transaction,
        context: RunContext,
        step: Step,
        attempt: Attempt,
        outcome: StageOutcome,
    ) -> None:
        """Store the outcome; a verdict that sends work back appends fresh instances."""
        ending = _Ending(StepState.SUCCESS, outcome=outcome)
        if (verdict := outcome.verdict) and not verdict.approved:
            workflow, summary = context.workflow, outcome.summary
            why_not = partial(no_rework, workflow, step=step, summary=summary)
            if why := await append_rework(tx, workflow, step, why_not):
                ending = _Ending(StepState.FAILED, _rejected(verdict.items, why), outcome)
        elif failure := await after_success(tx, context.workflow, step, outcome.summary):
            ending = _Ending(StepState.FAILED, failure, outcome)
        await self._end(tx, step, attempt, ending)

    async def fail(
        self, tx: Transaction, context: RunContext, step: Step, attempt: Attempt, failure: Failure
    ) -> None:
        """Store the failure, and the time of the next attempt if there is one.

        Where there is none, it may send the work back.
        """
        ending = _ending_of(failure, step, attempt, context.spec_of(step).retries)
        if ending.state is StepState.FAILED:
            failure = await after_failure(tx, context.workflow, step, failure)
            ending = replace(ending, failure=failure)
        await self._end(tx, step, attempt, ending)

    async def cancel(self, tx: Transaction, step: Step, attempt: Attempt, reason: str) -> None:
        """Store that the attempt was stopped, and why."""
        await self._end(tx, step, attempt, _Ending(StepState.CANCELLED, reason=reason))

    async def refuse(self, tx: Transaction, step: Step, failure: Failure) -> None:
        """Store an attempt that failed before anything was done."""
        attempt = await self._new_attempt(tx, step)
        await self._store_beginning(tx, step, attempt)
        await self._end(tx, step, attempt, _Ending(StepState.FAILED, failure))

    async def go_on(self, tx: Transaction, step: Step) -> None:
        """Begin an attempt that continues the conversation of the last one."""
        attempt = await self._new_attempt(tx, step, continues=step.attempt)
        await self._store_beginning(tx, step, attempt)

    async def _new_attempt(self, tx: Transaction, step: Step, continues: int = 0) -> Attempt:
        number = step.attempt + 1
        return Attempt(
            id=new_id(),
            step_id=step.id,
            run_id=step.run_id,
            number=number,
            state=StepState.RUNNING,
            output_path=str(await self._output_path(tx, step, number)),
            started_at=clock.now(),
            continues=continues,
        )

    async def _output_path(self, tx: Transaction, step: Step, number: int) -> Path:
        """A run with files of its own has one log for all its attempts (SPEC C12)."""
        run = await tx.runs.get(step.run_id)
        specs = {spec.id: spec for spec in definition.from_json(run.definition).steps}
        if log_dir := specs[step.spec_id].log_dir:
            return RunPaths.of(log_dir, step.run_id).log
        return self._output_root / step.run_id / f"{step.key.replace('#', '-')}.{number}.log"

    async def _store_beginning(self, tx: Transaction, step: Step, attempt: Attempt) -> Step:
        await tx.attempts.add(attempt)
        moved = await tx.move_step(
            step.id,
            StepState.RUNNING,
            attempt=attempt.number,
            max_attempts=max(step.max_attempts, attempt.number),
            started_at=attempt.started_at,
            ended_at=None,
            retry_at=None,
            failure=None,
        )
        run = await tx.runs.get(step.run_id)
        await tx.runs.save(replace(run, current_stage=step.key))
        return moved

    async def _end(self, tx: Transaction, step: Step, attempt: Attempt, ending: _Ending) -> None:
        if (await tx.attempts.get(attempt.id)).ended_at is not None:
            return  # a person has skipped the step meanwhile, or gone back before it
        moment = clock.now()
        await withdraw(tx, await tx.questions.open_of_step(step.id))
        usage = await _attempt_usage(tx, step, attempt)
        await tx.attempts.save(
            replace(
                attempt, state=ending.state, ended_at=moment, failure=ending.failure, usage=usage
            )
        )
        outcome = ending.outcome
        costs_nothing = ending.state is StepState.WAITING and ending.retry_at is not None
        await tx.move_step(
            step.id,
            ending.state,
            reason=ending.reason,
            ended_at=moment,
            retry_at=ending.retry_at,
            max_attempts=step.max_attempts + costs_nothing,
            failure=ending.failure,
            summary=outcome.summary if outcome else step.summary,
            verdict=outcome.verdict if outcome else None,
        )


def _ending_of(failure: Failure, step: Step, attempt: Attempt, policy: RetryPolicy) -> _Ending:
    """Decide what follows a failure; waiting for the end of a usage limit costs no attempt."""
    now = clock.now()
    if until := usage_wait.end_of_limit(failure):
        why = usage_wait.reason(until, now)
        return _Ending(StepState.WAITING, failure, reason=why, retry_at=until)
    if not retry.may_retry(failure.failure_class, attempt.number, step.max_attempts, step.kind):
        return _Ending(StepState.FAILED, failure)
    tries = policy.max - (step.max_attempts - attempt.number) + 1
    # Chance here spreads load; nothing secret depends on it.
    delay = retry.delay_before(policy, max(1, tries), random.random())  # noqa: S311
    at = now + timedelta(seconds=delay) if delay else None
    return _Ending(StepState.RETRY, failure, reason=failure.message, retry_at=at)


async def is_under_way(tx: Transaction, step: Step) -> bool:
    """Whether an attempt of the step works, or waits for an answer, as far as is stored."""
    if step.state not in (StepState.RUNNING, StepState.WAITING):
        return False
    attempt = await tx.attempts.latest(step.id)
    return attempt is not None and attempt.ended_at is None


async def was_lost(tx: Transaction, step: Step) -> bool:
    """Whether the step waits because its turn vanished."""
    if step.state is not StepState.WAITING or await is_under_way(tx, step):
        return False
    return step.failure is not None and step.failure.failure_class is FailureClass.CRASH


async def end_attempt(
    tx: Transaction, step: Step, state: StepState, failure: Failure | None = None
) -> None:
    """Store that the step's last attempt is over, if nobody has stored that yet."""
    attempt = await tx.attempts.latest(step.id)
    if attempt is None or attempt.ended_at is not None:
        return
    await withdraw(tx, await tx.questions.open_of_step(step.id))
    usage = await _attempt_usage(tx, step, attempt)
    ended = replace(attempt, state=state, ended_at=clock.now(), failure=failure, usage=usage)
    await tx.attempts.save(ended)


async def _attempt_usage(tx: Transaction, step: Step, attempt: Attempt) -> TokenUsage:
    """Add up what the attempt's codex turns and model answers used, however it ended.

    The step and the run need no sum: the store adds to theirs while the attempt works.
    """
    usage = TokenUsage()
    for job in await tx.jobs.of_step(step.id):
        if job.attempt == attempt.number:
            usage += job.usage
    for message in await tx.messages.of_step(step.id):
        if message.attempt == attempt.number:
            usage += message.usage
    return usage


def _rejected(items: tuple[str, ...], why: str) -> Failure:
    listed = "; ".join(item.rstrip(" .") for item in items[:3]) or "no item was named"
    return Failure(
        FailureClass.VERDICT,
        f"Production Readiness still wants work: {listed}; {why}.",
        "Read the verdict, then start a new run with what is missing, or retry this stage.",
    )
