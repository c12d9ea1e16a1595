"""`foredeck runs pause|resume|skip|prompt|restart|budget`: what a person does to a run."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from foredeck.app.cli.answers import budget_of, run_answer
from foredeck.app.cli.completion import run_argument
from foredeck.app.cli.detaching import detach_option, put_detached
from foredeck.app.cli.follow import follow, put_result
from foredeck.app.cli.render import format_option, put_json, put_pairs, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.diffs import unified_diff
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.safe_text import safe_text
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.views import Preview, PromptView, RunDetail, RunRow
from foredeck.services.host.commands import (
    PauseRun,
    RerunFrom,
    RestartRun,
    ResumeRun,
    SetBudget,
    SetPrompt,
    SkipStep,
)
from foredeck.services.host.interface import Command, Host, Query
from foredeck.services.host.queries import (
    GetPrompt,
    GetRun,
    PreviewRerun,
    PreviewRestart,
    PreviewResume,
)

_RESTING = FINAL_RUNS | {RunState.WAITING}


@click.command()
@run_argument
@click.option("--reason", default="", help="Why; it is kept in the run's history.")
@format_option
@click.pass_obj
def pause(session: Session, run: str, reason: str, format_: str) -> None:
    """Let the stage under way end, and start nothing after it.

    The pause is kept until foredeck runs resume, also when Foredeck is closed meanwhile.
    """
    row = session.write(lambda host: host.do(PauseRun(run, reason)), "foredeck runs pause")
    say(f"✓ Run paused: {row.id}. Go on with: foredeck runs resume {row.id}")
    if format_ == "json":
        put_json(run_answer(row))


@click.command()
@run_argument
@detach_option
@format_option
@click.pass_obj
def resume(session: Session, run: str, detach: bool, format_: str) -> int:
    """Go on with a run that is paused, or that was cut off.

    Nothing is done twice: a paused run goes on with its next stage, and a stage whose codex
    turn was lost goes on with its conversation. What failed is for foredeck runs retry.
    Exit codes as for foredeck run.
    """
    begin = _after_saying(PreviewResume(run), ResumeRun(run))
    return _go_on(session, begin, detach, format_)


@click.command()
@run_argument
@click.argument("step")
@click.option("--reason", default="", help="Why; it is shown beside the step.")
@detach_option
@format_option
@click.pass_obj
def skip(session: Session, run: str, step: str, reason: str, detach: bool, format_: str) -> int:
    """Leave STEP out; what needs it goes on as if it had succeeded.

    STEP is one that has not started, waits or failed. A run that rested goes on, and is
    waited for.

    \b
    foredeck runs skip 7s24 qa_qc --reason "tested by hand"
    """
    return _act(session, run, SkipStep(run, step, reason), "skipped", detach, format_)


@click.command()
@run_argument
@detach_option
@format_option
@click.pass_obj
def restart(session: Session, run: str, detach: bool, format_: str) -> int:
    """Begin a new run with the same request, mode and workflow.

    The earlier run stays as it is; foredeck runs show names the one in the other. Files in
    the workspace stay too. Exit codes as for foredeck run.
    """
    begin = _after_saying(PreviewRestart(run), RestartRun(run))
    return _go_on(session, begin, detach, format_)


@click.command()
@run_argument
@click.option("--tokens", type=click.IntRange(0), metavar="N", help="Tokens; 0 for no limit.")
@click.option("--cost", type=click.FloatRange(0), metavar="USD", help="US dollars; 0 for no limit.")
@detach_option
@format_option
@click.pass_obj
def budget(
    session: Session,
    run: str,
    tokens: int | None,
    cost: float | None,
    detach: bool,
    format_: str,
) -> int:
    """Show what a run may use, or change it.

    At 80 % of a budget there is a warning; at 100 % nothing more starts, and the run waits.
    A larger budget goes on by itself; the run is waited for.

    \b
    foredeck runs budget 7s24
    foredeck runs budget 7s24 --tokens 2000000 --cost 5
    """
    if tokens is None and cost is None:
        detail = session.read(lambda host: host.ask(GetRun(run)))
        if format_ == "json":
            put_json(_budget_answer(detail))
        else:
            put_pairs({"Run": detail.run.id, "Budget": budget_of(detail)})
        return 0
    return _act(session, run, SetBudget(run, tokens, cost), "given that budget", detach, format_)


@click.command()
@run_argument
@click.argument("step")
@click.option("--edit", is_flag=True, help="Change it in $VISUAL or $EDITOR.")
@click.option("--set", "source", metavar="FILE", help="Put FILE in its place; - reads stdin.")
@click.option("--diff", is_flag=True, help="Show what was changed.")
@click.option("--reset", is_flag=True, help="Give the step its own prompt back.")
@format_option
@click.pass_obj
def prompt(
    session: Session,
    run: str,
    step: str,
    edit: bool,
    source: str | None,
    diff: bool,
    reset: bool,
    format_: str,
) -> None:
    """Show what STEP will be told, or change it for this run.

    What earlier stages have not handed on yet is not in it, and a changed prompt is used
    as it is, also when the step is tried again. Pause the run first if the step is next.

    \b
    foredeck runs prompt 7s24 builder
    foredeck runs prompt 7s24 builder --edit
    foredeck runs prompt 7s24 builder --set prompt.md
    """
    if sum((edit, source is not None, diff, reset)) > 1:
        raise InvalidInput("Give only one of --edit, --set, --diff and --reset.")
    view = _write_prompt(session, lambda host: host.ask(GetPrompt(run, step)))
    text = _wanted(view, edit=edit, source=source, reset=reset)
    if text is not None:
        view = _write_prompt(session, lambda host: host.do(SetPrompt(view.run_id, step, text)))
        say(f"✓ {view.title} {'gets the prompt below' if view.edited else 'has its own prompt'}.")
    if format_ == "json":
        put_json(view)
    elif diff or (text is not None and view.edited):
        click.echo(safe_text(unified_diff(view.original, view.text)))
    elif text is None:
        click.echo(safe_text(view.text))


INTERVENTIONS = (pause, resume, skip, restart, budget, prompt)


def rerun(session: Session, run: str, step: str, *, yes: bool, detach: bool, format_: str) -> int:
    """Run `step` and everything after it again, once the person has seen what that means.

    Without a terminal, `yes` is needed when finished work is repeated.
    """
    preview = session.write(lambda host: host.ask(PreviewRerun(run, step)), "foredeck runs retry")
    if not preview.possible:
        raise Conflict(preview.reason)
    for line in preview.lines:
        say(line)
    if preview.repeats_finished and not yes:
        if not sys.stdin.isatty():
            raise InvalidInput("This repeats finished work.", "Add --yes if that is wanted.")
        click.confirm("Go on?", abort=True, err=True)
    return _go_on(session, lambda host: host.do(RerunFrom(run, step)), detach, format_)


def _after_saying(
    preview: Query[Preview], command: Command[RunRow]
) -> Callable[[Host], Awaitable[RunRow]]:
    """Return what says what a command will do and then does it; a refusal comes from itself."""

    async def begin(host: Host) -> RunRow:
        for line in (await host.ask(preview)).lines:
            say(line)
        return await host.do(command)

    return begin


def _go_on(
    session: Session, begin: Callable[[Host], Awaitable[RunRow]], detach: bool, format_: str
) -> int:
    if detach:
        return put_detached(session, session.hand_over(begin), format_)
    work = session.write(lambda host: follow(host, lambda: begin(host)), "foredeck runs")
    put_result(work[0], format_)
    return work[1]


def _act(
    session: Session, run: str, command: Command[RunRow], done: str, detach: bool, format_: str
) -> int:
    """Carry out a command; a run that rested before goes on by it, and is followed."""
    if detach:
        return put_detached(session, session.hand_over(lambda host: host.do(command)), format_)

    async def work(host: Host) -> tuple[RunDetail, int] | RunRow:
        before = await host.ask(GetRun(run))
        held = before.paused_at is not None
        if before.run.state in _RESTING and not held and _moves(command, before):
            return await follow(host, lambda: host.do(command))
        return await host.do(command)

    result = session.write(work, "foredeck runs")
    if isinstance(result, tuple):
        put_result(result[0], format_)
        return result[1]
    say(f"✓ Run {result.id} {done}" if isinstance(command, SetBudget) else f"✓ Step {done}.")
    if format_ == "json":
        put_json(run_answer(result))
    return 0


def _moves(command: Command[RunRow], before: RunDetail) -> bool:
    """Whether the run may go on by that; a budget moves only what waits for it."""
    return not isinstance(command, SetBudget) or any(step.over_budget for step in before.steps)


def _write_prompt(session: Session, work: Callable[[Host], Awaitable[PromptView]]) -> PromptView:
    return session.write(work, "foredeck runs prompt")


def _wanted(view: PromptView, *, edit: bool, source: str | None, reset: bool) -> str | None:
    """Return the text to put in the prompt's place, "" for its own, None for no change."""
    if reset:
        return ""
    if not edit and source is None:
        return None
    if view.locked:
        raise Conflict(view.locked, "Pause the run before the stage begins, then edit it.")
    text = click.edit(view.text, extension=".md") if edit else _read(source or "-")
    if text is None:
        raise Conflict("The editor was left without saving: nothing is changed.")
    if not text.strip():
        raise InvalidInput("The prompt is empty.", "--reset gives the step its own back.")
    return text


def _read(source: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{source} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The prompt is not UTF-8 text: byte {error.start} cannot be read.",
            "Convert it first, for example with iconv.",
        ) from error


def _budget_answer(detail: RunDetail) -> dict[str, object]:
    return {
        "id": detail.run.id,
        "budget_tokens": detail.budget_tokens,
        "used_tokens": detail.run.usage.total,
        "budget_cost_usd": detail.budget_cost,
        "used_cost_usd": detail.cost,
    }
