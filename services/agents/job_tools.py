"""The job tools of an agent (SPEC A2): commands that it submits as jobs of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from foredeck.services.agents import job_answers as answers
from foredeck.services.agents.job_answers import Answer
from foredeck.services.agents.job_leave import JobLeave, Person
from foredeck.services.agents.job_tool_specs import MOST_COMMANDS, MOST_LISTED, TASK_TYPES
from foredeck.services.agents.job_wishes import checked, require, wish_of
from foredeck.services.agents.stage import StageTask
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound, UsageError
from foredeck.services.domain.ids import id_of
from foredeck.services.domain.job_views import BatchStatus, JobDetail, JobResult, JobRow
from foredeck.services.domain.jobs import BatchWish, JobWish, check, check_batch
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.safe_text import clean, safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.domain.views import Page
from foredeck.services.patience import all_of
from foredeck.services.store.audit import Trace

T = TypeVar("T")
_REASON_LENGTH = 500


class Jobs(Protocol):
    """What the tools need of the jobs (`jobs.agent_jobs.AgentJobs`)."""

    async def submit(self, wish: JobWish, job_id: str, asker: Trace) -> JobDetail: ...
    async def submit_batch(self, wish: BatchWish, job_id: str, asker: Trace) -> BatchStatus: ...
    async def batch(self, job_id: str) -> BatchStatus: ...
    async def children(self, batch_id: str) -> tuple[JobRow, ...]: ...
    async def cancel(self, job_id: str, reason: str, asker: Trace) -> JobDetail: ...
    async def get(self, job_id: str) -> JobDetail: ...
    async def wait(self, job_id: str) -> JobDetail: ...
    async def listed(
        self, project_id: str, state: str | None, type_: str | None, limit: int
    ) -> Page[JobRow]: ...
    async def result(self, job_id: str) -> JobResult: ...
    async def printed(self, job_id: str, characters: int, *, errors: bool) -> str: ...


class JobTools:
    """Carries the job tools out for one attempt of a stage; `close` or `let_go` ends that.

    What a call submits has an id that comes from the call: made again after a crash, it finds
    its job. An agent sees the jobs of its project and no others. The library of the agents
    does not wait for a tool that it cancels, so what is under way is waited for in `close`.
    """

    def __init__(
        self,
        jobs: Jobs,
        task: StageTask,
        role: str,
        person: Person | None = None,
        sandbox: Sandbox = Sandbox.WORKSPACE_WRITE,
    ) -> None:
        """`person` may let a command run that the command policy asks about (SPEC J5)."""
        self._jobs = jobs
        self._task = task
        self._sandbox = sandbox
        self._asker = Trace(task.run.id, f"agent {role}")
        self._leave = JobLeave(self._asker.origin, person)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._awaited: set[str] = set()

    async def submit_cli_task(self, call_id: str, **given: Any) -> Answer:
        """Queue a command, and tell what it is known by."""
        return answers.status(await self._submit(call_id, given))

    async def execute_cli_task(self, call_id: str, **given: Any) -> Answer:
        """Queue a command and wait for its end; the answer of one that failed is no success."""
        job_id = self._id_of(call_id)
        self._awaited.add(job_id)  # before it is there: the call may be cancelled meanwhile
        await self._submit(call_id, given)
        await self._jobs.wait(job_id)
        self._awaited.discard(job_id)
        return answers.ending(await self._jobs.result(job_id))

    async def get_cli_task_status(self, _call_id: str, task_id: str) -> Answer:
        """Tell where a task stands."""
        return answers.status(await self._of_project(task_id))

    async def get_cli_task_result(self, _call_id: str, task_id: str) -> Answer:
        """Tell what a task has printed so far, and how it ended if it has."""
        await self._of_project(task_id)
        return answers.result(await self._jobs.result(task_id))

    async def cancel_cli_task(self, _call_id: str, task_id: str, reason: str) -> Answer:
        """End a task; one that has ended is an error."""
        job = (await self._of_project(task_id)).job
        why = safe_line(reason.strip(), limit=_REASON_LENGTH)
        why = why or f"cancelled by the {self._asker.origin}"
        try:
            return answers.status(await self._change(self._jobs.cancel(job.id, why, self._asker)))
        except Conflict:
            # An agent that made this call before its host died finds what it wanted.
            ended = await self._jobs.get(job.id)
            if not self._task.resumed or ended.job.state is not JobState.CANCELLED:
                raise
            return answers.status(ended)

    async def list_cli_tasks(
        self, _call_id: str, status: str | None, task_type: str | None, limit: int
    ) -> Answer:
        """List the tasks of the project, newest first."""
        if status is not None:
            require("status", status, tuple(JobState))
        if task_type is not None:
            require("task_type", task_type, TASK_TYPES)
        if not 1 <= limit <= MOST_LISTED:
            raise InvalidInput(f"The limit has to be between 1 and {MOST_LISTED}, not {limit}.")
        return answers.listing(
            await self._jobs.listed(self._task.project.id, status, task_type, limit)
        )

    async def submit_batch_tasks(self, call_id: str, commands: list[str], **given: Any) -> Answer:
        """Queue several commands as one batch, all or none."""
        if not 1 <= len(commands) <= MOST_COMMANDS:
            raise InvalidInput(
                f"The batch has {len(commands)} commands; 1 to {MOST_COMMANDS} are possible."
            )
        common = wish_of(self._task, call_id, self._sandbox, **given)
        wish = checked(BatchWish(common, tuple(commands)), check_batch)
        job_id = self._id_of(call_id)

        async def submit(confirmed: bool) -> BatchStatus:
            job = replace(common, confirmed=confirmed)
            batch = replace(wish, job=job)
            return await self._change(self._jobs.submit_batch(batch, job_id, self._asker))

        found = await self._leave.submit(call_id, commands, submit)
        return answers.batch(found, await self._jobs.children(job_id))

    async def get_batch_status(self, _call_id: str, parent_task_id: str) -> Answer:
        """Tell how many tasks of a batch have ended, how, and which they are."""
        if (await self._of_project(parent_task_id)).job.counts is None:
            raise InvalidInput(
                f"The task {parent_task_id} is no batch: get_cli_task_status tells of it."
            )
        found = await self._jobs.batch(parent_task_id)
        return answers.batch(found, await self._jobs.children(parent_task_id))

    async def printed(self, path: str, characters: int) -> str:
        """Return the beginning of what a task has printed, by a path that a result named."""
        task_id = path.removeprefix(answers.PREFIX).removesuffix(answers.ERRORS)
        await self._of_project(task_id)
        errors = path.endswith(answers.ERRORS)
        return clean(await self._jobs.printed(task_id, characters, errors=errors))

    async def let_go(self) -> None:
        """Leave the tasks to the next host; a change that is under way is made first."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def close(self, reason: str) -> None:
        """End the tasks that a call still waits for; those that were only submitted go on."""
        await self.let_go()
        await all_of([self._end(job_id, reason) for job_id in self._awaited])

    async def _end(self, job_id: str, reason: str) -> None:
        with suppress(Conflict, NotFound):  # it ended by itself, or was refused
            await self._jobs.cancel(job_id, reason, self._asker)

    async def _submit(self, call_id: str, given: Answer) -> JobDetail:
        wish = checked(wish_of(self._task, call_id, self._sandbox, **given), check)
        job_id = self._id_of(call_id)

        async def submit(confirmed: bool) -> JobDetail:
            job = replace(wish, confirmed=confirmed)
            return await self._change(self._jobs.submit(job, job_id, self._asker))

        return await self._leave.submit(call_id, (wish.command,), submit)

    def _id_of(self, call_id: str) -> str:
        task = self._task
        return id_of(f"{task.step.id}:{task.attempt}:{call_id}")

    async def _change(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; once begun it is not broken off but waited for."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._settled)
        return await asyncio.shield(task)

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # who asked may not be there any more to be told

    async def _of_project(self, task_id: str) -> JobDetail:
        """Return a job of this project; anyone else's is as good as unknown."""
        unknown = NotFound(
            f"There is no task with the task_id {safe_line(task_id)!r} in this project.",
            "list_cli_tasks lists them.",
        )
        try:
            detail = await self._jobs.get(task_id)
        except UsageError:  # what an abbreviation fits may be somebody else's
            raise unknown from None
        order = detail.order
        known = order is not None and order.project_id == self._task.project.id
        if not known or detail.job.id != task_id:
            raise unknown
        return detail
