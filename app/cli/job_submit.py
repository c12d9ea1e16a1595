"""`foredeck jobs submit|execute`: commands as jobs of their own."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import click

from foredeck.app.cli.completion import complete_job
from foredeck.app.cli.confirming import say_warnings, with_leave
from foredeck.app.cli.detaching import detach_option
from foredeck.app.cli.job_answers import job_answer, job_detail_answer, say_when_it_starts
from foredeck.app.cli.job_follow import follow_job
from foredeck.app.cli.job_options import WithCommand, command_words, job_options, read_wish
from foredeck.app.cli.render import GLYPHS, format_option, put_json, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import InvalidInput, UsageError
from foredeck.services.domain.job_views import JobDetail, JobQueueView, JobRow
from foredeck.services.domain.jobs import NAME_LENGTH
from foredeck.services.domain.states import JobState
from foredeck.services.host.commands import ExecuteJob, SubmitJob
from foredeck.services.host.interface import Command, Host
from foredeck.services.host.queries import GetJobQueue

Stored = tuple[JobRow, JobQueueView]


@click.command(cls=WithCommand)
@click.argument("name")
@job_options
@click.option("--hold", is_flag=True, help="Only store it; queue it later with jobs execute.")
@detach_option
@format_option
@click.pass_context
def submit(
    ctx: click.Context, /, name: str, hold: bool, detach: bool, format_: str, **given: Any
) -> None:
    """Queue a command as a job, and return at once.

    It is started by the host when its turn comes: foredeck, or foredeck serve. With --detach
    a host is started in the background if there is none. The words behind -- are run without
    a shell, --command by /bin/sh.

    \b
    foredeck jobs submit nightly -- make test
    foredeck jobs submit count --command 'ls | wc -l' --priority high
    foredeck jobs submit import --type batch_import --input '{"n": 3}' \\
        --env TOKEN=env:SHOP_TOKEN --timeout 600 --auto-retry -- ./import.py
    """
    wish = read_wish(name, command_words(ctx) or (), given)
    _submit(ctx.obj, SubmitJob(wish, hold=hold), given["yes"], detach, format_)


@click.command(cls=WithCommand)
@click.argument("job", required=False, shell_complete=complete_job)
@job_options
@click.option("--name", metavar="NAME", help="What to call it; default: the command.")
@click.option("--raw", is_flag=True, help="Leave control sequences in what it prints.")
@detach_option
@format_option
@click.pass_context
def execute(
    ctx: click.Context,
    /,
    job: str | None,
    name: str | None,
    raw: bool,
    detach: bool,
    format_: str,
    **given: Any,
) -> int:
    """Queue the held JOB; or run a command as a job and wait for it.

    A command's output is passed through without what could command the terminal, and its
    exit code is that of the command (124 timed out, 130 stopped). Ctrl-C ends it. With
    --format json the output is left out; foredeck jobs result prints it.

    \b
    foredeck jobs execute 4k2m
    foredeck jobs execute -- make test
    foredeck jobs execute --timeout 60 --command 'ls | wc -l'
    """
    session: Session = ctx.obj
    words = command_words(ctx)
    if job is not None:
        _refuse_a_command(ctx, words)
        _put_stored(_store(session, ExecuteJob(job), detach), "queued", format_)
        return 0
    if not words and not given["command"]:
        raise UsageError("What is to be executed?", "Name a held job, or give -- COMMAND.")
    called = name or given["command"] or shlex.join(words or ())
    wish = read_wish(called if name else called[:NAME_LENGTH], words or (), given)
    if detach:
        _submit(session, SubmitJob(wish), given["yes"], detach, format_)
        return 0
    command = SubmitJob(wish, now=True)
    detail, code = with_leave(
        lambda leave: _run(session, _with(command, leave), raw=raw, quiet=format_ == "json"),
        yes=given["yes"],
    )
    _put_ended(detail, format_)
    return code


def _refuse_a_command(ctx: click.Context, words: tuple[str, ...] | None) -> None:
    """Say that a stored job is as it was submitted, if something else is asked of it."""
    given = click.core.ParameterSource.COMMANDLINE
    changed = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in {"job", "detach", "format_"}
        and ctx.get_parameter_source(parameter.name or "") is given
    ]
    if words is not None or changed:
        what = changed[0] if changed else "-- COMMAND"
        raise InvalidInput(f"A job that is stored takes no {what}.", "Leave it out, or the job.")


def _submit(session: Session, command: SubmitJob, yes: bool, detach: bool, format_: str) -> None:
    stored = with_leave(lambda leave: _store(session, _with(command, leave), detach), yes=yes)
    say_warnings(stored[0].matches)
    _put_stored(stored, "submitted", format_)


def _with(command: SubmitJob, leave: bool) -> SubmitJob:
    return replace(command, wish=replace(command.wish, confirmed=leave))


def _store(session: Session, command: Command[JobRow], detach: bool) -> Stored:
    async def work(host: Host) -> Stored:
        row = await host.do(command)
        return row, await host.ask(GetJobQueue())

    do: Callable[[Callable[[Host], Awaitable[Stored]]], Stored] = (
        session.hand_over if detach else lambda w: session.write(w, "foredeck jobs")
    )
    return do(work)


def _put_stored(stored: Stored, verb: str, format_: str) -> None:
    row, view = stored
    say(f"✓ Job {verb}: {row.id}")
    say_when_it_starts(row, view)
    put_json(job_answer(row)) if format_ == "json" else click.echo(row.id)


def _run(session: Session, command: SubmitJob, *, raw: bool, quiet: bool) -> tuple[JobDetail, int]:
    async def work(host: Host) -> tuple[JobDetail, int]:
        async def begin() -> JobRow:
            row = await host.do(command)
            say_warnings(row.matches)
            return row

        return await follow_job(host, begin, raw=raw, quiet=quiet)

    return session.write(work, "foredeck jobs execute")


def _put_ended(detail: JobDetail, format_: str) -> None:
    if format_ == "json":
        put_json(job_detail_answer(detail))
        return
    row, failure = detail.job, detail.failure
    if row.state is not JobState.COMPLETED:
        code = "" if row.exit_code is None else f" (exit code {row.exit_code})"
        say(f"{GLYPHS[row.state.value]} Job {row.id} is {row.state}{code}.")
        if failure and row.state is not JobState.CANCELLED:
            if failure.message not in failure.detail:  # it has not said so itself
                say(f"  {failure.message}")
            say(f"  {failure.advice}")
