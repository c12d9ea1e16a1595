"""`foredeck dag …`: workflow files, their runs, and where those stand."""

from __future__ import annotations

import click

from foredeck.app.cli.completion import run_argument
from foredeck.app.cli.dag_files import schema, validate
from foredeck.app.cli.dag_graph import graph
from foredeck.app.cli.dag_import import export, import_
from foredeck.app.cli.dag_run import run
from foredeck.app.cli.dag_status import put_status, status_answer
from foredeck.app.cli.dag_targets import known_targets, read_target
from foredeck.app.cli.intervening import restart, resume, skip
from foredeck.app.cli.questions import approve
from foredeck.app.cli.render import format_option, put_json, put_table
from foredeck.app.cli.runs import cancel, retry
from foredeck.app.cli.session import Session
from foredeck.services.domain.safe_text import safe_text
from foredeck.services.domain.views import AttemptRow, RunDetail
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun, ListAttempts


@click.group()
def dag() -> None:
    """Run workflows: steps that need each other, from a YAML file.

    RUN is an id of a run or the beginning of one. What applies to runs of every kind (list,
    show, logs, watch, wait, pause, budget, …) is under foredeck runs.

    \b
    foredeck dag list                            what can be run here
    foredeck dag show four-agents > mine.yaml    a workflow to begin with
    foredeck dag validate mine.yaml
    foredeck dag run mine.yaml --input version=1.2
    foredeck dag status 7s24 --verbose
    foredeck dag retry 7s24                      what failed, in the same run
    """


for command_ in (run, validate, schema, graph, import_, export):
    dag.add_command(command_)
for command_ in (retry, resume, restart, cancel, skip, approve):
    dag.add_command(command_)


@dag.command("list")
@format_option
def list_workflows(format_: str) -> None:
    """List the workflows that can be run by name here.

    Those that come with Foredeck, and the files in .foredeck/workflows of this directory and
    the ones above it. Their runs are under foredeck runs list.
    """
    found = known_targets()
    if format_ == "json":
        items = [{"id": one.name, "name": one.name, "path": one.path or None} for one in found]
        put_json({"items": items, "total": len(items)})
    else:
        rows = [(one.name, one.path or "comes with Foredeck") for one in found]
        put_table(("Workflow", "File"), rows)


@dag.command()
@click.argument("workflow")
def show(workflow: str) -> None:
    """Print the text of a workflow, to read it or to copy it.

    \b
    foredeck dag show four-agents > mine.yaml
    """
    click.echo(safe_text(read_target(workflow).source), nl=False)


@dag.command()
@run_argument
@click.option("--verbose", is_flag=True, help="Every attempt, the next retry, whole errors.")
@format_option
@click.pass_obj
def status(session: Session, run: str, verbose: bool, format_: str) -> None:
    """Show where a run stands: a line for each step.

    \b
    foredeck dag status 7s24
    foredeck dag status 7s24 --verbose
    """

    async def work(host: Host) -> tuple[RunDetail, tuple[AttemptRow, ...]]:
        detail = await host.ask(GetRun(run))
        return detail, await host.ask(ListAttempts(detail.run.id))

    detail, attempts = session.read(work)
    if format_ == "json":
        put_json(status_answer(detail, attempts))
    else:
        put_status(detail, attempts, verbose=verbose)
