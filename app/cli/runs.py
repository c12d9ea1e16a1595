"""`foredeck runs …`: look at runs, follow them, stop them, go on with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import click

from foredeck.app.cli.answers import detail_answer, put_detail, put_page, put_runs, run_answer
from foredeck.app.cli.changes import Changes
from foredeck.app.cli.completion import complete_project, run_argument
from foredeck.app.cli.detaching import detach_option, put_detached
from foredeck.app.cli.follow import exit_code, follow, look_on, put_result
from foredeck.app.cli.intervening import INTERVENTIONS, rerun
from foredeck.app.cli.logs import LogPrinter, put_logs
from foredeck.app.cli.questions import answer, approve, follow_up, questions, steer
from foredeck.app.cli.render import format_option, put_json, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.views import RunDetail, RunRow
from foredeck.services.host.commands import CancelRun, RetryRun, StartRun
from foredeck.services.host.interface import Command, Host
from foredeck.services.host.queries import GetRun, ListRuns, PreviewRetry

# A run is looked at that often even if nothing is heard of it, in seconds.
_LOOK_AGAIN = 30.0


@click.group()
def runs() -> None:
    """List, show, follow and direct runs.

    RUN is an id or the beginning of one. Everything here also works beside a dashboard or
    a run in another terminal.

    \b
    foredeck runs list --state failed
    foredeck runs logs 7s24 --step builder --follow
    foredeck runs retry 7s24

    retry tries again what failed; resume goes on where a run was paused or cut off; restart
    begins a new run with the same request.
    """


for command_ in (questions, answer, approve, steer, follow_up, *INTERVENTIONS):
    runs.add_command(command_)


@runs.command("list")
@click.option("--project", shell_complete=complete_project, help="Only the runs of this project.")
@click.option("--state", type=click.Choice([s.value for s in RunState]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_runs(
    session: Session,
    project: str | None,
    state: str | None,
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List runs, newest first."""
    page = session.read(lambda host: host.ask(ListRuns(project, state, limit, offset)))
    if format_ == "json":
        put_page(page, [run_answer(row) for row in page.items])
    elif page.items:
        put_runs(page)
    else:
        say('No runs here. Start one: foredeck run "WHAT YOU WANT" --project NAME')


@runs.command()
@run_argument
@format_option
@click.pass_obj
def show(session: Session, run: str, format_: str) -> None:
    """Show a run, its steps and what went wrong."""
    detail = session.read(lambda host: host.ask(GetRun(run)))
    put_json(detail_answer(detail)) if format_ == "json" else put_detail(detail)


@runs.command()
@run_argument
@detach_option
@format_option
@click.pass_obj
def start(session: Session, run: str, detach: bool, format_: str) -> int:
    """Start a stored run and wait for its result.

    It was stored with foredeck run --no-start. Exit codes as for foredeck run.
    """
    if detach:
        return put_detached(
            session, session.hand_over(lambda host: host.do(StartRun(run))), format_
        )
    return _follow(session, StartRun(run), format_)


@runs.command()
@run_argument
@click.option("--step", help="Only this step, such as builder; default: all that ended badly.")
@click.option("--downstream", is_flag=True, help="With --step: all after it too, finished or not.")
@click.option("--yes", is_flag=True, help="Repeat finished work without asking.")
@detach_option
@format_option
@click.pass_obj
def retry(
    session: Session,
    run: str,
    step: str | None,
    downstream: bool,
    yes: bool,
    detach: bool,
    format_: str,
) -> int:
    """Try again what failed; what is finished stays.

    It is the same run: each step that ended badly gets another attempt, and what was
    skipped because of it follows. Exit codes as for foredeck run.

    \b
    foredeck runs retry 7s24                 everything that ended badly
    foredeck runs retry 7s24 --step qa_qc    this step alone
    foredeck runs retry 7s24 --step builder --downstream

    The last one runs the step and everything after it once more, also what is finished; it
    says first what that repeats, and what it makes void.
    """
    if downstream:
        if step is None:
            raise InvalidInput("--downstream needs to know from where.", "Add --step NAME.")
        return rerun(session, run, step, yes=yes, detach=detach, format_=format_)

    async def again(host: Host) -> RunRow:
        preview = await host.ask(PreviewRetry(run, step))
        for line in preview.lines:
            say(line)
        return await host.do(RetryRun(run, step))

    if detach:
        return put_detached(session, session.hand_over(again), format_)
    work = partial(_begin_and_follow, again)
    detail, code = session.write(work, "foredeck runs retry")
    put_result(detail, format_)
    return code


