"""A codex supervisor for tests of agents: real job rows, and turns that the test scripts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from foredeck.services.codex.supervisor import CodexRequest
from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Failure, FileChange, Job, TokenUsage
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import JobState
from foredeck.services.store.store import Store


@dataclass(frozen=True)
class Turn:
    """How a scripted turn ends."""

    message: str = "Done."
    failure: Failure | None = None
    changes: tuple[FileChange, ...] = ()
    usage: TokenUsage = field(default_factory=lambda: TokenUsage(input=100, output=10))


Work = Callable[[CodexRequest], Awaitable[Turn]]


async def done(request: CodexRequest) -> Turn:
    """End well at once."""
    return Turn()


@dataclass
class Hold:
    """A turn that works until it is released."""

    turn: Turn = field(default_factory=Turn)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: CodexRequest) -> Turn:
        self.started.set()
        await self.release.wait()
        return self.turn


@dataclass
class FakeSupervisor:
    """Follows the supervisor's contract; `work` does the turns, `requests` remembers them."""

    store: Store
    work: Work = done
    requests: list[CodexRequest] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    _tasks: dict[str, asyncio.Task[Job]] = field(default_factory=dict)

    async def run(self, request: CodexRequest) -> Job:
        job = await self.start(request)
        try:
            return await self.wait(job.id)
        except asyncio.CancelledError:
            await self.cancel(job.id, "its step was stopped")
            raise

    async def of_step(self, step_id: str) -> tuple[Job, ...]:
        async with self.store.transaction() as tx:
            return await tx.jobs.of_step(step_id)

    async def start(self, request: CodexRequest) -> Job:
        if request.key and request.step_id:
            async with self.store.transaction() as tx:
                known = await tx.jobs.by_key(request.step_id, request.attempt, request.key)
            if known:
                return known
        self.requests.append(request)
        moment = clock.now()
        job = Job(
            id=new_id(),
            name=request.name,
            state=JobState.QUEUED,
            prompt=request.prompt,
            workspace=request.project.workspace,
            output_path=str(request.output.path),
            created_at=moment,
            updated_at=moment,
            run_id=request.run_id,
            step_id=request.step_id,
            attempt=request.attempt,
            thread_id=request.thread_id or f"thread-{len(self.requests)}",
            key=request.key,
        )
        async with self.store.transaction() as tx:
            await tx.jobs.add(job)
            await tx.move_job(job.id, JobState.IN_PROGRESS, started_at=moment)
        self._tasks[job.id] = asyncio.create_task(self._perform(job, request))
        await asyncio.sleep(0)
        return job

    async def wait(self, job_id: str) -> Job:
        task = self._tasks[job_id]
        await asyncio.wait({task})
        return task.result()

    async def cancel(self, job_id: str, reason: str) -> None:
        self.cancelled.append(job_id)
        self._tasks[job_id].cancel()
        await asyncio.wait({self._tasks[job_id]})

    async def _perform(self, job: Job, request: CodexRequest) -> Job:
        try:
            turn = await self.work(request)
        except asyncio.CancelledError:
            return await self._end(job, JobState.CANCELLED, Turn(message=""), 130)
        request.output.segment(SegmentKind.MESSAGE)
        request.output.write(turn.message + "\n")
        if turn.failure:
            return await self._end(job, JobState.FAILED, turn, 1)
        return await self._end(job, JobState.COMPLETED, turn, 0)

    async def _end(self, job: Job, state: JobState, turn: Turn, exit_code: int) -> Job:
        async with self.store.transaction() as tx:
            return await tx.move_job(
                job.id,
                state,
                exit_code=exit_code,
                message=turn.message,
                failure=turn.failure,
                files_changed=turn.changes,
                usage=turn.usage,
                ended_at=clock.now(),
            )
