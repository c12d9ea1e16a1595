"""A host with jobs, for the dialog that lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foredeck.services.domain.events import JobSaved
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.states import JobState
from foredeck.services.domain.views import Page
from foredeck.services.host import queries
from tests.support.fake_host import FakeHost, ago, running


@dataclass
class JobHost(FakeHost):
    """Has these jobs, newest first."""

    jobs: list[JobRow] = field(default_factory=list)

    def change(self, job: JobRow) -> None:
        """Let a job be another one from now on, and tell it."""
        self.jobs = [job if known.id == job.id else known for known in self.jobs]
        self.publish(JobSaved(job_id=job.id, run_id=job.run_id, name=job.name, state=job.state))

    def _answer(self, query: object) -> object:
        if isinstance(query, queries.ListJobs):
            jobs = tuple(job for job in self.jobs if query.state in (None, job.state))
            return Page(jobs, len(jobs), query.limit, query.offset)
        return super()._answer(query)


def job_row(job_id: str, state: JobState = JobState.COMPLETED, **changes: Any) -> JobRow:
    """Return a codex turn of the builder in the run at work."""
    ended = None if state in (JobState.IN_PROGRESS, JobState.QUEUED) else ago(60)
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
        "started_at": None if state is JobState.QUEUED else ago(134),
        "ended_at": ended,
        "cpu_seconds": None,
        "peak_memory": None,
    }
    return JobRow(**{**fields, **changes})


def busy(directory: Path) -> JobHost:
    """Two jobs at work in two runs, and what was done before."""
    host = running(directory)
    old: dict[str, Any] = {"run_id": "run0", "run_title": "Set the project up"}
    return JobHost(
        host.projects,
        host.runs,
        host.transcripts,
        jobs=[
            job_row("j5", JobState.IN_PROGRESS),
            job_row("j4", JobState.QUEUED, type="shell_command", step_key="test-3.12"),
            job_row("j3", type="shell_command", step_key="planner", **old),
            job_row("j2", JobState.FAILED, step_key="qa_qc", exit_code=1, **old),
            job_row("j1", JobState.LOST, run_id=None, run_title="", step_key=""),
        ],
    )
