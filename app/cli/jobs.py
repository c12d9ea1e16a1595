"""`foredeck jobs …`: the codex turns and commands that runs consist of."""

from __future__ import annotations

from typing import Any

import click

from foredeck.app.cli.answers import duration, put_page, seconds_between, tokens_answer
from foredeck.app.cli.completion import complete_job, complete_project, complete_run
from foredeck.app.cli.logs import LogPrinter, put_logs
from foredeck.app.cli.render import (
    format_option,
    local_time,
    put_json,
    put_pairs,
    put_table,
    say,
    state_word,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.job_views import JobDetail, JobRow
from foredeck.services.domain.states import JobState
from foredeck.services.host.queries import GetJob, ListJobs

_MEBIBYTE = 1 << 20


@click.group()
def jobs() -> None:
    """Look at jobs: every codex turn and every command is one.

    JOB is an id or the beginning of one. A job belongs to an attempt of a step; it is stopped
    and tried again with its run (foredeck runs cancel, foredeck runs retry).

    \b
    foredeck jobs list --state in_progress       what works on this machine now
    foredeck jobs list --run 7s24
    foredeck jobs show 4k2m                      how it ended, what it has cost
    foredeck jobs logs 4k2m
    """


@jobs.command("list")
@click.option("--state", type=click.Choice([s.value for s in JobState]), help="Only these.")
@click.option("--type", "type_", help="Only this type: codex or shell_command.")
@click.option("--run", shell_complete=complete_run, help="Only the jobs of this run.")
@click.option("--project", shell_complete=complete_project, help="Only those of this project.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_jobs(
    session: Session,
    state: str | None,
    type_: str | None,
    run: str | None,
    project: str | None,
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List jobs, newest first."""
    query = ListJobs(state, type_, run, project, limit, offset)
    page = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_page(page, [_answer(row) for row in page.items])
    elif page.items:
        rows = [_cells(row) for row in page.items]
        put_table(("Job", "Status", "Type", "Run", "Step", "Duration", "CPU", "Memory"), rows)
        if page.total > len(rows):
            say(f"{len(rows)} of {page.total}; --limit and --offset show others.")
    else:
        say("No jobs here. Runs make them: foredeck run, foredeck dag run")


@jobs.command()
@click.argument("job", shell_complete=complete_job)
@format_option
@click.pass_obj
def show(session: Session, job: str, format_: str) -> None:
    """Show a job: what it was to do, how it ended, and what it has cost."""
    detail = session.read(lambda host: host.ask(GetJob(job)))
    if format_ == "json":
        put_json(_detail_answer(detail))
    else:
        _put_detail(detail)


@jobs.command()
@click.argument("job", shell_complete=complete_job)
@click.option("--follow", "-f", is_flag=True, help="And what comes, until its run ends.")
@click.option("--raw", is_flag=True, help="Leave control sequences in.")
@click.pass_obj
def logs(session: Session, job: str, follow: bool, raw: bool) -> None:
    """Print the output of the attempt that a job belongs to."""
    row = session.read(lambda host: host.ask(GetJob(job))).job
    if row.run_id is None or not row.step_key:
        raise NotFound(f"The job {row.id} belongs to no step, so it has no output of its own.")
    run_id, printer = row.run_id, LogPrinter(titled=False, raw=raw)
    session.read(
        lambda host: put_logs(host, run_id, row.step_key, row.attempt, printer, follow=follow)
    )


def _cells(row: JobRow) -> tuple[str, ...]:
    return (
        row.id,
        state_word(row.state),
        row.type,
        row.run_title,
        row.step_key,
        duration(row.started_at, row.ended_at),
        _cpu(row),
        _memory(row),
    )


def _cpu(row: JobRow) -> str:
    return "–" if row.cpu_seconds is None else f"{row.cpu_seconds:.1f} s"


def _memory(row: JobRow) -> str:
    return "–" if row.peak_memory is None else f"{row.peak_memory / _MEBIBYTE:.0f} MiB"


def _put_detail(detail: JobDetail) -> None:
    row = detail.job
    failure = detail.failure
    put_pairs(
        {
            "Job": row.id,
            "Name": row.name,
            "Type": row.type,
            "Status": state_word(row.state),
            **({"Run": f"{row.run_id} {row.run_title}"} if row.run_id else {}),
            **({"Step": f"{row.step_key}, attempt {row.attempt}"} if row.step_key else {}),
            **({"Project": row.project_name} if row.project_name else {}),
            "Workspace": detail.workspace,
            "Started": local_time(row.started_at),
            "Duration": duration(row.started_at, row.ended_at),
            "Exit code": "–" if row.exit_code is None else row.exit_code,
            "CPU": _cpu(row),
            "Memory": _memory(row),
            **({"Model": detail.model} if detail.model else {}),
            **({"Thread": detail.thread_id} if detail.thread_id else {}),
            "Output": detail.output_path,
            "Asked for": detail.prompt,
            **({"Last words": detail.message} if detail.message else {}),
            **({"Error": f"{failure.message} {failure.advice}"} if failure else {}),
        }
    )


def _answer(row: JobRow) -> dict[str, Any]:
    """Return a job as one flat object."""
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "state": row.state,
        "run_id": row.run_id,
        "run": row.run_title,
        "project": row.project_name,
        "step": row.step_key,
        "attempt": row.attempt,
        "exit_code": row.exit_code,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "duration_seconds": seconds_between(row.started_at, row.ended_at),
        "cpu_seconds": row.cpu_seconds,
        "peak_memory_bytes": row.peak_memory,
    }


def _detail_answer(detail: JobDetail) -> dict[str, Any]:
    failure = detail.failure
    return {
        **_answer(detail.job),
        "prompt": detail.prompt,
        "message": detail.message,
        "error": failure.message if failure else "",
        "advice": failure.advice if failure else "",
        "error_class": failure.failure_class if failure else None,
        "error_detail": failure.detail if failure else "",
        "workspace": detail.workspace,
        "output_path": detail.output_path,
        "timeout_seconds": detail.timeout,
        "queued_at": detail.queued_at,
        "model": detail.model,
        "thread_id": detail.thread_id,
        **tokens_answer(detail.usage),
    }
