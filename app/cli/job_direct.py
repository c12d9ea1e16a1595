"""`foredeck jobs cancel|retry|priority|pause|resume|limit|result|wait`."""

from __future__ import annotations

import click

from foredeck.app.cli.completion import complete_job
from foredeck.app.cli.detaching import detach_option
from foredeck.app.cli.job_answers import (
    job_answer,
    put_queue,
    result_answer,
    say_removed,
    say_when_it_starts,
)
from foredeck.app.cli.job_follow import drained, wait_for
from foredeck.app.cli.render import GLYPHS, format_option, put_json, put_table, say, state_word
from foredeck.app.cli.session import Session
from foredeck.services.domain.job_views import JobQueueView, JobResult, JobRow
from foredeck.services.domain.jobs import Priority
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.states import JobState
from foredeck.services.host.commands import (
    CancelJob,
    LimitJobs,
    PauseJobs,
    PrioritiseJob,
    RetryJob,
)
from foredeck.services.host.interface import Command, Host
from foredeck.services.host.queries import GetJobQueue, GetJobResult

_ROLE = "foredeck jobs"


@click.command()
@click.argument("job", shell_complete=complete_job)
@click.option("--reason", default="cancelled by the user", metavar="TEXT", help="Kept with it.")
@format_option
@click.pass_obj
def cancel(session: Session, job: str, reason: str, format_: str) -> None:
    """End a job that waits or works, with everything that it started.

    \b
    foredeck jobs cancel 4k2m --reason "wrong branch"
    """
    row = session.write(lambda host: host.do(CancelJob(job, reason)), _ROLE)
    _put_done(row, "cancelled", format_)


@click.command()
@click.argument("job", shell_complete=complete_job)
@click.option("--hold", is_flag=True, help="Do not queue it yet; see jobs execute.")
@detach_option
@format_option
@click.pass_obj
def retry(session: Session, job: str, hold: bool, detach: bool, format_: str) -> None:
    """Give a job that failed, timed out or was lost another attempt.

    The output of the earlier ones stays: foredeck jobs logs JOB --attempt 1
    """

    async def work(host: Host) -> tuple[JobRow, JobQueueView]:
        row = await host.do(RetryJob(job, hold))
        return row, await host.ask(GetJobQueue())

    row, view = session.hand_over(work) if detach else session.write(work, _ROLE)
    _put_done(row, f"is to be tried again, attempt {row.attempt}", format_)
    say_when_it_starts(row, view)


@click.command()
@click.argument("job", shell_complete=complete_job)
@click.argument("priority", type=click.Choice([p.value for p in Priority]))
@format_option
@click.pass_obj
def priority(session: Session, job: str, priority: str, format_: str) -> None:
    """Give a job that waits another priority."""
    command = PrioritiseJob(job, Priority(priority))
    row = session.write(lambda host: host.do(command), _ROLE)
    _put_done(row, f"has the priority {row.priority}", format_)


@click.command()
@click.option("--wait", "drain", is_flag=True, help="And return once none works any more.")
@format_option
@click.pass_obj
def pause(session: Session, drain: bool, format_: str) -> None:
    """Start no more jobs until jobs resume; what works goes on.

    It outlasts a restart. With --wait the queue is drained, for maintenance.
    """

    async def work(host: Host) -> JobQueueView:
        view = await host.do(PauseJobs(paused=True))
        return await drained(host) if drain else view

    put_queue(session.write(work, _ROLE), format_)


@click.command()
@format_option
@click.pass_obj
def resume(session: Session, format_: str) -> None:
    """Start jobs again after jobs pause."""
    _change_queue(session, PauseJobs(paused=False), format_)


@click.command()
@click.argument("number", type=click.IntRange(1, 100), required=False)
@click.option("--default", "reset", is_flag=True, help="Back to the setting job_limit.")
@format_option
@click.pass_obj
def limit(session: Session, number: int | None, reset: bool, format_: str) -> None:
    """Show how the queue stands, or change how many jobs work at once.

    \b
    foredeck jobs limit          how many work and wait
    foredeck jobs limit 4
    foredeck jobs limit --default
    """
    if number is None and not reset:
        put_queue(session.read(lambda host: host.ask(GetJobQueue())), format_)
    elif number is not None and reset:
        raise click.UsageError("Give a number or --default, not both.")
    else:
        _change_queue(session, LimitJobs(number), format_)


@click.command()
@click.argument("job", shell_complete=complete_job)
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="An earlier attempt.")
@format_option
@click.pass_obj
def result(session: Session, job: str, attempt: int | None, format_: str) -> None:
    """Print what came of a job.

    The last 100,000 characters of stdout go to stdout, the last 10,000 of stderr to stderr. With
    --format json, output that is JSON as a whole is part of the answer.
    """
    found = session.read(lambda host: host.ask(GetJobResult(job, attempt)))
    if format_ == "json":
        put_json(result_answer(found))
    else:
        _put_result(found)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB…", shell_complete=complete_job)
@format_option
@click.pass_obj
def wait(session: Session, jobs: tuple[str, ...], format_: str) -> int:
    """Wait until jobs have ended.

    The exit code is 0 if all of them are completed, else 1.
    """
    rows = session.read(lambda host: wait_for(host, jobs))
    if format_ == "json":
        answers = [job_answer(row) for row in rows]
        put_json(answers[0] if len(answers) == 1 else {"items": answers, "total": len(answers)})
    else:
        cells = [(row.id, state_word(row.state), _code(row), row.name) for row in rows]
        put_table(("Job", "Status", "Exit", "Name"), cells)
    return 0 if all(row.state is JobState.COMPLETED for row in rows) else 1


def _code(row: JobRow) -> str:
    return "–" if row.exit_code is None else str(row.exit_code)


def _put_done(row: JobRow, what: str, format_: str) -> None:
    say(f"{GLYPHS[row.state.value]} Job {row.id} {what}: {safe_line(row.name)}")
    if format_ == "json":
        put_json(job_answer(row))


def _put_result(found: JobResult) -> None:
    say_removed(found)
    if found.left_out:
        say(f"… {found.left_out:,} bytes before this: {found.output_path}")
    click.echo(safe_text(found.output, limit=len(found.output) + 1, lines=10**9), nl=False)
    if found.output and not found.output.endswith("\n"):
        click.echo()
    if found.errors:
        if found.errors_left_out:
            say(f"… {found.errors_left_out:,} bytes before this: {found.errors_path}")
        say(found.errors)
    row, failure = found.job.job, found.job.failure
    code = "" if row.exit_code is None else f", exit code {row.exit_code}"
    say(f"{GLYPHS[row.state.value]} {row.state.value}{code}")
    if failure and failure.message not in found.errors:
        say(f"  {failure.message}")


def _change_queue(session: Session, command: Command[JobQueueView], format_: str) -> None:
    put_queue(session.write(lambda host: host.do(command), _ROLE), format_)
