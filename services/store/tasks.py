"""Tasks and their executions, within one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.events import TaskSaved
from foredeck.services.domain.records import Run
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.tasks import Counted, Execution, Task
from foredeck.services.store import mapping
from foredeck.services.store.codecs import clean_text
from foredeck.services.store.finding import task_id
from foredeck.services.store.repository import Repository, marks

# SPEC T1: success counts only success; a cancelled run counts as neither.
_COUNTS = {
    RunState.SUCCESS: Counted.SUCCESS,
    RunState.FAILED: Counted.FAILURE,
    RunState.PARTIAL_SUCCESS: Counted.FAILURE,
}
# By way of the runs that are not over, which are few: a task may have been executed for years.
# The `+` keeps SQLite from going through all of its executions.
IN_STATES = "id IN (SELECT r.id FROM run r WHERE r.state IN ({}))"
OF_TASK_IN_STATES = f"+task_id = ? AND {IN_STATES}"
UNDER_WAY = tuple(sorted(state.value for state in set(RunState) - FINAL_RUNS))


class TaskRepository(Repository[Task]):
    """Tasks, the deleted ones too."""

    map = mapping.TASKS
    audited = True

    async def add(self, task: Task) -> None:
        """Store a new task; raises `Conflict` if another one in use has its name."""
        await self._require_free(task)
        await self._insert(task)
        self._publish(task)

    async def save(self, task: Task) -> None:
        """Store a task as it is now; raises `Conflict` if another one in use has its name."""
        await self._require_free(task)
        await self._update(await self.get(task.id), task)
        self._publish(task)

    async def find(self, ref: str) -> Task:
        """Return the task with this id, name, or beginning of an id.

        Raises `NotFound` and `Ambiguous`.
        """
        return await self.get(await task_id(self._unit.link, ref))

    async def by_name(self, name: str) -> Task | None:
        """Return the task in use of this name."""
        found = await self._select("name = ? AND deleted_at IS NULL", clean_text(name))
        return found[0] if found else None

    async def scheduled(self) -> tuple[Task, ...]:
        """Return those with a next moment of their schedule, the soonest first."""
        return await self._select("next_at IS NOT NULL", order="next_at, id")

    async def with_schedule(self) -> tuple[Task, ...]:
        """Return the active ones that have a schedule, whether it is enabled or not."""
        return await self._select("schedule IS NOT NULL AND active = 1 AND deleted_at IS NULL")

    async def _require_free(self, task: Task) -> None:
        other = None if task.deleted_at else await self.by_name(task.name)
        if other is not None and other.id != task.id:
            raise Conflict(
                f"There is a task {safe_line(task.name)} already: {other.id}.",
                "Choose another name.",
            )

    def _publish(self, task: Task) -> None:
        self._unit.publish(TaskSaved(task_id=task.id))


class ExecutionRepository(Repository[Execution]):
    """What runs have from their tasks; each has the id of its run."""

    map = mapping.EXECUTIONS

    async def add(self, execution: Execution, task: Task) -> Task:
        """Store what a new run has from its task and count it there; return the task then."""
        await self._insert(execution)
        counted = replace(
            task, executions=task.executions + 1, last_executed_at=execution.created_at
        )
        await TaskRepository(self._unit).save(counted)
        return counted

    async def of(self, run_id: str) -> Execution | None:
        """Return what a run has from its task, None for one of no task."""
        found = await self._select("id = ?", run_id)
        return found[0] if found else None

    async def count(self, run: Run) -> None:
        """Bring the statistics of the run's task up to date, if it has one (SPEC T7).

        A run that is retried is counted as it ends then, and as nothing meanwhile.
        """
        if (execution := await self.of(run.id)) is None:
            return
        now = _COUNTS.get(run.state, Counted.NOTHING)
        tasks = TaskRepository(self._unit)
        if now is execution.counted:
            self._unit.publish(TaskSaved(task_id=execution.task_id))
            return
        task = await tasks.get(execution.task_id)
        before = execution.counted
        await self._update(execution, replace(execution, counted=now))
        await tasks.save(
            replace(
                task,
                successes=task.successes + (now is Counted.SUCCESS) - (before is Counted.SUCCESS),
                failures=task.failures + (now is Counted.FAILURE) - (before is Counted.FAILURE),
            )
        )

    async def reported(self, execution: Execution, ended_at: datetime) -> None:
        """Remember that there is a report about that end of the execution's run."""
        await self._update(execution, replace(execution, reported_at=ended_at))

    async def unfinished(self, task_id: str) -> tuple[Execution, ...]:
        """Return the executions of a task whose runs are not over, oldest first."""
        condition = OF_TASK_IN_STATES.format(marks(UNDER_WAY))
        return await self._select(condition, task_id, *UNDER_WAY, order="created_at, id")

    async def not_begun(self) -> tuple[Execution, ...]:
        """Return the executions whose runs were made and never started, oldest first."""
        condition = IN_STATES.format("?")
        return await self._select(condition, RunState.CREATED.value, order="created_at, id")
