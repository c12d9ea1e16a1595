"""Jobs of their own: takes them in, starts them by turn, follows them, and ends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextvars import Context
from dataclasses import dataclass

from foredeck.services.domain.command_rules import Match
from foredeck.services.domain.errors import (
    CodexError,
    Conflict,
    ForedeckError,
    StoreError,
)
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.jobs import (
    BatchWish,
    JobOrder,
    JobWish,
    Priority,
)
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.states import JobState
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.batches import FAILED_JOBS
from foredeck.services.jobs.executor import Found
from foredeck.services.jobs.job_endings import JobEndings
from foredeck.services.jobs.job_follower import Ended, JobFollower
from foredeck.services.jobs.job_intake import JobIntake
from foredeck.services.jobs.job_moves import on_behalf_of
from foredeck.services.jobs.job_records import End, JobRecords
from foredeck.services.patience import PAUSE, all_of, to_the_end
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)


@dataclass
class _Work:
    """A job that is followed here; `ending` is set once it is known how it ended.

    One that has not `begun` when it is cancelled begins with its end: nothing of it is started.
    """

    task: asyncio.Task[None]
    reason: str | None = None
    begun: bool = False
    ending: bool = False

    def ask_to_end(self, reason: str) -> None:
        """Have it stopped, unless it ends already."""
        if not self.ending and self.reason is None:
            self.reason = reason
            if self.begun:  # else it sees the reason; cancelled now, it could store nothing
                self.task.cancel()


class JobService:
    """Lives on the services' loop. A job outlives its host, as a run does.

    A host that closes lets go of the jobs at work, and the next one takes them up. One that was
    not opened to stay (`recover` was not called) starts only jobs that are to start `now`.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        intake: JobIntake,
        records: JobRecords,
        follower: JobFollower,
    ) -> None:
        self._store = store
        self._bus = bus
        self._intake = intake
        self._records = records
        self._follower = follower
        self._work: dict[str, _Work] = {}
        # What may be started here; None for everything.
        self._chosen: set[str] | None = set()
        self._wake = asyncio.Event()
        self._endings = JobEndings(store, records)
        self._turns: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def working(self) -> int:
        """How many jobs are followed here."""
        return len(self._work)

    @property
    def starts(self) -> bool:
        """Whether whatever is queued is started here when its turn comes."""
        return self._chosen is None

    async def recover(self) -> None:
        """Take up the jobs that an earlier host left at work, and start what waits from now on."""
        self._chosen = None
        for job, order, reason in await self._records.in_progress():
            if job.id not in self._work:  # else it was begun here: an agent was quicker
                work = self._launch(job, order)
                if reason:
                    work.ask_to_end(reason)
        self._look()

    async def close(self) -> None:
        """Let go of the jobs at work, and wait until that is done."""
        self._closing = True
        while tasks := {work.task for work in self._work.values()}:
            for task in tasks:  # and again: a turn under way may still begin some
                task.cancel()
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # now they are forgotten
        if self._turns is not None:  # last: what had just ended was to be stored
            self._turns.cancel()
            await asyncio.wait({self._turns})

    async def submit(
        self, wish: JobWish, *, hold: bool = False, now: bool = False, job_id: str = ""
    ) -> Job:
        """Store a job and queue it, or hold it; raises what `JobIntake.accept` does.

        A `job_id` is that of whoever may have to ask again, not knowing whether the first time
        was heard: then the job that is there is returned, whatever has become of it.
        """
        job = await self._records.known(job_id) if job_id else None
        if job is None:
            accepted = await self._intake.accept(wish, hold=hold, job_id=job_id)
            job = await self._records.add([accepted])
        self._choose({job.id}, now=now)
        return job

    async def submit_batch(
        self, wish: BatchWish, *, hold: bool = False, now: bool = False, job_id: str = ""
    ) -> Job:
        """Store a batch with all of its jobs, or none; raises what `JobIntake.accept` does.

        `job_id` is the batch's, and what `submit` says of it holds.
        """
        batch = await self._records.known(job_id) if job_id else None
        if batch is None:
            accepted = await self._intake.accept_batch(wish, hold=hold, job_id=job_id)
            batch = await self._records.add(accepted)
        self._choose(await self._records.waiting_of(batch.id) if now else (), now=now)
        return batch

    async def execute(self, ref: str, *, now: bool = False) -> Job:
        """Queue a job that was held; raises `CommandDenied` if its command is forbidden now."""
        await self._readmit(ref, {JobState.PENDING})
        job = await self._records.release(ref)
        self._choose({job.id}, now=now)
        return job

    async def retry(self, ref: str, *, hold: bool = False) -> Job:
        """Give a job that ended badly a new attempt; raises `CommandDenied` as `execute` does."""
        await self._readmit(ref, FAILED_JOBS)
        job = await self._records.retry(ref, hold=hold)
        self._look()
        return job

    async def prioritise(self, ref: str, priority: Priority) -> Job:
        """Give a job that waits another priority."""
        job = await self._records.prioritise(ref, priority)
        self._look()
        return job

    async def cancel(self, ref: str, reason: str) -> Job:
        """Cancel a job; returns when nothing of it is left. `Conflict` if it has ended."""
        while True:
            job, order = await self._records.cancel_waiting(ref, reason)
            if job.state is JobState.CANCELLED:
                return job
            if order.children is not None:
                return await self._cancel_batch(job, reason)
            if await self._stop(job, order, reason):
                return await self._again(job)
            # It has ended by itself, or waits again: the next look says which.

    async def _cancel_batch(self, batch: Job, reason: str) -> Job:
        """End the jobs of a batch that work; none of it begins any more."""
        working = await self._records.at_work(batch.id)
        await all_of([self._stop(job, order, reason) for job, order in working])
        return await self._again(batch)

    async def _again(self, job: Job) -> Job:
        async with self._store.transaction() as tx:
            return await tx.jobs.get(job.id)

    async def pause(self, *, paused: bool) -> None:
        """Start nothing more until it goes on; what works goes on. It outlasts a restart."""
        await self._records.pause(paused=paused)
        self._look()

    async def limit(self, limit: int | None) -> None:
        """Change how many jobs work at once; raises what `JobRecords.limit` does."""
        await self._records.limit(limit)
        self._look()

    async def matches(self, wishes: Iterable[JobWish]) -> tuple[Match, ...]:
        """Return what the commands of wishes match of the command policy."""
        return await self._intake.matches(wishes)

    async def _readmit(self, ref: str, states: Collection[JobState]) -> None:
        """Judge the commands again of what is in one of these states: only that is queued."""
        await self._intake.readmit(await self._records.standing(ref, states))

    def _choose(self, job_ids: Iterable[str], *, now: bool) -> None:
        if now and self._chosen is not None:
            self._chosen.update(job_ids)
        self._look()

    def _look(self) -> None:
        """Look soon whether something may start, or has to be stored."""
        self._wake.set()
        if self._turns is None:
            self._turns = asyncio.create_task(
                self._take_turns(), name="queue of jobs", context=Context()
            )

    async def _take_turns(self) -> None:
        """Store what has ended and begin what may, together, as long as there is either."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            chosen = None if self._chosen is None else frozenset(self._chosen)
            try:
                begun = await self._endings.turn(frozenset() if self._closing else chosen)
            except Exception as error:
                _log.exception("the queue of jobs could not be moved on")
                self._tell("error", f"No job can be started: {error} It is tried again.")
                await asyncio.sleep(PAUSE)
                self._wake.set()
            else:
                for job, order in begun:
                    self._launch(job, order)

    def _launch(self, job: Job, order: JobOrder) -> _Work:
        task = asyncio.create_task(
            self._perform(job, order), name=f"job {job.id}", context=Context()
        )
        work = self._work[job.id] = _Work(task)
        task.add_done_callback(lambda done: self._ended(job.id, done))
        return work

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        """Forget the job; that its end could not be stored, somebody has to be told."""
        work = self._work.get(job_id)
        if work is not None and work.task is task:  # not its next attempt
            del self._work[job_id]
        if not task.cancelled() and (error := task.exception()):
            _log.error("the end of job %s could not be stored: %s", job_id, error)
            message = f"The end of job {job_id} could not be stored; the next host finds out."
            self._tell("error", message)
        if not self._closing:
            self._look()

    async def _stop(self, job: Job, order: JobOrder, reason: str) -> bool:
        """Stop a job at work; whether it ended by that."""
        if self._closing:
            raise Conflict("Foredeck is being closed.", "Start it again, then repeat this.")
        work = self._work.get(job.id) or self._launch(job, order)
        work.ask_to_end(reason)
        await asyncio.wait({work.task})
        if work.task.cancelled():
            raise Conflict("Foredeck is being closed.", "Start it again, then repeat this.")
        work.task.result()
        return (await self._again(job)).state is JobState.CANCELLED

    async def _perform(self, job: Job, order: JobOrder) -> None:
        """Bring a job to its end, however that comes, and store it."""
        # What is recorded of it belongs to the command that asked for it, whoever wakes us now.
        with on_behalf_of(order):
            await self._to_its_end(job, order, self._work[job.id])

    async def _to_its_end(self, job: Job, order: JobOrder, work: _Work) -> None:
        work.begun = True
        try:
            ended = await self._follow(job, order, work)
        except Exception as error:
            if not isinstance(error, ForedeckError):
                _log.exception("job %s could not be followed", job.id)
            await to_the_end(self._follower.abandon(job))
            ended = Ended(Found(JobState.FAILED), _failure(error))
        work.ending = True
        stopped = ended.found.state is JobState.CANCELLED
        await to_the_end(self._end(job, ended, (work.reason or "") if stopped else ""))

    async def _follow(self, job: Job, order: JobOrder, work: _Work) -> Ended:
        try:
            if work.reason is None:
                return await self._follower.to_its_end(job, order)
        except asyncio.CancelledError:
            if work.reason is None:
                raise  # we let go: the next host goes on with it
        return await to_the_end(self._follower.stop(job, order))

    async def _end(self, job: Job, ended: Ended, reason: str) -> None:
        """Have the end of a job stored, with those that end at the same time."""
        stored = self._endings.add(End(job, ended, reason))
        self._look()
        await stored
        if ended.found.state is JobState.LOST and ended.failure is not None:
            self._tell("warning", f"Job {job.id} ({job.name}) is lost. {ended.failure.advice}")

    def _tell(self, severity: str, message: str) -> None:
        self._bus.publish(NoticeRaised(severity=severity, message=message))


def _failure(error: Exception) -> Failure:
    if not isinstance(error, ForedeckError):
        return Failure(FailureClass.INTERNAL, "The command could not be followed to its end.")
    classes = {StoreError: FailureClass.DISK, CodexError: FailureClass.SANDBOX}
    found = (name for kind, name in classes.items() if isinstance(error, kind))
    return Failure(next(found, FailureClass.WORKSPACE), error.message, error.advice)
