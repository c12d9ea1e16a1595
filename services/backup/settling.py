"""Makes a restored copy honest: what was at work when the backup was made is not at work here.

A backup is a look at the past. What it has as running may have ended since, what it has as
waiting may have been done since, by the Foredeck that it was taken of. So nothing of it is
begun here until a person says so, and nothing that had begun is begun again by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from foredeck.services.chat.record import cut_off_left
from foredeck.services.domain import clock
from foredeck.services.domain.records import Failure, FailureClass, Run, Step, StepKind
from foredeck.services.domain.states import FINAL_JOBS, JobState, StepState
from foredeck.services.scheduling.passing import pass_over
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow.outcomes import Outcomes, is_under_way
from foredeck.services.workflow.run_driver import settle

_REASON = "a backup was restored that was taken while it worked"
_TOLD_ELSEWHERE = "A backup was restored: where it was taken it may have arrived since."
_LOST = Failure(
    FailureClass.CRASH,
    "This worked when the backup was taken; how it ended is not known here.",
    "Look at the workspace: resume the run to go on from there, or retry the stage from its "
    "beginning.",
)
# The directories of `LocalExecutor`s: of command steps, and of jobs of their own.
_STEPS, _OWN = "jobs", "job-output"


@dataclass
class Settled:
    """What was at work: runs by their ids, how many steps of them and jobs, and what waited.

    `passed_over` counts the tasks that were due since, which is not made up for.
    """

    runs: list[str]
    steps: int = 0
    jobs: int = 0
    queued: int = 0
    passed_over: int = 0


async def settle_down(store: Store, data_dir: Path) -> Settled:
    """Store that nothing is at work; runs, the queue of jobs and the schedules are paused."""
    found = Settled([])
    _disown(data_dir)
    async with store.transaction("recovery") as tx:
        active = [run.id for run in await tx.runs.active()]
        # The next host would start them: they were made a moment before the backup.
        active += [execution.id for execution in await tx.executions.not_begun()]
        await tx.moving.pause(clock.now())
        found.queued = len(await tx.job_orders.queued())
        working = [await tx.jobs.get(job_id) for job_id, _ in await tx.job_orders.working()]
    for job in working:
        _mark_started(data_dir / _OWN / f"{job.id}.{job.attempt}")
    found.jobs = len(working)
    # Not by `ChatService.recover`: that would end processes of the host it was taken of.
    await cut_off_left(store, _REASON)
    for run_id in active:
        async with store.transaction("recovery") as tx:
            found.steps += await _settle_run(tx, await tx.runs.get(run_id))
        found.runs.append(run_id)
    async with store.transaction("recovery") as tx:
        await tx.moving.tell_nobody(_TOLD_ELSEWHERE)
    found.passed_over = await pass_over(store)
    return found


async def _settle_run(tx: Transaction, run: Run) -> int:
    """Let a run wait for a person; return how many of its steps were at work."""
    lost = 0
    for step in await tx.steps.of_run(run.id):
        # A gate does nothing outside: its question is still to be answered.
        if step.kind is not StepKind.GATE and await is_under_way(tx, step):
            await _lose(tx, step)
            lost += 1
    run = await tx.runs.get(run.id)
    if run.paused_at is None:
        await tx.runs.save(replace(run, paused_at=clock.now()))
    steps = await tx.steps.of_run(run.id)
    await settle(tx, run.id, steps, ready=False)
    await tx.runs.note(run.id, "paused, because it comes from a backup")
    return lost


async def _lose(tx: Transaction, step: Step) -> None:
    for job in await tx.jobs.of_step(step.id):
        if job.state not in FINAL_JOBS:
            begun = job.state is JobState.IN_PROGRESS
            ended = {"ended_at": clock.now(), "failure": _LOST if begun else None}
            to = JobState.LOST if begun else JobState.CANCELLED
            await tx.move_job(job.id, to, reason=_REASON, **ended)
    if step.state is StepState.WAITING:  # for an answer, in the middle of its work
        step = await tx.move_step(step.id, StepState.RUNNING, reason=_REASON)
    outcomes = Outcomes(Path())
    step, attempt = await outcomes.resume(tx, step)
    await outcomes.lose(tx, step, attempt, _LOST)


def _disown(data_dir: Path) -> None:
    """Forget the processes of whatever has no recorded end: they are those of another host.

    On the machine of that host they may still be there, and are not ours to end.
    """
    for place in (data_dir / _STEPS, data_dir / _OWN):
        if not place.is_dir():
            continue
        for directory in place.iterdir():
            if (directory / "started").exists() and not (directory / "exit").exists():
                _mark_started(directory)


def _mark_started(directory: Path) -> None:
    """Leave what says that this was started, and by nobody that is known.

    Without it the job would be taken for one that never began, and would be run again.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / "exit").exists():
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        os.close(os.open(directory / "started", flags, 0o600))
