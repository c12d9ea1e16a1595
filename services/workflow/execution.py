"""One attempt of one step: intent first, then the work, then what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from foredeck.services.agents.stage import (
    Beginning,
    Closing,
    PreparedRunner,
    StageOutcome,
    StageRunner,
    StageTask,
    handed_on,
)
from foredeck.services.codex.failures import internal
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import ForedeckError, StepFailed, StoreError, TurnLost
from foredeck.services.domain.records import (
    Attempt,
    Failure,
    FailureClass,
    Job,
    PromptEdit,
    Step,
    StepKind,
)
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import StepSpec
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.patience import to_the_end
from foredeck.services.redaction import Redactor
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow import dynamic_text, usage_wait
from foredeck.services.workflow.outcomes import Outcomes, RunContext
from foredeck.services.workflow.step_values import values_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Words:
    """What the stage of an attempt is told: its definition filled in, and what goes before."""

    spec: StepSpec
    summaries: tuple[tuple[str, str], ...]
    rework_items: tuple[str, ...]
    edit: PromptEdit | None


@dataclass(frozen=True)
class _Begun:
    """An attempt whose beginning is stored; in the place of its `words` what keeps it from them."""

    context: RunContext
    step: Step
    attempt: Attempt
    resumed: bool
    words: _Words | StepFailed
    job: Job | None
    closing: Closing = field(default_factory=Closing)


class StepExecution:
    """Runs attempts of steps; every outcome becomes a stored transition."""

    def __init__(
        self,
        store: Store,
        stages: StageRunner,
        output_root: Path,
        departure: Departure | None = None,
        clock: StageClock | None = None,
    ) -> None:
        self._store = store
        self._stages = stages
        self._departure = departure or Departure()
        self._clock = clock or StageClock()
        self.outcomes = Outcomes(output_root)

    async def attempt(
        self, context: RunContext, step: Step, why_cancelled: Callable[[], str]
    ) -> None:
        """Work on the step once; returns when its outcome is durable.

        A step that an earlier host left under way goes on in the same attempt. A cancellation
        becomes the state `cancelled` with the reason that `why_cancelled` gives, and is then
        raised again; in a house that departs the step stays under way.
        """
        begun = await self._store.durably(lambda: self._begin(context, step))
        step, attempt, outcomes = begun.step, begun.attempt, self.outcomes
        output: OutputWriter | None = None
        try:
            output = _open(attempt, self._store.redactor)
            if begun.resumed:
                output.segment(SegmentKind.NOTE)
                output.write(_TAKEN_UP)
            outcome = await self._work(begun, output)
            _close(output)
        except asyncio.CancelledError:
            if self._departure.leaving:
                _close_quietly(output)
                raise
            reason = why_cancelled()
            _say_last(output, SegmentKind.NOTE, f"Stopped: {reason}")
            await self._end(begun, lambda tx: outcomes.cancel(tx, step, attempt, reason))
            raise
        except TurnLost as error:
            _say_last(output, SegmentKind.ERROR, str(error))
            await self._lose(begun, error.failure)
        except StepFailed as error:
            _say_last(output, SegmentKind.ERROR, str(error))
            await self._fail(begun, error.failure)
        else:
            await self._end(begun, lambda tx: outcomes.succeed(tx, context, step, attempt, outcome))

    async def _begin(self, context: RunContext, step: Step) -> _Begun:
        """Store the beginning, and with it the job that the attempt is."""
        resumed = not begins(step)
        enter = self.outcomes.resume if resumed else self.outcomes.begin
        async with self._store.transaction() as tx:
            step, attempt = await enter(tx, step)
            words = await _words(tx, context, step)
            job = None
            if isinstance(words, _Words) and not resumed:
                job = await self._prepare(tx, context, step, attempt, words.spec)
        return _Begun(context, step, attempt, resumed, words, job)

    async def _prepare(
        self, tx: Transaction, context: RunContext, step: Step, attempt: Attempt, spec: StepSpec
    ) -> Job | None:
        if not isinstance(self._stages, PreparedRunner):
            return None
        number, path = attempt.number, attempt.output_path
        return await self._stages.prepare(tx, Beginning(context.project, step, number, path, spec))

    async def _end(self, begun: _Begun, end: Callable[[Transaction], Awaitable[None]]) -> None:
        """Store the end with what the stage has left to be stored; a full disk is waited out."""

        async def store() -> None:
            async with self._store.transaction() as tx:
                await begun.closing.store(tx)
                await end(tx)

        await self._store.durably(store)
        await to_the_end(begun.closing.finish())

    async def _fail(self, begun: _Begun, failure: Failure) -> None:
        context, step, attempt = begun.context, begun.step, begun.attempt
        fail = self.outcomes.fail
        await self._end(begun, lambda tx: fail(tx, context, step, attempt, failure))

    async def _lose(self, begun: _Begun, failure: Failure) -> None:
        """A lost turn may have done anything: only what is declared repeatable is repeated."""
        if begun.context.spec_of(begun.step).repeatable:
            await self._fail(begun, failure)
        else:
            lose = self.outcomes.lose
            await self._end(begun, lambda tx: lose(tx, begun.step, begun.attempt, failure))

    async def _work(self, begun: _Begun, output: OutputWriter) -> StageOutcome:
        """Run the stage; whatever goes wrong comes out as `StepFailed`."""
        if isinstance(begun.words, StepFailed):
            raise begun.words
        step, spec = begun.step, begun.context.spec_of(begun.step)
        limit: asyncio.Timeout | None = None
        try:
            _require_workspace(begun.context.project.workspace)
            async with self._clock.limit(step.id, spec.timeout) as limit:
                return await self._stages.run(_task(begun, begun.words, output))
        except asyncio.CancelledError:
            if _is_wanted():
                raise
            _log.exception("step %s of run %s was broken off from within", step.key, step.run_id)
            raise StepFailed(_BROKEN_OFF) from None
        except Exception as error:
            if limit and limit.expired() and isinstance(error, TimeoutError):
                raise StepFailed(_timed_out(spec)) from None
            raise _step_failed(step, error) from error


def begins(step: Step) -> bool:
    """Whether a step that may start begins an attempt; else it goes on in the one under way."""
    return step.state is StepState.PENDING or usage_wait.goes_on_by_itself(step)


async def _words(tx: Transaction, context: RunContext, step: Step) -> _Words | StepFailed:
    """Return what is told now; what goes wrong with that belongs to the attempt."""
    # What needs nothing is told nothing of the others.
    steps = await tx.steps.of_run(step.run_id) if step.needs else (step,)
    edit = await tx.prompt_edits.latest(step.id)
    try:
        summaries, rework_items = handed_on(steps, step)
        values = values_of(context.workflow, steps, step)
        spec = dynamic_text.filled(context.spec_of(step), values)
        return _Words(spec, summaries, rework_items, _told(step, edit, values))
    except Exception as error:
        return _step_failed(step, error)


def _task(begun: _Begun, words: _Words, output: OutputWriter) -> StageTask:
    context, spec = begun.context, words.spec
    return StageTask(
        project=context.project,
        run=context.run,
        step=begun.step,
        attempt=begun.attempt.number,
        resumed=begun.resumed,
        continues=begun.attempt.continues,
        role=spec.role,
        mode=context.run.mode,
        output=output,
        summaries=words.summaries,
        rework_items=words.rework_items,
        timeout=spec.timeout,
        spec=spec,
        edit=words.edit,
        job=begun.job,
        closing=begun.closing,
    )


def _step_failed(step: Step, error: Exception) -> StepFailed:
    """Return the failure of the step that an error means."""
    if isinstance(error, StepFailed):
        return error
    if isinstance(error, ForedeckError):
        return StepFailed(_failure_of(error))
    _log.error("step %s of run %s broke", step.key, step.run_id, exc_info=error)
    return StepFailed(internal(error))


def _told(step: Step, edit: PromptEdit | None, values: Mapping[str, object]) -> PromptEdit | None:
    """Fill in an edited prompt of codex, which was shown with its references as they are.

    That of an agent was shown with them filled in: whatever looks like one there is data.
    """
    if edit is None or step.kind is not StepKind.CODEX:
        return edit
    return replace(edit, text=dynamic_text.fill(edit.text, values))


_TAKEN_UP = "Taken up again: the host that worked on this before has ended.\n"
_BROKEN_OFF = Failure(
    FailureClass.INTERNAL,
    "The work on this stage was broken off without a reason.",
    "Retry the stage; if it happens again, report it with the run's history.",
)


def _is_wanted() -> bool:
    """Whether somebody cancels this task: a library may raise the same error by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _failure_of(error: ForedeckError) -> Failure:
    """Name the class of a failure of our own; the store's is the disk's or the file system's."""
    of_the_disk = isinstance(error, StoreError)
    failure_class = FailureClass.DISK if of_the_disk else FailureClass.INTERNAL
    return Failure(failure_class, error.message, error.advice)