@runs.command()
@run_argument
@click.option("--reason", default="cancelled from the command line", show_default=True)
@format_option
@click.pass_obj
def cancel(session: Session, run: str, reason: str, format_: str) -> None:
    """Stop a run and every process that works for it.

    What it has finished is kept: foredeck runs retry goes on from there.
    """
    row = session.write(lambda host: host.do(CancelRun(run, reason)), "foredeck runs cancel")
    say(f"✓ Run cancelled: {row.id}")
    if format_ == "json":
        put_json(run_answer(row))


@runs.command()
@run_argument
@click.option("--no-block", is_flag=True, help="Answer at once, also while it works or waits.")
@format_option
@click.pass_obj
def wait(session: Session, run: str, no_block: bool, format_: str) -> int:
    """Wait until a run ends; the exit code says how.

    0 success, 1 failed; with --no-block also 3 over budget, 4 needs a person.
    """

    async def work(host: Host) -> RunDetail:
        changes = Changes(host)
        try:
            detail = await host.ask(GetRun(run))
            while not no_block and detail.run.state not in FINAL_RUNS:
                await changes.within(_LOOK_AGAIN)
                detail = await host.ask(GetRun(detail.run.id))
        finally:
            changes.close()
        return detail

    detail = session.read(work)
    if format_ == "json":
        put_json(detail_answer(detail))
    else:
        click.echo(detail.run.state.value)
    if detail.run.state in FINAL_RUNS:
        return exit_code(detail)
    waits = detail.run.state is RunState.WAITING and not detail.waits_for_time
    return exit_code(detail) if waits else 0


@runs.command()
@run_argument
@click.option("--step", help="Only this step, such as builder; default: all of them.")
@click.option("--attempt", type=click.IntRange(1), help="Another attempt than the latest.")
@click.option("--follow", "follow_", is_flag=True, help="Go on until the run ends.")
@click.option("--raw", is_flag=True, help="Control sequences too, such as colours.")
@click.pass_obj
def logs(
    session: Session, run: str, step: str | None, attempt: int | None, follow_: bool, raw: bool
) -> None:
    """Print the output of a run's steps, oldest first.

    Control sequences are removed unless --raw is given: output is written by programs that
    nobody checked.

    \b
    foredeck runs logs 7s24                    all steps
    foredeck runs logs 7s24 --follow           and what comes, until the run ends
    foredeck runs logs 7s24 --step builder --attempt 1
    """
    printer = LogPrinter(titled=step is None, raw=raw)
    session.read(lambda host: put_logs(host, run, step, attempt, printer, follow=follow_))


@runs.command()
@run_argument
@format_option
@click.pass_obj
def watch(session: Session, run: str, format_: str) -> int:
    """Look on while a run works, until it rests.

    Ctrl-C ends only the looking on. Exit codes: those of the run as for foredeck run, 130 if
    you left before its end.
    """
    detail, code = session.read(lambda host: look_on(host, run))
    if detail:
        put_result(detail, format_)
    return code


def _follow(session: Session, command: Command[RunRow], format_: str) -> int:
    work = partial(_begin_and_follow, lambda host: host.do(command))
    detail, code = session.write(work, "foredeck runs")
    put_result(detail, format_)
    return code


async def _begin_and_follow(
    begin: Callable[[Host], Awaitable[RunRow]], host: Host
) -> tuple[RunDetail, int]:
    return await follow(host, lambda: begin(host))
