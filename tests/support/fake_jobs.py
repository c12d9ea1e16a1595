"""A host with jobs and batches, for the screen that lists them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from foredeck.services.domain.events import JobQueueChanged, JobSaved
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import (
    BatchCounts,
    BatchStatus,
    JobDetail,
    JobQueueView,
    JobResult,
    JobRow,
)
from foredeck.services.domain.jobs import JobOrder, JobWish, Priority
from foredeck.services.domain.records import Failure, FailureClass, TokenUsage
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.host import commands, queries
from foredeck.services.jobs.job_board import in_turn
from tests.support.fake_host import NOW, FakeHost, ago, running

S = JobState


@dataclass
class JobHost(FakeHost):
    """Has these jobs, newest first; the output of each is a file in `outputs`."""

    outputs: Path = Path()
    jobs: list[JobRow] = field(default_factory=list)
    queue: JobQueueView = field(default_factory=lambda: JobQueueView(2, 3, 10, None, starts=True))
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def change(self, job: JobRow) -> None:
        """Let a job be another one from now on, and tell it."""
        self.jobs = [job if known.id == job.id else known for known in self.jobs]
        self.tell(job)

    def add(self, job: JobRow) -> None:
        """Have one job more, and tell it."""
        self.jobs.insert(0, job)
        self.tell(job)

    def tell(self, job: JobRow) -> None:
        """Say that a job has changed."""
        self.publish(JobSaved(job_id=job.id, run_id=job.run_id, name=job.name, state=job.state))

    def job(self, ref: str) -> JobRow:
        """Return a job."""
        return next(job for job in self.jobs if job.id == ref)

    def _answer(self, query: object) -> object:
        match query:
            case queries.GetJobBoard():
                return self._board(query.batch)
            case queries.GetJob():
                return self.detail(query.ref)
            case queries.GetJobResult():
                return self._result(query.ref)
        return super()._answer(query)

    def _board(self, batch: str | None) -> JobBoard:
        rows = [row for row in self.jobs if row.parent_id == batch]
        order = {row.id: 10 - (row.priority or Priority.NORMAL).level for row in self.jobs}
        parent = self.job(batch) if batch else None
        status = batch_status(parent, parent.counts) if parent and parent.counts else None
        return JobBoard(self.queue, tuple(in_turn(rows, order)), len(rows), status)

    def detail(self, ref: str) -> JobDetail:
        """Return all of a job."""
        row = self.job(ref)
        own = row.run_id is None
        bad = row.state in {S.FAILED, S.TIMEOUT, S.LOST}
        fields: dict[str, Any] = {
            "prompt": f"make {row.name}",
            "message": "",
            "failure": Failure(FailureClass.COMMAND, "No rule.", "See its output.")
            if bad
            else None,
            "workspace": "/home/me/work/shortener",
            "output_path": str(self.outputs / f"{ref}.out"),
            "timeout": 3600.0,
            "queued_at": row.created_at,
            "model": "",
            "thread_id": None,
            "usage": TokenUsage(),
            "order": JobOrder(
                ref,
                "p1",
                row.priority or Priority.NORMAL,
                created_by="me/cli",
                progress=row.progress or 0.0,
                progress_message="compiling" if row.progress else "",
                children=row.children,
            )
            if own
            else None,
        }
        return JobDetail(row, **{**fields, **self.changes.get(ref, {})})

    def _result(self, ref: str) -> JobResult:
        errors = str(self.outputs / f"{ref}.err")
        return JobResult(self.detail(ref), "", "", None, "", 0, 0, "", errors)

    def _carry_out(self, command: object) -> object:
        match command:
            case commands.SubmitJob():
                return self._submit(command.wish, command.hold)
            case commands.ExecuteJob():
                return self._put(command.ref, state=S.QUEUED)
            case commands.CancelJob():
                return self._put(command.ref, state=S.CANCELLED, ended_at=NOW)
            case commands.RetryJob():
                return self._put(command.ref, state=S.QUEUED, ended_at=None, exit_code=None)
            case commands.PrioritiseJob():
                return self._put(command.ref, priority=command.priority)
            case commands.PauseJobs():
                return self._decide(paused_at=NOW if command.paused else None)
            case commands.LimitJobs():
                return self._decide(limit=command.limit or 10)
        return super()._carry_out(command)

    def _submit(self, wish: JobWish, hold: bool) -> JobRow:
        state = S.PENDING if hold else S.QUEUED
        row = own_job(f"n{len(self.jobs)}", state, name=wish.name, priority=wish.priority)
        self.add(replace(row, created_at=NOW))
        return row

    def _put(self, ref: str, **changes: Any) -> JobRow:
        self.change(replace(self.job(ref), **changes))
        return self.job(ref)

    def _decide(self, **changes: Any) -> JobQueueView:
        self.queue = replace(self.queue, **changes)
        self.publish(JobQueueChanged())
        return self.queue


def job_row(job_id: str, state: JobState = S.COMPLETED, **changes: Any) -> JobRow:
    """Return a codex turn of the builder in the run at work."""
    ended = ago(60) if state in FINAL_JOBS else None
    begun = state not in {S.QUEUED, S.PENDING}
    fields: dict[str, Any] = {
        "id": job_id,
        "name": "builder",
        "type": "codex",
        "state": state,
        "run_id": "run1",
        "run_title": "A URL shortener with statistics",
        "project_name": "shortener",
        "step_key": "builder",
        "attempt": 1,
        "exit_code": None if ended is None else 0,
        "created_at": ago(140),
        "started_at": ago(134) if begun else None,
        "ended_at": ended,
        "cpu_seconds": None,
        "peak_memory": None,
    }
    return JobRow(**{**fields, **changes})


def own_job(job_id: str, state: JobState = S.COMPLETED, **changes: Any) -> JobRow:
    """Return a command that belongs to no run."""
    fields: dict[str, Any] = {
        "name": job_id,
        "type": "shell_command",
        "run_id": None,
        "run_title": "",
        "step_key": "",
        "priority": Priority.NORMAL,
        "progress": 0.0,
    }
    return job_row(job_id, state, **{**fields, **changes})


def counts(**changes: int) -> BatchCounts:
    """Return how a batch of 1,000 stands, most of it still to come."""
    fields = {"total": 1000, "completed": 35, "failed": 2, "cancelled": 0, "timeout": 0, "lost": 0}
    return BatchCounts(**{**fields, "running": 4, "pending": 959, **changes})


def batch_status(row: JobRow, counted: BatchCounts) -> BatchStatus:
    """Return a batch as its own screen shows it."""
    return BatchStatus(
        **asdict(counted),
        id=row.id,
        name=row.name,
        type=row.type,
        state=row.state,
        priority=row.priority or Priority.NORMAL,
        project_name=row.project_name,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        reason="",
        stop_after=5,
    )


def busy(directory: Path) -> JobHost:
    """Jobs of their own and of runs, at work, waiting, held and ended; and a batch."""
    host = running(directory)
    old: dict[str, Any] = {"run_id": "run0", "run_title": "Set the project up"}
    batch = own_job("b1", S.IN_PROGRESS, name="thumbnails", counts=counts(), started_at=ago(75))
    child: dict[str, Any] = {"parent_id": "b1"}
    jobs = [
        own_job("j9", S.QUEUED, name="urgent", priority=Priority.CRITICAL),
        own_job("j8", S.QUEUED, name="nightly", priority=Priority.LOW),
        own_job("j7", S.PENDING, name="deploy", priority=Priority.HIGH),
        own_job("j6", S.IN_PROGRESS, name="build", progress=42.0),
        batch,
        job_row("j5", S.IN_PROGRESS, started_at=ago(20)),
        job_row("j3", type="shell_command", step_key="planner", ended_at=ago(90), **old),
        own_job("j2", S.FAILED, name="lint", exit_code=2, ended_at=ago(70)),
        own_job("j1", S.LOST, name="old import", exit_code=None, ended_at=ago(100)),
        own_job("c1", S.IN_PROGRESS, name="thumbnails (1/1000)", batch_index=1, **child),
        own_job("c2", S.QUEUED, name="thumbnails (2/1000)", batch_index=2, **child),
        own_job("c3", S.FAILED, name="thumbnails (3/1000)", batch_index=3, exit_code=1, **child),
    ]
    for job in jobs:
        (directory / f"{job.id}.out").write_text(f"{job.name} says\nerror: one thing\nthe end\n")
        (directory / f"{job.id}.err").write_text(f"{job.name} complains\n")
    return JobHost(
        host.projects,
        host.runs,
        host.transcripts,
        outputs=directory,
        jobs=jobs,
    )


def idle(directory: Path) -> JobHost:
    """No job at all, and a queue that nobody works on."""
    host = busy(directory)
    host.jobs, host.queue = [], JobQueueView(0, 0, 10, None, starts=False)
    return host
