"""The rows that tell all about a task: facts, prompt, schedule, executions, fires (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from foredeck.services.domain.amounts import duration, plural
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.schedules import FireRow, FireState, Misfire, Overlap, Schedule
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.domain.task_views import TaskDetail
from foredeck.services.domain.tasks import ExecutionStatus, Task, TaskOptions
from foredeck.widgets.formats import elapsed, moment, pad, tokens, until, wrap
from foredeck.widgets.painting import Cells, fit, spread, width_of
from foredeck.widgets.state_style import WORD_WIDTH, glyph_of, look_of
from foredeck.widgets.task_cells import next_words, on_off, tag_words

_INDENT = "   "
# Rows of a prompt, and of the values of variables, that are shown while they are folded.
_FOLDED, _SLACK = 4, 1
# More rows of one prompt than that are not shown at all: nobody reads them here.
_MOST_ROWS = 2000
_VALUE = 200
_LABEL = 10
EXECUTION, FIRE, PROMPT = "execution:", "fire:", "prompt"
_FIRE_LOOKS = {
    FireState.STARTED: ("✓", "+", "state--success"),
    FireState.QUEUED: ("◌", ":", "state--pending"),
    FireState.SKIPPED: ("»", "-", "state--skipped"),
    FireState.MISSED: ("!", "!", "state--retry"),
    FireState.FAILED: ("✗", "x", "state--failed"),
}
_OVERLAPS = {
    Overlap.SKIP: "skipped while one is at work",
    Overlap.QUEUE: "queued while one is at work",
    Overlap.ALLOW: "started also while one is at work",
}


class Block(NamedTuple):
    """Rows that belong together; the first cell of each is left to the cursor.

    `cursor` is the row that shows the cursor.
    """

    key: str
    rows: tuple[Cells, ...]
    cursor: int = 0


def detail_blocks(
    detail: TaskDetail,
    width: int,
    now: datetime,
    *,
    unfolded: bool = False,
    paused: bool = False,
    ascii_only: bool = False,
) -> list[Block]:
    """Return all about a task in rows of at most `width` cells, the cursor's cell included.

    `unfolded` shows the whole prompt, `paused` says that all schedules are.
    """
    room = max(10, width - 1)
    blocks = [
        Block("facts", tuple(_facts(detail, room, ascii_only))),
        Block(PROMPT, tuple(_prompt(detail.row.task, room, unfolded)), 1),
    ]
    if detail.row.task.schedule is not None:
        rows = _schedule(detail, detail.row.task.schedule, room, now, paused)
        blocks.append(Block("schedule", tuple(rows), 1))
    blocks += _executions(detail, room, now, ascii_only)
    return [*blocks, *_fires(detail, room, ascii_only)]


def _facts(detail: TaskDetail, width: int, ascii_only: bool) -> Iterator[Cells]:
    row, task = detail.row, detail.row.task
    glyph, word, style = on_off(row, ascii_only=ascii_only)
    left: Cells = [(glyph + " ", style), (safe_line(task.name, limit=200), "ink--strong ink--bold")]
    right: Cells = [("public ", "ink--accent")] if task.public else []
    yield spread(left, [*right, (word + " ", style)], width)
    for line in wrap(safe_text(task.description).strip(), width - 4) if task.description else ():
        yield [("  " + line, "ink--muted")]
    for label, words in _fields(detail):
        lines = wrap(words, max(10, width - _LABEL - 3))
        for number, line in enumerate(lines):
            yield [("  " + pad("" if number else label, _LABEL), "ink--faint"), (line, "")]


def _fields(detail: TaskDetail) -> Iterator[tuple[str, str]]:
    """Return what is said about a task, each with its label; what is as usual is left out."""
    row, task = detail.row, detail.row.task
    place = f" in {safe_line(task.directory, limit=200)}" if task.directory else ""
    yield "project", safe_line(row.project_name, limit=80) + place
    yield "workflow", safe_line(task.workflow, limit=80)
    if task.tags:
        yield "tags", tag_words(row)
    if tools := _tools(task):
        yield "tools", tools
    if options := _options(task.options):
        yield "options", options
    yield "report", task.report_format.value.upper() + " after each run" if task.report else "none"
    if task.notify is not None:
        yield "notify", notify_words(task.notify)
    yield "runs", _counts(detail)


def _tools(task: Task) -> str:
    parts = []
    if task.allowed_tools is not None:
        names = ", ".join(safe_line(name, limit=80) for name in task.allowed_tools)
        parts.append(f"only {names}" if names else "none")
    if task.disallowed_tools:
        names = ", ".join(safe_line(name, limit=80) for name in task.disallowed_tools)
        parts.append(f"not {names}")
    return "; ".join(parts)


def _options(options: TaskOptions) -> str:
    parts = [
        f"model {safe_line(options.model, limit=80)}" if options.model else "",
        f"sandbox {options.sandbox.value}" if options.sandbox else "",
        f"mode {options.mode.value}" if options.mode else "",
        f"timeout {duration(options.timeout)}" if options.timeout else "",
        f"at most {tokens(options.budget_tokens)} tokens" if options.budget_tokens else "",
        f"at most ${options.budget_cost:,.2f}" if options.budget_cost else "",
    ]
    return ", ".join(filter(None, parts))


def notify_words(causes: tuple[Cause, ...]) -> str:
    """Return about what a person is told, in words."""
    says = {Cause.FINISH: "any end", Cause.FAILURE: "a bad end", Cause.WAITING: "waiting for you"}
    return ", ".join(says[cause] for cause in causes) or "nothing"


def _counts(detail: TaskDetail) -> str:
    task = detail.row.task
    if not task.executions:
        return "none yet"
    last = f", last {moment(task.last_executed_at)}" if task.last_executed_at else ""
    return f"{task.executions:,}: {task.successes:,} succeeded, {task.failures:,} failed{last}"


def _rule(title: str, width: int, remark: str = "") -> Cells:
    left: Cells = [(title, "ink--accent ink--bold")]
    return spread(left, [(remark + " ", "ink--faint")] if remark else [], width)


def _prompt(task: Task, width: int, unfolded: bool) -> Iterator[Cells]:
    lines = _lines(task.prompt, max(10, width - len(_INDENT)))
    shown = lines if unfolded or len(lines) <= _FOLDED + _SLACK else lines[:_FOLDED]
    yield []
    folds = "space folds" if unfolded and len(lines) > _FOLDED + _SLACK else ""
    yield _rule("Prompt", width, folds)
    for line in shown:
        yield [(_INDENT + line, "")]
    if len(shown) < len(lines):
        more = plural(len(lines) - len(shown), "more line")
        yield [(f"{_INDENT}… {more} · space unfolds", "ink--faint")]
    for name, value in task.variables:
        says = safe_line(value, limit=_VALUE) if value else "empty"
        named: Cells = [(f"{_INDENT}{safe_line(name, limit=60)}", "ink--strong")]
        yield fit([*named, (" = ", "ink--faint"), (says, "ink--muted")], width)


@lru_cache(maxsize=8)
def _lines(text: str, width: int) -> tuple[str, ...]:
    return tuple(wrap(safe_text(text, lines=_MOST_ROWS).strip("\n"), width)[:_MOST_ROWS])


def _schedule(
    detail: TaskDetail, schedule: Schedule, width: int, now: datetime, paused: bool
) -> Iterator[Cells]:
    yield []
    yield _rule("Schedule", width, next_words(detail.row, now, paused=paused))
    cron, zone = safe_line(schedule.cron, limit=100), safe_line(schedule.timezone, limit=60)
    yield fit([(_INDENT + cron, "ink--strong"), (f"  {zone}", "ink--muted")], width)
    for line in wrap(schedule_words(schedule), width - len(_INDENT)):
        yield [(_INDENT + line, "ink--muted")]
    if detail.problem:
        for line in wrap(safe_line(detail.problem), width - len(_INDENT)):
            yield [(_INDENT + line, "state--failed")]
    for text in detail.moments:
        yield _moment(text, width, now)


def schedule_words(schedule: Schedule) -> str:
    """Return how a schedule deals with overlaps and with what it missed."""
    misfires = {
        Misfire.RUN_ONCE: "made up for once",
        Misfire.CATCH_UP: f"made up for, the latest {schedule.catch_up}",
        Misfire.SKIP: "left out",
    }
    words = f"{_OVERLAPS[schedule.overlap]}; missed due times are {misfires[schedule.misfire]}"
    if schedule.jitter:
        words += f"; put off by up to {duration(schedule.jitter)}"
    return words if schedule.enabled else f"switched off; {words}"


def _moment(text: str, width: int, now: datetime) -> Cells:
    """Return a moment as it is written in the zone of the schedule, and how far off it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return [(_INDENT + safe_line(text, limit=60), "")]
    says = at.strftime("%a %Y-%m-%d %H:%M %z")
    return fit([(_INDENT + says, ""), (f"  {until(at, now)}", "ink--muted")], width)