def _open(attempt: Attempt, redactor: Redactor) -> OutputWriter:
    try:
        return OutputWriter(Path(attempt.output_path), redactor)
    except StoreError as error:
        raise StepFailed(_failure_of(error)) from error


def _close(output: OutputWriter) -> None:
    """Close the file; bytes that the disk had no room for fail the step."""
    try:
        output.close()
    except StoreError as error:
        raise StepFailed(_failure_of(error)) from error


def _say_last(output: OutputWriter | None, kind: SegmentKind, text: str) -> None:
    """Write the last words and close; how the attempt ended counts even if they get lost."""
    if output is None:
        return
    try:
        output.segment(kind)
        output.write(output.redactor.text(text) + "\n")
    except StoreError as error:
        _log.warning("the last words of an attempt are missing: %s", error)
    _close_quietly(output)


def _close_quietly(output: OutputWriter | None) -> None:
    try:
        if output is not None:
            output.close()
    except StoreError as error:
        _log.warning("the end of an output is missing: %s", error)


def _require_workspace(workspace: str) -> None:
    if not Path(workspace).is_dir():
        raise StepFailed(
            Failure(
                FailureClass.WORKSPACE,
                f"The workspace {workspace} is not there any more.",
                "Bring the directory back, then retry the run.",
            )
        )


def _timed_out(spec: StepSpec) -> Failure:
    return Failure(
        FailureClass.TIMEOUT,
        f"{spec.title} did not finish within {spec.timeout:g} s.",
        "Raise stage_timeout in the settings, or ask for less at once, then retry.",
    )
