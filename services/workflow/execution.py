"""One attempt of one step: intent first, then the work, then what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from foredeck.services.agents.stage import StageOutcome, StageRunner, StageTask, handed_on
from foredeck.services.codex.failures import internal
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import ForedeckError, StepFailed, StoreError, TurnLost
from foredeck.services.domain.records import (
    Attempt,
    Failure,
    FailureClass,
    PromptEdit,
    Step,
    StepKind,
)
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import StepSpec
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.redaction import Redactor
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store
from foredeck.services.workflow import dynamic_text, usage_wait
from foredeck.services.workflow.outcomes import Outcomes, RunContext
from foredeck.services.workflow.step_values import values_of

_log = logging.getLogger(__name__)

# As many as may be processes at once (`command_limit`).
_COMMANDS_AT_WORK = 100


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
        self._places = asyncio.Semaphore(_COMMANDS_AT_WORK)
        self.outcomes = Outcomes(store, output_root)

    async def attempt(
        self, context: RunContext, step: Step, why_cancelled: Callable[[], str]
    ) -> None:
        """Work on the step once; returns when its outcome is durable.

        A step that an earlier host left under way goes on in the same attempt. A cancellation
        becomes the state `cancelled` with the reason that `why_cancelled` gives, and is then
        raised again; in a house that departs the step stays under way. Of commands only so many
        begin at once; they hold files open even while they wait for their processes.
        """
        async with self._places if step.kind is StepKind.COMMAND else nullcontext():
            await self._attempt(context, step, why_cancelled)

    async def _attempt(
        self, context: RunContext, step: Step, why_cancelled: Callable[[], str]
    ) -> None:
        outcomes = self.outcomes
        resumed = step.state is not StepState.PENDING and not usage_wait.goes_on_by_itself(step)
        enter = outcomes.resume if resumed else outcomes.begin
        step, attempt = await self._store.durably(lambda: enter(step))
        output: OutputWriter | None = None
        try:
            output = _open(attempt, self._store.redactor)
            if resumed:
                output.segment(SegmentKind.NOTE)
                output.write(_TAKEN_UP)
            outcome = await self._work(context, step, attempt, output, resumed=resumed)
            _close(output)
        except asyncio.CancelledError:
            if self._departure.leaving:
                _close_quietly(output)
                raise
            reason = why_cancelled()
            _say_last(output, SegmentKind.NOTE, f"Stopped: {reason}")
            await self._store.durably(lambda: outcomes.cancel(step, attempt, reason))
            raise
        except TurnLost as error:
            await self._lose(context, step, attempt, output, error)
        except StepFailed as error:
            failure = error.failure
            _say_last(output, SegmentKind.ERROR, str(error))
            policy = context.spec_of(step).retries
            await self._store.durably(lambda: outcomes.fail(step, attempt, failure, policy))
        else:
            await self._store.durably(lambda: outcomes.succeed(context, step, attempt, outcome))

    async def _lose(
        self,
        context: RunContext,
        step: Step,
        attempt: Attempt,
        output: OutputWriter | None,
        error: TurnLost,
    ) -> None:
        """A lost turn may have done anything: only what is declared repeatable is repeated."""
        _say_last(output, SegmentKind.ERROR, str(error))
        spec, failure = context.spec_of(step), error.failure
        if spec.repeatable:
            fail = self.outcomes.fail
            await self._store.durably(lambda: fail(step, attempt, failure, spec.retries))
        else:
            await self._store.durably(lambda: self.outcomes.lose(step, attempt, failure))

    async def _work(
        self,
        context: RunContext,
        step: Step,
        attempt: Attempt,
        output: OutputWriter,
        *,
        resumed: bool,
    ) -> StageOutcome:
        """Run the stage; whatever goes wrong comes out as `StepFailed`."""
        spec = context.spec_of(step)
        limit: asyncio.Timeout | None = None
        try:
            _require_workspace(context.project.workspace)
            task = await self._task(context, step, attempt, output, resumed=resumed)
            async with self._clock.limit(step.id, spec.timeout) as limit:
                return await self._stages.run(task)
        except asyncio.CancelledError:
            if _is_wanted():
                raise
            _log.exception("step %s of run %s was broken off from within", step.key, step.run_id)
            raise StepFailed(_BROKEN_OFF) from None
        except StepFailed:
            raise
        except ForedeckError as error:
            raise StepFailed(_failure_of(error)) from error
        except Exception as error:
            if limit and limit.expired() and isinstance(error, TimeoutError):
                raise StepFailed(_timed_out(spec)) from None
            _log.exception("step %s of run %s broke", step.key, step.run_id)
            raise StepFailed(internal(error)) from error

    async def _task(
        self,
        context: RunContext,
        step: Step,
        attempt: Attempt,
        output: OutputWriter,
        *,
        resumed: bool,
    ) -> StageTask:
        async with self._store.transaction() as tx:
            steps = await tx.steps.of_run(step.run_id)
            edit = await tx.prompt_edits.latest(step.id)
        summaries, rework_items = handed_on(steps, step)
        values = values_of(context.workflow, steps, step)
        spec = dynamic_text.filled(context.spec_of(step), values)
        return StageTask(
            project=context.project,
            run=context.run,
            step=step,
            attempt=attempt.number,
            resumed=resumed,
            continues=attempt.continues,
            role=spec.role,
            mode=context.run.mode,
            output=output,
            summaries=summaries,
            rework_items=rework_items,
            timeout=spec.timeout,
            spec=spec,
            edit=_told(step, edit, values),
        )


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
