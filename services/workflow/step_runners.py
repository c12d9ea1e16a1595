"""Gives each step to what works on steps of its kind."""

from __future__ import annotations

from collections.abc import Mapping

from foredeck.services.agents.stage import (
    Beginning,
    PreparedRunner,
    StageOutcome,
    StageRunner,
    StageTask,
)
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Job, StepKind
from foredeck.services.store.store import Transaction


class StepRunners:
    """A `StageRunner` for steps of several kinds."""

    def __init__(self, by_kind: Mapping[StepKind, StageRunner]) -> None:
        self._by_kind = dict(by_kind)

    async def prepare(self, tx: Transaction, beginning: Beginning) -> Job | None:
        """Let the runner of its kind store the job of an attempt that begins, if it has one."""
        runner = self._by_kind.get(beginning.step.kind)
        return await runner.prepare(tx, beginning) if isinstance(runner, PreparedRunner) else None

    async def run(self, task: StageTask) -> StageOutcome:
        """Work on a step with the runner of its kind; raises `StepFailed`."""
        runner = self._by_kind.get(task.step.kind)
        if runner is None:
            raise StepFailed(
                Failure(
                    FailureClass.INTERNAL,
                    f"Steps of kind {task.step.kind} cannot be worked on in this version.",
                    "Start the run again with a workflow that this version knows.",
                )
            )
        return await runner.run(task)
