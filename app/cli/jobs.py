"""`foredeck jobs …`: commands of their own, and the codex turns and commands of runs."""

from __future__ import annotations

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.completion import complete_job, complete_project, complete_run
from foredeck.app.cli.job_answers import job_answer, job_cells, job_detail_answer, put_job
from foredeck.app.cli.job_direct import cancel, limit, pause, priority, result, resume, retry, wait
from foredeck.app.cli.job_follow import put_job_logs
from foredeck.app.cli.job_submit import execute, submit
from foredeck.app.cli.logs import LogPrinter, put_logs
from foredeck.app.cli.render import format_option, put_json, put_table, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.states import JobState
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetJob, ListJobs

_COLUMNS = ("Job", "Status", "Type", "What", "Part", "Duration", "CPU", "Memory")


@click.group()
def jobs() -> None:
    """Run commands as jobs, and look at every job there is.

    JOB is an id or the beginning of one. A job of its own is a command that is queued, started
    when its turn comes, watched over and kept, whatever becomes of this terminal. The codex
    turns and commands of runs are jobs, too; those are directed with their run.

    \b
    foredeck jobs submit nightly -- make test      queue a command
    foredeck jobs execute -- make test             run it and wait
    foredeck jobs list --state in_progress         what works on this machine now
    foredeck jobs logs 4k2m -f
    foredeck jobs result 4k2m --format json
    foredeck jobs cancel 4k2m --reason "not now"
    """


for _command in (submit, execute, cancel, retry, priority, result, wait, pause, resume, limit):
    jobs.add_command(_command)


@jobs.command("list")
@click.option("--state", type=click.Choice([s.value for s in JobState]), help="Only these.")
@click.option("--type", "type_", help="Only this type, such as codex or shell_command.")
@click.option("--run", shell_complete=complete_run, help="Only the jobs of this run.")
@click.option("--project", shell_complete=complete_project, help="Only those of this project.")
@click.option("--batch", shell_complete=complete_job, help="The jobs of this batch, in order.")
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
    batch: str | None,
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List jobs, newest first; those of a batch only with --batch."""
    query = ListJobs(state, type_, run, project, limit, offset, batch)
    page = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_page(page, [job_answer(row) for row in page.items])
    elif page.items:
        rows = [job_cells(row) for row in page.items]
        put_table(_COLUMNS, rows)
        if page.total > len(rows):
            say(f"{len(rows)} of {page.total}; --limit and --offset show others.")
    elif any((state, type_, run, project, batch, offset)):
        say("No job fits that. foredeck jobs list shows the latest of all.")
    else:
        say("No jobs here. Submit one: foredeck jobs submit NAME -- COMMAND; runs make them, too.")


@jobs.command()
@click.argument("job", shell_complete=complete_job)
@format_option
@click.pass_obj
def show(session: Session, job: str, format_: str) -> None:
    """Show a job: how it ended, and what it has cost."""
    detail = session.read(lambda host: host.ask(GetJob(job)))
    if format_ == "json":
        put_json(job_detail_answer(detail))
    else:
        put_job(detail)


@jobs.command()
@click.argument("job", shell_complete=complete_job)
@click.option("--follow", "-f", is_flag=True, help="And what comes, until it ends.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="An earlier attempt.")
@click.option("--raw", is_flag=True, help="Leave control sequences in.")
@click.option("--times", is_flag=True, help="Each line behind the time at which it was there.")
@click.pass_obj
def logs(
    session: Session, job: str, follow: bool, attempt: int | None, raw: bool, times: bool
) -> None:
    """Print what a job has printed.

    That of a run's job is the output of its step, which has no times.
    """
    if times and raw:
        raise click.UsageError("Choose --times or --raw: raw output stays as it was printed.")

    async def work(host: Host) -> None:
        detail = await host.ask(GetJob(job))
        row = detail.job
        if row.counts is not None:
            raise NotFound(
                f"The job {row.id} is a batch, which prints nothing itself.",
                f"foredeck batch result {row.id} tells what came of its jobs.",
            )
        if detail.order is not None:
            await put_job_logs(host, row.id, attempt, raw=raw, follow=follow, times=times)
        elif row.run_id is None or not row.step_key:
            raise NotFound(f"The job {row.id} belongs to no step, so it has no output of its own.")
        elif times:
            raise NotFound(
                f"The output of job {row.id} is that of a run's step, which has no times.",
                "Leave --times out.",
            )
        else:
            printer = LogPrinter(titled=False, raw=raw)
            number = attempt or row.attempt
            await put_logs(host, row.run_id, row.step_key, number, printer, follow=follow)

    session.read(work)