def _executions(detail: TaskDetail, width: int, now: datetime, ascii_only: bool) -> Iterator[Block]:
    total = detail.total
    shown = len(detail.executions)
    remark = f"the latest {shown} of {total:,}" if total > shown else ""
    head: tuple[Cells, ...] = ([], _rule("Executions", width, remark))
    if not detail.executions:
        none: Cells = [(_INDENT + "None yet: x executes the task.", "ink--muted")]
        yield Block("executions", (*head, none), 1)
    for number, one in enumerate(detail.executions):
        rows = tuple(_execution(one, width, now, ascii_only))
        first = number == 0
        yield Block(EXECUTION + one.id, (*head, *rows) if first else rows, 2 * first)


def _execution(
    one: ExecutionStatus, width: int, now: datetime, ascii_only: bool
) -> Iterator[Cells]:
    look = look_of(one.state)
    glyph = glyph_of(one.state, ascii_only=ascii_only)
    left: Cells = [
        (f"{glyph} {pad(look.word, WORD_WIDTH)} ", look.style),
        (moment(one.created_at), "ink--strong"),
    ]
    spent = duration(elapsed(one.started_at, one.ended_at, now))
    parts = [spent, f"{tokens(one.tokens)} tokens" if one.tokens and width >= 60 else ""]
    parts.append(_report(one))
    right: Cells = [("  ".join(filter(None, parts)) + " ", "ink--muted")]
    trigger: Cells = [(f"  {one.trigger.value}", "ink--muted")]
    if width_of([*left, *trigger, *right]) < width:  # a word or nothing: the rest of it says little
        left += trigger
    yield spread(left, right, width)
    says = one.error or (one.result_message if one.state in FINAL_RUNS else "")
    if says.strip():
        style = "state--failed" if one.error else "ink--muted"
        yield fit([(_INDENT + safe_line(says, limit=400), style)], width)
    for remark in filter(None, (one.waits, *one.warnings)):
        yield fit([(_INDENT + safe_line(remark, limit=400), "state--waiting")], width)


