"""`foredeck dag run WORKFLOW`: a run of a workflow file."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from functools import partial

import click

from foredeck.app.cli.beginning import begin_run, run_options
from foredeck.app.cli.dag_files import input_option, input_values
from foredeck.app.cli.dag_targets import read_target
from foredeck.app.cli.detaching import detach_option
from foredeck.app.cli.render import format_option, say
from foredeck.app.cli.run import project_for
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import UntrustedWorkflow
from foredeck.services.domain.records import Mode
from foredeck.services.domain.views import RunRow
from foredeck.services.host.commands import CreateWorkflowRun
from foredeck.services.host.interface import Host


@click.command()
@click.argument("workflow")
@input_option
@click.option("--request", default="", help="What the run is for; agents and prompts see it.")
@run_options
@click.option("--trust", is_flag=True, help="Run a file of the project's folder as it is now.")
@detach_option
@format_option
@click.pass_obj
def run(
    session: Session,
    workflow: str,
    inputs: tuple[str, ...],
    request: str,
    project: str | None,
    workspace: str | None,
    title: str,
    mode: str | None,
    budget_tokens: int | None,
    budget_cost: float | None,
    trust: bool,
    no_start: bool,
    detach: bool,
    format_: str,
) -> int:
    """Run WORKFLOW and wait for the result.

    WORKFLOW is a YAML file, a name that foredeck dag list shows, or - for stdin. The run keeps
    the workflow as it is now: a file that changes later changes no run. Progress goes to
    stderr, the result to stdout.

    A file in the project's own folder, where codex and its commands can write, is run only
    after you have said once that its content may be: with --trust, or when you are asked.

    \b
    foredeck dag run release.yaml --input version=1.2 --workspace ~/src/shop
    foredeck dag run four-agents --request "Add a --json flag" --detach

    Exit codes: 0 success, 1 failed, 2 usage, 3 over budget, 4 needs a person,
    130 interrupted.
    """
    target = read_target(workflow)
    wish = CreateWorkflowRun(
        project="",
        source=target.source,
        path=target.path,
        inputs=input_values(inputs),
        request=request,
        title=title,
        mode=Mode(mode) if mode else None,
        start=not no_start,
        budget_tokens=budget_tokens,
        budget_cost=budget_cost,
        trust=trust,
    )

    async def create(host: Host) -> RunRow:
        chosen = await project_for(host, project, workspace)
        try:
            return await host.do(replace(wish, project=chosen))
        except UntrustedWorkflow as error:
            await _trust(error)
            return await host.do(replace(wish, project=chosen, trust=True))

    return begin_run(
        session, create, "foredeck dag run", no_start=no_start, detach=detach, format_=format_
    )


async def _trust(error: UntrustedWorkflow) -> None:
    """Ask whether the file may be run as it is now; without a terminal it may not."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise error
    say(error.message)
    question = partial(click.confirm, "Run it as it is now?", abort=True, err=True)
    await asyncio.to_thread(question)
