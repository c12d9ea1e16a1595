"""Jobs of their own for tests of the job tools: nothing runs, each ends as its test says."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.job_views import (
    BatchCounts,
    BatchStatus,
    JobDetail,
    JobResult,
    JobRow,
)
from foredeck.services.domain.jobs import BatchWish, JobOrder, JobWish, Priority
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
    batches: list[BatchWish] = field(default_factory=list)
    askers: list[Trace] = field(default_factory=list)
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)
    refusal: Exception | None = None
    unconfirmed: Exception | None = None
    mistake: Exception | None = None
    submitting: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def submit(self, wish: JobWish, job_id: str, asker: Trace) -> JobDetail:
        self.submitting.set()
        await self.gate.wait()
        refusal = self.refusal or (None if wish.confirmed else self.unconfirmed)
        if refusal is not None:
            raise refusal
        if job_id not in self.jobs:
            self.wishes.append(wish)
            self.askers.append(asker)
            self.jobs[job_id] = job_detail(job_id, wish)
        return self.jobs[job_id]

    async def submit_batch(self, wish: BatchWish, job_id: str, asker: Trace) -> BatchStatus:
        if self.unconfirmed is not None and not wish.job.confirmed:
            raise self.unconfirmed
        if job_id not in self.jobs:
            self.batches.append(wish)
            for number, one in enumerate(wish.jobs(), 1):
                child = job_detail(f"{job_id}{number}", one, parent_id=job_id, batch_index=number)
                self.jobs[child.job.id] = child
            parent = await self.submit(wish.job, job_id, asker)
            self.jobs[job_id] = replace(parent, job=replace(parent.job, counts=_counts([])))
        return await self.batch(job_id)

    async def batch(self, job_id: str) -> BatchStatus:
        row = self.jobs[job_id].job
        counts = _counts([job.state for job in await self.children(job_id)])
        return BatchStatus(
            **asdict(counts),
            id=row.id,
            name=row.name,
            type=row.type,
            state=row.state,
            priority=row.priority or Priority.NORMAL,
            project_name=row.project_name,
            created_at=row.created_at,
            started_at=None,
            ended_at=None,
            reason="",
            stop_after=None,
        )

    async def children(self, batch_id: str) -> tuple[JobRow, ...]:
        owned = [d for d in self.jobs.values() if d.order and d.order.parent_id == batch_id]
        return tuple(detail.job for detail in owned)

    async def cancel(self, job_id: str, reason: str, asker: Trace) -> JobDetail:
        if (await self.get(job_id)).job.state in FINAL_JOBS:
            raise Conflict(f"Job {job_id} is over already: there is nothing to cancel.")
        self.cancelled.append((job_id, reason))
        self.end(job_id, JobState.CANCELLED)
        return self.jobs[job_id]

    async def get(self, job_id: str) -> JobDetail:
        if self.mistake is not None:
            raise self.mistake
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


def _counts(states: list[JobState]) -> BatchCounts:
    finals = {state.value: states.count(state) for state in FINAL_JOBS}
    waiting = states.count(JobState.QUEUED) + states.count(JobState.PENDING)
    running = states.count(JobState.IN_PROGRESS)
    return BatchCounts(total=len(states), running=running, pending=waiting, **finals)


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
