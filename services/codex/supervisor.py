"""Codex turns as jobs: stored before they exist, until how they ended is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from foredeck.services.codex.approvals import Approver
from foredeck.services.codex.failures import from_error, internal
from foredeck.services.codex.job_records import Ending, JobRecords, left_turn
from foredeck.services.codex.live_output import LiveOutput
from foredeck.services.codex.orders import TurnOrder, TurnReport, TurnResult
from foredeck.services.codex.surroundings import surroundings_of
from foredeck.services.codex.turn_slots import TurnSlots
from foredeck.services.codex.turn_usage import storing_usage
from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.errors import (
    Conflict,
    ForedeckError,
    SettingsError,
    StepFailed,
    StoreError,
    TurnLost,
)
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import (
    FailureClass,
    Job,
    Project,
    Sandbox,
)
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits
from foredeck.services.jobs.output import OutputWriter, read_tail
from foredeck.services.patience import all_of, to_the_end
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

T = TypeVar("T")

STATUS_LINES = 50


@dataclass(frozen=True)
class CodexRequest:
    """A codex turn that a step of a run asks for; None leaves it to the project's settings.

    `thread_id` continues that conversation; `timeout` is in seconds; `config` are further
    settings of codex. `key` says what in the attempt asks: asked twice with the same key, it
    is the same job. `follow_up_id` is the queued prompt that the turn delivers. `directory`,
    relative to the workspace, is where codex works; `tools` limits those of the tool servers.
    """

    project: Project
    run_id: str | None
    step_id: str | None
    attempt: int
    name: str
    prompt: str
    output: OutputWriter
    thread_id: str | None = None
    output_schema: dict[str, Any] | None = None
    model: str | None = None
    sandbox: Sandbox | None = None
    timeout: float | None = None
    key: str = ""
    follow_up_id: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    directory: str = ""
    tools: ToolLimits = EVERYTHING


@dataclass(frozen=True)
class JobStatus:
    """A job and the last lines of its output (not sanitised)."""

    job: Job
    tail: str


class Runner(Protocol):
    """What runs a turn (`turns.TurnRunner`)."""

    async def run(
        self,
        order: TurnOrder,
        *,
        opened: Callable[[str], Awaitable[None]] | None = None,
        started: Callable[[str, str], Awaitable[None]] | None = None,
        report: TurnReport | None = None,
    ) -> TurnResult:
        """Run a turn to its end."""
        ...

    async def abandon(self, job_id: str, thread_id: str | None, turn_id: str | None) -> None:
        """End what an earlier host left of a turn."""
        ...


class Approvals(Protocol):
    """Who answers what the turns of a job ask (`questions.approvals.CodexApprovals`)."""

    def may_ask(self, project: Project) -> bool:
        """Whether codex may ask for more than its sandbox lets it."""
        ...

    def of_job(self, job: Job, project: Project) -> Approver:
        """Return who answers for a job."""
        ...


@dataclass(eq=False)
class _Work:
    """A job under way."""

    task: asyncio.Task[Job]
    ending: bool = False
    reason: str = ""


class CodexSupervisor:
    """Owns every codex turn of this host; lives on the services' loop."""

    def __init__(
        self,
        store: Store,
        runner: Runner,
        settings: Settings,
        departure: Departure | None = None,
        *,
        approvals: Approvals | None = None,
    ) -> None:
        self._store = store
        self._runner = runner
        self._approvals = approvals
        self._settings = settings
        self._departure = departure or Departure()
        self._slots = TurnSlots(settings.turn_limit)
        self._work: dict[str, _Work] = {}
        self._ours: set[str] = set()
        self._records = JobRecords(store)

    @property
    def running_turns(self) -> int:
        """How many turns run now."""
        return self._slots.running

    @property
    def queued_turns(self) -> int:
        """How many turns wait for a slot or for their workspace."""
        return self._slots.queued

    async def run(self, request: CodexRequest) -> Job:
        """Run a turn and return its job when it has ended, well or badly.

        Cancelled, the turn is stopped, its job stored as cancelled, and the cancellation
        raised again; a house that departs lets go of it.
        """
        job = await self.start(request)
        try:
            return await self.wait(job.id)
        except asyncio.CancelledError:
            await to_the_end(self._stop(job.id, "its step was stopped"))
            raise

    async def start(self, request: CodexRequest) -> Job:
        """Store the job, queue it and return it; cancelled, the job is stopped again.

        A job with that key is returned as it is: it may have ended, or is taken up again
        where an earlier host left it.
        """
        known = await self._records.asked_before(request.step_id, request.attempt, request.key)
        job = known or self._new_job(request)
        if job.id in self._work or job.state in FINAL_JOBS:
            return job
        try:
            await to_the_end(self._launch(job, request, known=known is not None))
        except asyncio.CancelledError:
            await to_the_end(self._stop(job.id, "its step was stopped"))
            raise
        return job

    async def wait(self, job_id: str) -> Job:
        """Return the job when it has ended; raises `NotFound`. The job outlives the wait."""
        work = self._work.get(job_id)
        if work is None:
            return await self._records.get(job_id)
        await asyncio.wait({work.task})
        return work.task.result()

    async def of_step(self, step_id: str) -> tuple[Job, ...]:
        """Return the jobs of a step, oldest first."""
        return await self._records.of_step(step_id)

    async def cancel(self, job_id: str, reason: str) -> None:
        """Stop a job; returns when nothing of it is left. `Conflict` if it has ended."""
        if job_id not in self._work:
            job = await self._records.get(job_id)
            raise Conflict(f"Job {job.id} is {job.state} already: there is nothing to stop.")
        await self._stop(job_id, reason)

    async def status(self, job_id: str) -> JobStatus:
        """Return the job as stored and the last lines of its output; raises `NotFound`."""
        job = await self._records.get(job_id)
        tail = await asyncio.to_thread(read_tail, Path(job.output_path), STATUS_LINES)
        return JobStatus(job, tail)

    async def jobs_left(self, *, ours_too: bool) -> bool:
        """Whether the next host is to take jobs up: an earlier one's, or also ours."""
        try:
            active = await self._records.active()
            return any(ours_too or job.id not in self._ours for job in active)
        except StoreError as error:
            _log.warning("nobody can say whether other jobs work: %s", error)
            return False

    async def close(self) -> None:
        """Stop every job, or let go of them, and wait until that is done."""
        stops = [self._stop(job_id, "Foredeck was closed") for job_id in list(self._work)]
        await asyncio.gather(*stops)

    async def abandon(self, run_id: str, step_id: str | None = None) -> None:
        """End what an earlier host left running for a run or a step; its jobs are lost."""
        active = [job for job in await self._records.active() if job.run_id == run_id]
        of_it = [job for job in active if step_id is None or job.step_id == step_id]
        left = [job for job in of_it if job.id not in self._work]
        await all_of(self._abandon(job) for job in left)

    async def _abandon(self, job: Job) -> None:
        if job.state is JobState.IN_PROGRESS:
            await self._runner.abandon(job.id, job.thread_id, job.turn_id)
        await self._records.lose(job)

    def _new_job(self, request: CodexRequest) -> Job:
        moment = clock.now()
        return Job(
            id=new_id(),
            name=request.name,
            state=JobState.QUEUED,
            prompt=request.prompt,
            workspace=request.project.workspace,
            output_path=str(request.output.path),
            created_at=moment,
            updated_at=moment,
            queued_at=moment,
            run_id=request.run_id,
            step_id=request.step_id,
            attempt=request.attempt,
            timeout=request.timeout or self._settings.turn_timeout,
            thread_id=request.thread_id,
            model=self._model(request) or "",
            key=request.key,
        )

    def _model(self, request: CodexRequest) -> str | None:
        """Return the model to ask for, None for the one in codex's own configuration."""
        return request.model or request.project.settings.model or self._settings.codex_model

    async def _launch(self, job: Job, request: CodexRequest, *, known: bool) -> None:
        if not known:
            await self._records.add(job, request.follow_up_id)
        task = asyncio.create_task(self._perform(job, request), name=f"codex job {job.id}")
        self._work[job.id] = _Work(task)
        self._ours.add(job.id)
        task.add_done_callback(lambda done: self._ended(job.id, done))
        await asyncio.sleep(0)  # cancelled before its first step, it could store nothing

    def _ended(self, job_id: str, task: asyncio.Task[Job]) -> None:
        """Forget the job; that its end could not be stored, nobody may be there to hear."""
        self._work.pop(job_id, None)
        if not task.cancelled() and (error := task.exception()):
            _log.error("the end of codex job %s could not be stored: %s", job_id, error)

    async def _stop(self, job_id: str, reason: str) -> None:
        work = self._work.get(job_id)
        if work is None:
            return
        if not work.ending:
            work.ending, work.reason = True, reason
            work.task.cancel()
        await asyncio.wait({work.task})

    async def _perform(self, job: Job, request: CodexRequest) -> Job:
        """Run the turn; however it ends, that is stored and the job returned."""
        report = TurnReport(thread_id=job.thread_id, model=job.model)
        ending = await self._run(job, request, report)
        if ending is None:
            raise asyncio.CancelledError  # we depart: the job stays as it is
        work = self._work.get(job.id)
        if work is not None:
            work.ending = True
        # What a job has printed is in its file before the job is said to have ended; on a
        # full disk the writer keeps it until there is room.
        with suppress(StoreError):
            request.output.flush()
        return await self._records.end(job, ending, report)

    async def _run(self, job: Job, request: CodexRequest, report: TurnReport) -> Ending | None:
        """Run the turn and return how it ended; None if we only let go of it."""
        try:
            order = await self._order(job, request)
            writes = order.sandbox is not Sandbox.READ_ONLY
            share = request.project.settings.concurrency
            if why := self._slots.obstacle(job.workspace, writes=writes, share=share):
                note = f"This codex turn waits: {why}.\n"
                LiveOutput.of(order.output).write(self, SegmentKind.NOTE, note)
            async with self._slots.turn(job.workspace, writes=writes, share=share):
                order = await self._surrounded(order, request)
                await self._records.begin(job)
                async with storing_usage(self._store, job.id, report):
                    await self._runner.run(
                        order,
                        opened=self._records.note_thread(job),
                        started=self._records.note_start(job, report),
                        report=report,
                    )
        except asyncio.CancelledError:
            if self._departure.leaving:
                return None
            if job.state is JobState.IN_PROGRESS and report.turn_id is None:
                # The turn of an earlier host was not taken up yet; else it is stopped by now.
                await to_the_end(self._runner.abandon(job.id, job.thread_id, job.turn_id))
            work = self._work.get(job.id)
            return Ending(JobState.CANCELLED, reason=work.reason if work else "")
        except TurnLost as error:
            return Ending(JobState.LOST, error.failure)
        except StepFailed as error:
            timed_out = error.failure.failure_class is FailureClass.TIMEOUT
            return Ending(JobState.TIMEOUT if timed_out else JobState.FAILED, error.failure)
        except ForedeckError as error:
            return Ending(JobState.FAILED, from_error(error))
        except Exception as error:
            _log.exception("codex job %s broke", job.id)
            return Ending(JobState.FAILED, internal(error))
        return Ending(JobState.COMPLETED)

    async def _order(self, job: Job, request: CodexRequest) -> TurnOrder:
        wishes = request.project.settings
        return TurnOrder(
            job_id=job.id,
            workspace=job.workspace,
            directory=request.directory,
            prompt=request.prompt,
            output=request.output,
            thread_id=request.thread_id,
            thread_usage=await self._records.thread_usage(request.thread_id),
            model=self._model(request),
            sandbox=request.sandbox or wishes.sandbox or self._settings.sandbox,
            output_schema=request.output_schema,
            timeout=job.timeout,
            stall_timeout=self._settings.stall_timeout,
            left=left_turn(job),
            config=request.config,
            **self._asking(job, request.project),
        )

    async def _surrounded(self, order: TurnOrder, request: CodexRequest) -> TurnOrder:
        """Add what the project puts around its turns; secrets are looked up only now."""
        try:
            found = await asyncio.to_thread(
                surroundings_of, request.project, self._settings, request.tools
            )
        except SettingsError:
            if order.left is not None and order.left.turn_id is not None:
                return order  # it has begun, and has what it needs
            raise
        self._store.redactor.learn(found.secrets)
        for note in found.notes:
            LiveOutput.of(order.output).write(self, SegmentKind.NOTE, f"{note}\n")
        return found.around(order)

    def _asking(self, job: Job, project: Project) -> dict[str, Any]:
        """What an order says about codex's questions; nobody is asked where nobody answers."""
        if self._approvals is None or not self._approvals.may_ask(project):
            return {}
        return {"may_ask": True, "approver": self._approvals.of_job(job, project)}
