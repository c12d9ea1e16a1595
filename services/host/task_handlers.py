"""What answers the queries about tasks and carries out the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from foredeck.services.domain.tasks import (
    ExecutionStatus,
    Mistake,
    Task,
    TaskLine,
    TaskPreview,
    TaskRow,
)
from foredeck.services.domain.views import Page
from foredeck.services.host import task_requests as r
from foredeck.services.host.service import Handler
from foredeck.services.pricing import Price, cost
from foredeck.services.scheduling.warnings import warnings_of
from foredeck.services.store.store import Store
from foredeck.services.store.task_views import TaskFilter
from foredeck.services.tasks.executions import Executions
from foredeck.services.tasks.service import TaskService


class TaskQueries:
    """Reads only; `tasks` looks at files too."""

    def __init__(self, store: Store, tasks: TaskService, prices: Mapping[str, Price]) -> None:
        self._queries = store.queries
        self._tasks = tasks
        self._prices = prices

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            r.ListTasks: self.list_tasks,
            r.GetTask: self.task,
            r.PreviewTask: self.preview,
            r.CheckTask: self.check,
            r.GetExecution: self.execution,
            r.ListExecutions: self.executions,
        }

    async def list_tasks(self, query: r.ListTasks) -> Page[TaskLine]:
        """Answer `ListTasks`."""
        wanted = TaskFilter(query.project, query.tag, query.deleted)
        return await self._queries.tasks(wanted, query.limit, query.offset)

    async def task(self, query: r.GetTask) -> TaskRow:
        """Answer `GetTask`."""
        return await self._queries.task(query.ref)

    async def preview(self, query: r.PreviewTask) -> TaskPreview:
        """Answer `PreviewTask`."""
        return await self._tasks.preview(query.ref, query.variables)

    async def check(self, query: r.CheckTask) -> tuple[Mistake, ...]:
        """Answer `CheckTask`."""
        return await self._tasks.mistakes(query.wish, query.ref)

    async def execution(self, query: r.GetExecution) -> ExecutionStatus:
        """Answer `GetExecution`."""
        status = await self._queries.execution(query.ref)
        used = await self._queries.usage_by_model(status.id)
        return replace(status, cost=cost(used, self._prices))

    async def executions(self, query: r.ListExecutions) -> Page[ExecutionStatus]:
        """Answer `ListExecutions`."""
        return await self._queries.executions(query.task, query.limit, query.offset)


class TaskCommands:
    """Returns the task, or the execution, as it stands once the change is durable."""

    def __init__(
        self, store: Store, tasks: TaskService, executions: Executions, queries: TaskQueries
    ) -> None:
        self._queries = store.queries
        self._tasks = tasks
        self._executions = executions
        self._answers = queries

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {
            r.CreateTask: self.create,
            r.UpdateTask: self.update,
            r.DeleteTask: self.delete,
            r.RestoreTask: self.restore,
            r.ActivateTask: self.activate,
            r.ExecuteTask: self.execute,
        }

    async def create(self, command: r.CreateTask) -> TaskRow:
        """Carry out `CreateTask`."""
        return await self._row(await self._tasks.create(command.wish))

    async def update(self, command: r.UpdateTask) -> TaskRow:
        """Carry out `UpdateTask`."""
        return await self._row(await self._tasks.update(command.ref, command.wish))

    async def delete(self, command: r.DeleteTask) -> TaskRow:
        """Carry out `DeleteTask`."""
        return await self._row(await self._tasks.delete(command.ref))

    async def restore(self, command: r.RestoreTask) -> TaskRow:
        """Carry out `RestoreTask`."""
        return await self._row(await self._tasks.restore(command.ref))

    async def activate(self, command: r.ActivateTask) -> TaskRow:
        """Carry out `ActivateTask`."""
        return await self._row(await self._tasks.activate(command.ref, active=command.active))

    async def execute(self, command: r.ExecuteTask) -> ExecutionStatus:
        """Carry out `ExecuteTask`."""
        execution = await self._executions.execute(command.ref, command.variables)
        return await self._answers.execution(r.GetExecution(execution.id))

    async def _row(self, task: Task) -> TaskRow:
        return replace(await self._queries.task(task.id), warnings=warnings_of(task))
