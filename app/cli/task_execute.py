"""`foredeck tasks execute|execution-status|executions|preview`: runs of tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.changes import Changes
from foredeck.app.cli.completion import complete_run, complete_task, task_argument
from foredeck.app.cli.render import format_option, put_json, put_pairs, say
from foredeck.app.cli.session import Session
from foredeck.app.cli.task_answers import execution_answer, put_execution, put_executions
from foredeck.app.cli.task_options import read_variables
from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.tasks import ExecutionStatus
from foredeck.services.host.interface import Host
from foredeck.services.host.task_requests import (
    ExecuteTask,
    GetExecution,
    ListExecutions,
    PreviewTask,
)

# Seconds; whoever only reads is told of no change.
_LOOK_AGAIN = 2.0

# Seconds for the report that a run's end is followed by; one that cannot be made never comes.
_REPORT_WAIT = 30.0

_WHICH = "Give the id of an execution: `foredeck tasks executions [TASK]` shows them."

_variables = click.option(
    "--variables", metavar="JSON", help='All of them as an object, {"name": "value"}; - is stdin.'
)
_variable = click.option(
    "--variable",
    "-v",
    "pairs",
    metavar="NAME=VALUE",
    multiple=True,
    help="One of them; may be given again.",
)


@click.command()
@task_argument
@_variables
@_variable
@click.option(
    "--wait", is_flag=True, help="Wait for its end and report; exit code 0 success, else 1."
)
@format_option
@click.pass_obj
def execute(
    session: Session,
    task: str,
    variables: str | None,
    pairs: tuple[str, ...],
    wait: bool,
    format_: str,
) -> int:
    """Run a task now, and return at once.

    Its run works in the host: an open dashboard, foredeck serve, or one that is started in the
    background for it. A variable without a value is an error, one too many a warning.

    \b
    foredeck tasks execute review --variables '{"file": "main.py"}'
    foredeck tasks execute review -v file=main.py --wait --format json
    """
    command = ExecuteTask(task, read_variables(variables, pairs))

    async def work(host: Host) -> ExecutionStatus:
        return await host.do(command)

    status = session.hand_over(work)
    for warning in status.warnings:
        say(f"! {warning}")
    say(
        f"✓ Execution started: {status.id}\n"
        f"  foredeck tasks execution-status {status.id}   how it stands\n"
        f"  foredeck runs watch {status.id}               what it does"
    )
    if wait:
        status = _ended(session, status.id)
    put_execution(status, format_)
    return 1 if status.state in FINAL_RUNS - {RunState.SUCCESS} else 0


@click.command("execution-status")
@click.argument("execution", shell_complete=complete_run)
@format_option
@click.pass_obj
def execution_status(session: Session, execution: str, format_: str) -> None:
    """Show how an execution stands.

    Its result, its report, what it has cost. With --format json, result_data is the answer
    itself where that is JSON.

    \b
    foredeck tasks execution-status 7s24
    foredeck tasks execution-status 7s24 --format json | jq .result_data
    """
    try:
        status = session.read(lambda host: host.ask(GetExecution(execution)))
    except NotFound as error:
        raise NotFound(error.message, _WHICH) from None
    put_execution(status, format_)


@click.command()
@click.argument("task", required=False, shell_complete=complete_task)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def executions(session: Session, task: str | None, limit: int, offset: int, format_: str) -> None:
    """List executions of a task or of all, newest first."""
    page = session.read(lambda host: host.ask(ListExecutions(task, limit, offset)))
    if format_ == "json":
        put_page(page, [execution_answer(item) for item in page.items])
    elif page.items:
        put_executions(page.items)
        if page.total > len(page.items):
            say(f"{len(page.items)} of {page.total}; --limit and --offset show more.")
    else:
        say("No executions yet. Start one: foredeck tasks execute TASK")


@click.command()
@task_argument
@_variables
@_variable
@format_option
@click.pass_obj
def preview(
    session: Session, task: str, variables: str | None, pairs: tuple[str, ...], format_: str
) -> int:
    """Print the prompt of an execution without running it.

    And everything that is wrong with it.

    \b
    foredeck tasks preview review -v file=main.py

    Exit codes: 0 it could be executed, 2 it could not.
    """
    query = PreviewTask(task, read_variables(variables, pairs))
    found = session.write(lambda host: host.ask(query), "foredeck tasks")
    if format_ == "json":
        put_json(
            {
                "prompt": found.prompt,
                "variables": dict(found.variables),
                "mistakes": [mistake.text for mistake in found.mistakes],
                "missing": found.missing,
                "warnings": found.warnings,
            }
        )
    else:
        for mistake in found.mistakes:
            say(f"✗ {mistake.text}")
        for text in found.warnings:
            say(f"! {text}")
        put_pairs({"Prompt": found.prompt})
    return InvalidInput.exit_code if found.mistakes else 0


def _ended(session: Session, execution: str) -> ExecutionStatus:
    """Wait for the end of an execution in the host that works on it, and for its report."""

    async def work(host: Host) -> ExecutionStatus:
        import asyncio  # not for --help

        changes = Changes(host)
        try:
            status = await _once(host, changes, execution, lambda s: s.state in FINAL_RUNS)
            if status.report_format is None or status.report_id:
                return status
            with suppress(TimeoutError):
                async with asyncio.timeout(_REPORT_WAIT):
                    return await _once(host, changes, execution, lambda s: bool(s.report_id))
            return status
        finally:
            changes.close()

    return session.read(work)


async def _once(
    host: Host, changes: Changes, execution: str, true: Callable[[ExecutionStatus], bool]
) -> ExecutionStatus:
    """Return how an execution stands once something is true of it."""
    while not true(status := await host.ask(GetExecution(execution))):
        await changes.within(_LOOK_AGAIN)
    return status
