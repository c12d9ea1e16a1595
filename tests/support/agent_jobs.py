"""Jobs of their own for tests of the job tools: nothing runs, each ends as its test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.job_views import JobDetail, JobResult, JobRow
from foredeck.services.domain.jobs import JobOrder, JobWish
from foredeck.services.domain.records import Failure, FailureClass, TokenUsage
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.domain.views import Page
from foredeck.services.store.audit import Trace


@dataclass
class FakeAgentJobs:
    """Follows the contract of `AgentJobs`; `wishes` and `askers` remember what was submitted."""

    jobs: dict[str, JobDetail] = field(default_factory=dict)
    printed_by: dict[str, tuple[str, str]] = field(default_factory=dict)
    wishes: list[JobWish] = field(default_factory=list)
    askers: list[Trace] = field(default_factory=list)
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)
    refusal: Exception | None = None
    submitting: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def submit(self, wish: JobWish, job_id: str, asker: Trace) -> JobDetail:
        self.submitting.set()
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        if job_id not in self.jobs:
            self.wishes.append(wish)
            self.askers.append(asker)
            self.jobs[job_id] = job_detail(job_id, wish)
        return self.jobs[job_id]

    async def cancel(self, job_id: str, reason: str, asker: Trace) -> JobDetail:
        if (await self.get(job_id)).job.state in FINAL_JOBS:
            raise Conflict(f"Job {job_id} is over already: there is nothing to cancel.")
        self.cancelled.append((job_id, reason))
        self.end(job_id, JobState.CANCELLED)
        return self.jobs[job_id]

    async def get(self, job_id: str) -> JobDetail:
        if job_id not in self.jobs:
            raise NotFound(f"There is no job {job_id!r}.")
        return self.jobs[job_id]

    async def wait(self, job_id: str) -> JobDetail:
        self.waiting.set()
        while self.jobs[job_id].job.state not in FINAL_JOBS:
            await self.ended.wait()
        return self.jobs[job_id]

    async def listed(
        self, project_id: str, state: str | None, type_: str | None, limit: int
    ) -> Page[JobRow]:
        self.asked.append((project_id, state, type_, limit))
        rows = tuple(detail.job for detail in self.jobs.values())
        return Page(rows[:limit], len(rows), limit, 0)

    async def result(self, job_id: str) -> JobResult:
        detail = await self.get(job_id)
        output, errors = self.printed_by.get(job_id, ("", ""))
        error = detail.failure.message if detail.failure else ""
        return JobResult(detail, output, errors, None, error, 0, 0, "/out", "/err")

    async def printed(self, job_id: str, characters: int, *, errors: bool) -> str:
        return self.printed_by[job_id][errors][:characters]

    def end(
        self, job_id: str, state: JobState, output: str = "", errors: str = "", code: int = 0
    ) -> None:
        """Let a job end."""
        detail = self.jobs[job_id]
        failed = state is JobState.FAILED
        failure = Failure(FailureClass.COMMAND, errors or "It failed.", "foredeck jobs retry")
        row = replace(detail.job, state=state, exit_code=code, ended_at=clock.now())
        self.jobs[job_id] = replace(detail, job=row, failure=failure if failed else None)
        self.printed_by[job_id] = (output, errors)
        self.ended.set()


def job_detail(job_id: str, wish: JobWish, **changes: Any) -> JobDetail:
    """Return a job that is queued."""
    moment = clock.now()
    row = JobRow(
        id=job_id,
        name=wish.name,
        type=wish.type,
        state=JobState.QUEUED,
        run_id=None,
        run_title="",
        project_name="demo",
        step_key="",
        attempt=1,
        exit_code=None,
        created_at=moment,
        started_at=None,
        ended_at=None,
        cpu_seconds=None,
        peak_memory=None,
        priority=wish.priority,
        progress=0.0,
    )
    return JobDetail(
        job=row,
        prompt=wish.command,
        message="",
        failure=None,
        workspace=wish.directory,
        output_path="/out",
        timeout=wish.timeout or 3600.0,
        queued_at=moment,
        model="",
        thread_id=None,
        usage=TokenUsage(),
        order=replace(JobOrder(job_id, wish.project or ""), **changes),
    )