def _report(one: ExecutionStatus) -> str:
    if one.report_id:
        return "report"
    return "report to come" if one.report_format and one.state not in FINAL_RUNS else ""


def _fires(detail: TaskDetail, width: int, ascii_only: bool) -> Iterator[Block]:
    head: tuple[Cells, ...] = ([], _rule("Missed, skipped, queued, failed", width))
    for number, fire in enumerate(detail.odd):
        rows = tuple(_fire(fire, width, ascii_only))
        first = number == 0
        yield Block(FIRE + fire.id, (*head, *rows) if first else rows, 2 * first)


def _fire(fire: FireRow, width: int, ascii_only: bool) -> Iterator[Cells]:
    glyph, plain, style = _FIRE_LOOKS[fire.state]
    says = f"{plain if ascii_only else glyph} {pad(fire.state.value, WORD_WIDTH)} "
    left: Cells = [(says, style), (moment(fire.due_at), "ink--strong")]
    reason = safe_line(fire.reason, limit=400)
    lines = wrap(reason, max(10, width - len(_INDENT))) if reason else []
    if len(lines) == 1 and len(reason) + len(says) + 20 <= width:
        yield [*left, (f"  {reason}", "ink--muted")]
        return
    yield left
    for line in lines:
        yield [(_INDENT + line, "ink--muted")]
