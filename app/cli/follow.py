"""Following a run on stderr until it ends: `run`, `runs retry|watch`, `demo --headless`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from shlex import quote

from foredeck.app.cli.answers import cost, detail_answer, print_steps, taken
from foredeck.app.cli.attending import Attendant
from foredeck.app.cli.interrupts import INTERRUPTED, Interrupts, LineDropped
from foredeck.app.cli.notices import say_notice
from foredeck.app.cli.render import GLYPHS, put_json, put_pairs, say
from foredeck.services.domain.errors import HostGone
from foredeck.services.domain.events import (
    Event,
    JobSaved,
    NoticeRaised,
    Resync,
    RunSaved,
    StepSaved,
)
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_RUNS, JobState, RunState, StepState
from foredeck.services.domain.views import RunDetail, RunRow, StepRow
from foredeck.services.host.commands import CancelRun
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun

FAILED = 1
OVER_BUDGET = 3
NEEDS_PERSON = 4
# A turn's name carries the beginning of its prompt; with its lead it fits 80 columns.
_NAME_LENGTH = 60


def exit_code(detail: RunDetail) -> int:
    """Return the exit code of a run that ended, or waits (SPEC section 9)."""
    state = detail.run.state
    if state is RunState.WAITING:
        return OVER_BUDGET if any(step.over_budget for step in detail.steps) else NEEDS_PERSON
    return 0 if state is RunState.SUCCESS else FAILED


async def follow(
    host: Host, begin: Callable[[], Awaitable[RunRow]], *, outlived: bool = True
) -> tuple[RunDetail, int]:
    """Begin a run, say each change, and return it with its exit code once it rests.

    The first interrupt cancels the run in order and waits for it; the exit code is 130. A
    terminal that goes away does not: `LineDropped` is raised and the run is left as it is,
    unless it cannot be `outlived`. Raises `HostGone`, saying how to go on, if the host of
    another process ends meanwhile. What the run asks is asked on the terminal, if this is
    one; else the run rests with it.
    """
    events = host.events()
    interrupts = Interrupts()
    attendant = Attendant(host)
    await attendant.arrive()
    row = await begin()
    await attendant.arrive(row.id)
    say(f"Run {row.id} · {row.project_name} · {row.title}")
    watching = asyncio.ensure_future(watch(host, row.id, events, attended=attendant.there))
    asking = asyncio.ensure_future(attendant.attend(row.id))
    try:
        stopped = not await _rests_first(watching, interrupts)
        if stopped and interrupts.hung_up and outlived:
            raise _line_dropped(row.id)
        if stopped:
            await _stop(host, row.id)
        detail = await watching
    except HostGone as error:
        # It may have been a command on the terminal that went away.
        gone = _line_dropped(row.id) if interrupts.hung_up else _left_behind(error, row.id)
        raise gone from error
    finally:
        watching.cancel()
        asking.cancel()
        await attendant.leave()
    return detail, exit_code(detail) if not stopped else INTERRUPTED


async def look_on(host: Host, run_id: str) -> tuple[RunDetail | None, int]:
    """Say each change of a run that goes on without this process, until it rests.

    The first interrupt ends only the looking on: there is no result then, and the exit
    code is 130. Raises `HostGone`, and says so.
    """
    events = host.events()
    interrupts = Interrupts()
    row = (await host.ask(GetRun(run_id))).run
    say(f"Run {row.id} · {row.project_name} · {row.title}")
    watching = asyncio.ensure_future(watch(host, row.id, events))
    try:
        if not await _rests_first(watching, interrupts):
            say(f"The run is not touched. Look on again with: foredeck runs watch {row.id}")
            return None, INTERRUPTED
        detail = await watching
    except HostGone as error:
        say(f"{error.message} Waiting for another one; foredeck opens one.")
        raise
    finally:
        watching.cancel()
    return detail, exit_code(detail)


async def _rests_first(watching: asyncio.Task[RunDetail], interrupts: Interrupts) -> bool:
    """Wait for the run to rest or for an interrupt; whether it was the run."""
    stopping = asyncio.ensure_future(interrupts.first.wait())
    try:
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    return watching.done()


def _line_dropped(run_id: str) -> LineDropped:
    return LineDropped("The terminal is gone.", f"See the run: foredeck runs watch {run_id}")


def _left_behind(error: HostGone, run_id: str) -> HostGone:
    return HostGone(
        error.message,
        f"Open foredeck to go on with the run, or see how it stands: foredeck runs show {run_id}",
    )


def put_result(detail: RunDetail, format_: str, *, advise: bool = True) -> None:
    """Write the result of a run to stdout; `advise` says on stderr how to go on."""
    if format_ == "json":
        put_json(detail_answer(detail))
        return
    row = detail.run
    verdicts = [step.verdict for step in detail.steps if step.verdict]
    pairs: dict[str, object] = {
        "Run": row.id,
        "State": f"{GLYPHS[row.state.value]} {row.state.value}",
        "Duration": taken(row.started_at, row.ended_at),
        "Tokens": f"{row.usage.total:,}",
        "Cost": cost(detail),
        "Workspace": detail.workspace,
    }
    if verdicts:
        pairs["Verdict"] = verdicts[-1].verdict
    if detail.summary:
        pairs["Summary"] = detail.summary
    put_pairs(pairs)
    if row.state is not RunState.SUCCESS:
        print_steps(detail)
    if advise and row.questions:
        say(f"It waits for a person. See what it asks: foredeck runs questions {row.id}")
    elif advise and row.state is not RunState.SUCCESS and _can_go_on(detail):
        say(f"Go on from there with: foredeck {way_on(detail)}")


def way_on(detail: RunDetail) -> str:
    """Return the command, without `foredeck`, that goes on with a run that rests."""
    run = detail.run
    if any(step.over_budget for step in detail.steps):
        return _larger_budget(detail)
    resumes = detail.paused_at or any(step.was_lost for step in detail.steps)
    return f"runs resume {run.id}" if resumes else f"runs retry {run.id}"


def _can_go_on(detail: RunDetail) -> bool:
    """Whether going on may help: not if all that failed would fail the same way again."""
    failed = [step.failure for step in detail.steps if step.state is StepState.FAILED]
    return not failed or any(failure is None or failure.retry_helps for failure in failed)


def _larger_budget(detail: RunDetail) -> str:
    """Return the command that raises the budget that holds the run: its own, or the project's."""
    run, used = detail.run, detail.run.usage.total
    if detail.budget_tokens is not None and used >= detail.budget_tokens:
        return f"runs budget {run.id} --tokens {2 * used}"
    if detail.budget_cost is not None and (detail.cost or 0) >= detail.budget_cost:
        return f"runs budget {run.id} --cost {2 * (detail.cost or 0):.2f}"
    project = quote(run.project_name)
    return f"projects set {project} budget_tokens=N, and then runs resume {run.id}"


