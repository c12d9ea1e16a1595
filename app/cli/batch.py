"""`foredeck batch …`: many commands as one batch of jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import click

from foredeck.app.cli.batch_answers import (
    batch_answer,
    counts_line,
    put_batch,
    put_results,
    put_results_csv,
)
from foredeck.app.cli.batch_sources import read_commands
from foredeck.app.cli.changes import Changes
from foredeck.app.cli.completion import complete_job
from foredeck.app.cli.confirming import say_warnings, with_leave
from foredeck.app.cli.detaching import detach_option
from foredeck.app.cli.job_answers import say_when_it_starts
from foredeck.app.cli.job_options import WithCommand, command_words, job_options, read_wish
from foredeck.app.cli.render import GLYPHS, format_option, put_json, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.job_views import BatchResult, BatchStatus, JobQueueView
from foredeck.services.domain.jobs import BatchWish
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.host.commands import CancelBatch, RetryBatch, SubmitBatch
from foredeck.services.host.interface import Command, Host
from foredeck.services.host.queries import GetBatch, GetBatchResults, GetJobQueue

_ROLE = "foredeck batch"
# How often its progress is written at most, in seconds.
_LOOK_AGAIN = 0.5
_AT_ONCE = 100


@click.group()
def batch() -> None:
    """Run many commands as one batch of jobs.

    BATCH is an id or the beginning of one. The jobs of a batch are queued like any others and
    end each by itself; the batch is completed when all of them are.

    \b
    foredeck batch submit shrink --commands commands.txt
    foredeck batch submit load --csv shops.csv -- ./load --shop '{{id}}'
    foredeck batch status 4k2m --follow
    foredeck batch result 4k2m --format csv > results.csv
    foredeck batch retry-failed 4k2m
    foredeck jobs list --batch 4k2m            its jobs
    """


@batch.command(cls=WithCommand)
@click.argument("name")
@click.option("--commands", metavar="FILE", help="A command for /bin/sh each line; - is stdin.")
@click.option("--csv", "rows", metavar="FILE", help="Rows for the template; - is stdin.")
@click.option(
    "--stop-after", type=click.IntRange(1), metavar="N", help="Begin no more after N failures."
)
@click.option("--hold", is_flag=True, help="Only store it; queue it later with jobs execute.")
@job_options
@detach_option
@format_option
@click.pass_context
def submit(
    ctx: click.Context,
    /,
    name: str,
    commands: str | None,
    rows: str | None,
    stop_after: int | None,
    hold: bool,
    detach: bool,
    format_: str,
    **given: Any,
) -> None:
    """Queue up to 1,000 commands as a batch, and return at once.

    With --csv a template makes a command of each row: {{column}} stands for its cell. In
    --command the cell is quoted for the shell by itself; words behind -- need no shell.
    The other options hold for each of its jobs.

    \b
    foredeck batch submit shrink --commands commands.txt --timeout 60
    foredeck batch submit greet --csv people.csv --command 'echo {{name}}'
    foredeck batch submit load --csv shops.csv --stop-after 3 -- ./load '{{id}}'
    """
    texts, word_lists = read_commands(commands, rows, given.pop("command"), command_words(ctx))
    wish = read_wish(name, (), {**given, "command": None})
    order = SubmitBatch(BatchWish(wish, texts, word_lists, stop_after), hold)
    status, view = with_leave(
        lambda leave: _hand_over(ctx.obj, _with(order, leave), detach=detach), yes=given["yes"]
    )
    say_warnings(status.matches)
    say(f"✓ Batch of {status.total} submitted: {status.id}")
    say_when_it_starts(status, view)
    put_json(batch_answer(status)) if format_ == "json" else click.echo(status.id)


@batch.command()
@click.argument("batch", shell_complete=complete_job)
@click.option("--follow", "-f", is_flag=True, help="And how it goes on, until it is complete.")
@format_option
@click.pass_obj
def status(session: Session, batch: str, follow: bool, format_: str) -> int:
    """Show how a batch stands.

    With --follow the exit code is 0 if it is completed in the end, else 1.
    """

    async def work(host: Host) -> BatchStatus:
        return await (_follow(host, batch) if follow else host.ask(GetBatch(batch)))

    found = session.read(work)
    put_json(batch_answer(found)) if format_ == "json" else put_batch(found)
    return 1 if follow and found.state is not JobState.COMPLETED else 0


@batch.command()
@click.argument("batch", shell_complete=complete_job)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON or CSV on stdout alone.",
)
@click.pass_obj
def result(session: Session, batch: str, format_: str) -> None:
    """Print what came of each job of a batch.

    JSON and CSV have the last 5,000 characters that each has printed to stdout, and the file
    that has all of it.
    """
    results = session.read(lambda host: _results(host, batch))
    if format_ == "json":
        put_json({"items": results, "total": len(results)})
    elif format_ == "csv":
        put_results_csv(results)
    else:
        put_results(results)


@batch.command()
@click.argument("batch", shell_complete=complete_job)
@click.option("--reason", default="cancelled by the user", metavar="TEXT", help="Kept with it.")
@format_option
@click.pass_obj
def cancel(session: Session, batch: str, reason: str, format_: str) -> None:
    """End all jobs of a batch, with everything that they started."""
    found = session.write(lambda host: host.do(CancelBatch(batch, reason)), _ROLE)
    _put_done(found, "cancelled", format_)


@batch.command("retry-failed")
@click.argument("batch", shell_complete=complete_job)
@detach_option
@format_option
@click.pass_obj
def retry_failed(session: Session, batch: str, detach: bool, format_: str) -> None:
    """Try again what failed, timed out or was lost of a batch.

    Each such job gets another attempt, as long as it has retries left.
    """
    found, view = _hand_over(session, RetryBatch(batch), detach=detach)
    _put_done(found, f"goes on with {found.pending + found.running} jobs", format_)
    say_when_it_starts(found, view)


def _with(order: SubmitBatch, leave: bool) -> SubmitBatch:
    job = replace(order.wish.job, confirmed=leave)
    return replace(order, wish=replace(order.wish, job=job))


def _hand_over(
    session: Session, command: Command[BatchStatus], *, detach: bool
) -> tuple[BatchStatus, JobQueueView]:
    async def work(host: Host) -> tuple[BatchStatus, JobQueueView]:
        found = await host.do(command)
        return found, await host.ask(GetJobQueue())

    return session.hand_over(work) if detach else session.write(work, _ROLE)


def _put_done(found: BatchStatus, what: str, format_: str) -> None:
    say(f"{GLYPHS[found.state.value]} Batch {found.id} {what}: {safe_line(found.name)}")
    say(f"  {counts_line(found)}")
    if format_ == "json":
        put_json(batch_answer(found))


async def _follow(host: Host, ref: str) -> BatchStatus:
    """Return the batch once it is complete; until then how it stands is said as it changes."""
    changes, told = Changes(host), ""
    try:
        while True:
            found = await host.ask(GetBatch(ref))
            if (line := counts_line(found)) != told:
                say(line)
            if found.is_complete:
                return found
            if not told:
                say_when_it_starts(found, await host.ask(GetJobQueue()))
            told = line
            await changes.within(60)
            await asyncio.sleep(_LOOK_AGAIN)  # many may end at the same time
    finally:
        changes.close()


async def _results(host: Host, ref: str) -> list[BatchResult]:
    found: list[BatchResult] = []
    while True:
        page = await host.ask(GetBatchResults(ref, _AT_ONCE, len(found)))
        found += page.items
        if len(found) >= page.total or not page.items:
            return found
