"""The codex jobs that one attempt of a stage gave out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from foredeck.services.agents.prompts import JobNotice
from foredeck.services.agents.stage import StageTask
from foredeck.services.agents.tool_limits import codex_settings, limited_sandbox
from foredeck.services.codex.codex_arguments import parse_config
from foredeck.services.codex.supervisor import CodexRequest
from foredeck.services.domain.errors import Conflict, StorageFull, TurnLost
from foredeck.services.domain.records import FollowUp, Job, TokenUsage
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.jobs.output import read_tail

_TITLE_LIMIT = 60
# Begins the key of a job whose end is told, not waited for.
_BACKGROUND = "background:"
# The type of a job that is a codex turn.
CODEX = "codex"


class Supervisor(Protocol):
    """What an agent needs of the codex supervisor."""

    async def run(self, request: CodexRequest) -> Job: ...
    async def start(self, request: CodexRequest) -> Job: ...
    async def wait(self, job_id: str) -> Job: ...
    async def cancel(self, job_id: str, reason: str) -> None: ...
    async def of_step(self, step_id: str) -> tuple[Job, ...]: ...


class FollowUps(Protocol):
    """What a person has queued for the codex of a stage (`follow_ups.QueuedPrompts`)."""

    async def next(self, finished: frozenset[str]) -> FollowUp | None:
        """Return what codex is to be given next; `finished` are the jobs that ended here."""
        ...


class CodexJobs:
    """Runs, watches and ends the codex jobs of an attempt.

    Jobs that are waited for run one after the other, in one codex thread, so that codex
    remembers what it did in the steps before: first in the one that the step's definition
    names, if it does; after a job that failed it begins anew. `ended` collects the ends of
    the others until `take_notices`. What is asked for again with the same key is the same
    job, also after a restart of Foredeck.
    """

    def __init__(
        self, supervisor: Supervisor, task: StageTask, follow_ups: FollowUps | None = None
    ) -> None:
        self._supervisor = supervisor
        self._task = task
        self._follow_ups = follow_ups
        self._one_at_a_time = asyncio.Lock()
        self._thread_id = task.spec.thread_id
        self._awaited: set[asyncio.Task[Job]] = set()
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._notices: list[JobNotice] = []
        self._asked = 0
        self.finished: dict[str, Job] = {}

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The ids of the jobs that still work in the background."""
        return tuple(self._watchers)

    @property
    def known(self) -> frozenset[str]:
        """The ids of all jobs of the attempt."""
        return frozenset({*self.finished, *self._watchers})

    @property
    def usage(self) -> TokenUsage:
        """The tokens of all jobs that ended."""
        return sum((job.usage for job in self.finished.values()), TokenUsage())

    async def restore(self, told: Callable[[str], bool]) -> None:
        """Find the jobs of an attempt that an earlier host, or an earlier attempt, began.

        `told` says whether the agent has heard of the end of a job.
        """
        task = self._task
        for job in await self._supervisor.of_step(task.step.id):
            if job.type != CODEX:
                continue  # a check of the work: `verification` looks for it
            if task.continues and job.attempt == task.continues:
                if not job.key.startswith(_BACKGROUND):
                    self._thread_id = job.thread_id or task.spec.thread_id
            elif job.attempt == task.attempt:
                await self._find_again(job, told)

    async def _find_again(self, job: Job, told: Callable[[str], bool]) -> None:
        background = job.key.startswith(_BACKGROUND)
        if job.state in FINAL_JOBS:
            self.finished[job.id] = job
            if background and not told(_lead(job)):
                self._notices.append(JobNotice(job.id, _ending(job)))
            elif not background:
                self._thread_id = self._task.spec.thread_id if job.failure else job.thread_id
        elif background:
            await self.start(job.prompt, job.key.removeprefix(_BACKGROUND))

    def next_key(self) -> str:
        """Return the key of the next thing that is asked of codex without an agent."""
        self._asked += 1
        return f"direct-{self._asked}"

    async def run(
        self, prompt: str, output_schema: dict[str, Any] | None = None, *, key: str = ""
    ) -> Job:
        """Run a job to its end; a failed one is returned, not raised.

        Raises `TurnLost` if its turn vanished. What a person has queued meanwhile follows in
        the same thread, and the last job of those is returned.
        """
        async with self._one_at_a_time:
            job = await self._one(self._request(prompt, self._thread_id, output_schema, key))
            return await self._run_follow_ups(job, output_schema) or job

    async def catch_up(self) -> None:
        """Run what a person has queued and no turn came after; a failed job ends it."""
        async with self._one_at_a_time:
            await self._run_follow_ups(None, None)

    async def start(self, prompt: str, key: str = "") -> Job:
        """Start a job in a codex thread of its own; its end becomes a notice."""
        request = self._request(prompt, None, None, f"{_BACKGROUND}{key}" if key else "")
        job = await self._supervisor.start(request)
        if job.id not in self._watchers and job.id not in self.finished:
            self._watchers[job.id] = asyncio.create_task(self._watch(job.id), name=f"job {job.id}")
        return job

    def last_lines(self, job: Job, lines: int) -> str:
        """Return the end of a job's output as it is at this moment."""
        with suppress(StorageFull):  # then the file shows what there was room for
            self._task.output.flush()
        return read_tail(Path(job.output_path), lines)

    def take_notices(self) -> list[JobNotice]:
        """Return the ends that were not delivered yet; each is returned once."""
        notices, self._notices = self._notices, []
        return notices

    async def wait_for_one(self) -> None:
        """Return when a background job has ended, or at once when there is none."""
        if self._watchers:
            await asyncio.wait(self._watchers.values(), return_when=asyncio.FIRST_COMPLETED)

    def let_go(self) -> None:
        """Wait for nothing any more; what works goes on."""
        for task in (*self._awaited, *self._watchers.values()):
            task.cancel()

    async def close(self, reason: str) -> None:
        """End every job that still works, and wait for its end.

        One that is waited for may be among them: the library of the agents does not wait
        for a tool that it cancels.
        """
        for task in self._awaited:
            task.cancel()
        if self._awaited:
            await asyncio.wait(self._awaited)
        watchers = dict(self._watchers)
        for job_id in watchers:
            with suppress(Conflict):  # it ended by itself a moment ago
                await self._supervisor.cancel(job_id, reason)
        if watchers:
            await asyncio.wait(watchers.values())

    async def _run_follow_ups(
        self, job: Job | None, output_schema: dict[str, Any] | None
    ) -> Job | None:
        """Run what is queued after `job`, unless that failed; return the last job."""
        while self._follow_ups is not None and (job is None or job.failure is None):
            queued = await self._follow_ups.next(frozenset(self.finished))
            if queued is None:
                break
            request = self._request(
                queued.prompt, self._thread_id, output_schema, f"follow-up-{queued.id}"
            )
            job = await self._one(replace(request, follow_up_id=queued.id))
        return job

    async def _one(self, request: CodexRequest) -> Job:
        job = await self._run(request)
        self._thread_id = self._task.spec.thread_id if job.failure else job.thread_id
        self.finished[job.id] = job
        if job.state is JobState.LOST and job.failure is not None:
            raise TurnLost(job.failure)
        return job

    async def _run(self, request: CodexRequest) -> Job:
        task = asyncio.create_task(self._supervisor.run(request), name=f"codex: {request.name}")
        self._awaited.add(task)
        task.add_done_callback(self._awaited.discard)
        return await task

    async def _watch(self, job_id: str) -> None:
        try:
            job = await self._supervisor.wait(job_id)
            self.finished[job.id] = job
            self._notices.append(JobNotice(job.id, _ending(job)))
        finally:
            del self._watchers[job_id]

    def _request(
        self,
        prompt: str,
        thread_id: str | None,
        output_schema: dict[str, Any] | None,
        key: str = "",
    ) -> CodexRequest:
        task = self._task
        return CodexRequest(
            project=task.project,
            run_id=task.run.id,
            step_id=task.step.id,
            attempt=task.attempt,
            name=f"{task.step.key}: {_title(prompt)}",
            prompt=prompt,
            output=task.output,
            thread_id=thread_id,
            output_schema=output_schema,
            key=key,
            model=task.spec.model,
            sandbox=limited_sandbox(task.spec.tools) or task.spec.sandbox,
            timeout=task.spec.turn_timeout,
            config={**parse_config(task.spec.codex_config), **codex_settings(task.spec.tools)},
            tools=task.spec.tools,
            directory=task.spec.directory,
        )


def _title(prompt: str) -> str:
    """Return the first line of the prompt that says anything."""
    line = next((" ".join(line.split()) for line in prompt.splitlines() if line.strip()), "")
    return line if len(line) <= _TITLE_LIMIT else line[: _TITLE_LIMIT - 1] + "…"


def _ending(job: Job) -> str:
    how = job.failure.message if job.failure else f"It is {job.state}."
    return f"{_lead(job)}: {job.state}. {how} Its result: check_codex_status with this task_id."


def _lead(job: Job) -> str:
    return f"The codex job {job.id}, which you started with wait=false, has ended"