async def _stop(host: Host, run_id: str) -> None:
    say("Stopping the run and everything it started…")
    with suppress(Exception):
        await host.do(CancelRun(run_id, "interrupted at the terminal"))


async def watch(
    host: Host, run_id: str, events: AsyncIterator[Event], *, attended: bool = False
) -> RunDetail:
    """Say each step's change of state on stderr; return when the run rests.

    While it is `attended`, one that waits for an answer does not rest.
    """
    said: dict[str, str] = {}
    detail = await host.ask(GetRun(run_id))
    _say_steps(detail, said, asked=attended)
    if _rests(detail, attended):
        return detail
    async for event in events:
        if isinstance(event, NoticeRaised):
            say_notice(event)
        if isinstance(event, JobSaved) and event.run_id == run_id:
            _say_job(event)
        if not isinstance(event, RunSaved | StepSaved | Resync):
            continue
        if not isinstance(event, Resync) and event.run_id != run_id:
            continue
        detail = await host.ask(GetRun(run_id))
        _say_steps(detail, said, asked=attended)
        if _rests(detail, attended):
            break
    return detail


def _say_job(event: JobSaved) -> None:
    """Say that a codex turn or a check began, so that a long stage is not silent."""
    if event.state is JobState.IN_PROGRESS and event.previous is JobState.QUEUED:
        name = safe_line(event.name)
        shown = name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"
        say(f"  codex works on {shown}" if event.type == "codex" else f"  runs {shown}")


def _rests(detail: RunDetail, attended: bool) -> bool:
    """Whether nothing more happens by itself; who is asked here is about to answer."""
    if detail.run.state in FINAL_RUNS:
        return True
    goes_on = detail.waits_for_time or (attended and detail.run.questions)
    return detail.run.state is RunState.WAITING and not goes_on


def _say_steps(detail: RunDetail, said: dict[str, str], *, asked: bool) -> None:
    """Say what changed; not that a step waits for an answer if that is `asked` right here."""
    for step in detail.steps:
        if asked and detail.run.questions and step.state is StepState.WAITING:
            continue
        mark = f"{step.state.value} {step.attempt}"
        if said.get(step.key) == mark or (step.key not in said and step.state.value == "pending"):
            continue
        said[step.key] = mark
        say(_step_line(step))


def _step_line(step: StepRow) -> str:
    line = f"{GLYPHS[step.state.value]} {step.title}: {step.state.value}"
    if step.attempt > 1:
        line += f" (attempt {step.attempt})"
    if step.started_at and step.ended_at:
        line += f", {taken(step.started_at, step.ended_at)}, {step.usage.total:,} tokens"
    if step.retry_at and step.reason and step.state is StepState.WAITING:
        return f"{line}\n  {step.reason}"  # nobody has to act
    if step.failure:
        line += f"\n  {step.failure.message}\n  {step.failure.advice}".rstrip()
    elif step.reason:
        line += f": {step.reason}"
    return line
