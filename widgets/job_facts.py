"""What is known of one job: what it was to do, how it fares, what it has cost, what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from foredeck.services.domain.amounts import duration, plural, size
from foredeck.services.domain.job_views import BatchCounts, JobDetail
from foredeck.services.domain.jobs import JobOrder
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.widgets.formats import bar, clock, shorten_middle, tokens, wrap
from foredeck.widgets.job_cells import (
    TICKING_STATES,
    batch_counts,
    job_elapsed,
    job_progress,
    job_title,
    job_type,
)
from foredeck.widgets.painting import Cells, PaintedWidget, app_now, fit, spread
from foredeck.widgets.state_style import glyph_of, look_of

_INDENT = "   "
# Rows that a command and an error may take, each.
_COMMAND_ROWS, _ERROR_ROWS = 3, 3
_BAR = 20


class JobFacts(PaintedWidget):
    """The facts of a job, or of a batch, in a few rows; nothing where none is selected."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._detail: JobDetail | None = None
        self._why_not_yet = ""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def update_job(self, detail: JobDetail | None, why_not_yet: str = "") -> None:
        """Show a job; `why_not_yet` is what keeps what waits from starting."""
        if (detail, why_not_yet) == (self._detail, self._why_not_yet):
            return
        before = self._height()
        self._detail, self._why_not_yet = detail, why_not_yet
        self.refresh(layout=before != self._height())

    def _height(self) -> int:
        return len(self.rows(self.size.width)) if self.size.width else 0

    def _tick(self) -> None:
        """Bring the time of what works up to date."""
        at_work = self._detail is not None and self._detail.job.state in TICKING_STATES
        if at_work and self.screen.is_active and self.app.app_focus:
            self.refresh()

    def rows(self, width: int) -> list[Cells]:
        if self._detail is None or width <= len(_INDENT):
            return []
        rows = [self._title(self._detail, width), *self._facts(self._detail, width)]
        return [fit(row, width) for row in rows]

    def _title(self, detail: JobDetail, width: int) -> Cells:
        row = detail.job
        look = look_of(row.state)
        right: Cells = [(look.word, look.style)]
        if spent := job_elapsed(row, app_now(self)):
            right.append((f"  {spent}", "ink--strong"))
        if row.exit_code is not None:
            right.append((f"  exit code {row.exit_code}", "ink--muted"))
        glyph = glyph_of(row.state, ascii_only=self.ascii_only)
        left: Cells = [(f" {glyph} ", look.style), (job_title(row), "ink--strong ink--bold")]
        return spread(left, [*right, (" ", "")], width)

    def _facts(self, detail: JobDetail, width: int) -> Iterator[Cells]:
        room = width - len(_INDENT)
        if detail.job.counts is not None:
            yield from _batch_rows(detail.job.counts, detail.order)
        else:
            yield from _command(detail, room)
            yield [(_INDENT, ""), ("in ", "ink--faint"), (_place(detail, room), "ink--muted")]
        for words in (_standing(detail), _costs(detail)):
            for line in wrap(words, room) if words else ():
                yield [(_INDENT + line.rstrip(" ·"), "ink--muted")]
        yield from self._progress(detail)
        yield from _error(detail, room)
        if detail.job.state is JobState.QUEUED and self._why_not_yet:
            yield [(_INDENT + self._why_not_yet, "state--waiting")]

    def _progress(self, detail: JobDetail) -> Iterator[Cells]:
        """Yield how far it says it is, or may be, while it works."""
        message = detail.order.progress_message if detail.order else ""
        percent, words = job_progress(detail.job, app_now(self))
        if detail.job.counts is not None or not (words or message):
            return
        full, rest = bar(percent / 100, _BAR, ascii_only=self.ascii_only)
        yield [
            (_INDENT, ""),
            (full, "state--running"),
            (rest, "ink--rule"),
            (f" {words or '0%'} ", "ink--strong"),
            (safe_line(message, limit=200), "ink--muted"),
        ]


def _batch_rows(counts: BatchCounts, order: JobOrder | None) -> Iterator[Cells]:
    yield [
        (f"{_INDENT}{counts.final} of {plural(counts.total, 'job')} ended", "ink--strong"),
        (f", {counts.completed} well", "ink--muted"),
        *batch_counts(counts),
    ]
    if order is not None and order.stop_after:
        limit = plural(order.stop_after, "failure")
        yield [(f"{_INDENT}begins no more after {limit}", "ink--muted")]
    yield [(f"{_INDENT}enter shows its jobs", "ink--faint")]


def _command(detail: JobDetail, room: int) -> Iterator[Cells]:
    """Yield the beginning of what it was to do; an ellipsis shows that there is more."""
    text = " ".join(safe_text(detail.prompt[: room * (_COMMAND_ROWS + 1)]).split())
    lines = wrap(text, max(8, room - 2)) if text else []
    for number, line in enumerate(lines[:_COMMAND_ROWS]):
        cut = number == _COMMAND_ROWS - 1 and len(lines) > _COMMAND_ROWS
        mark = "$ " if detail.order is not None and not number else "  "
        yield [(_INDENT, ""), (mark, "ink--accent"), (line + ("…" if cut else ""), "")]


def _place(detail: JobDetail, room: int) -> str:
    return shorten_middle(safe_line(detail.workspace, limit=1000), max(8, room - 3))


def _standing(detail: JobDetail) -> str:
    """Return type, project, priority, attempt, retries, timeout, and who wanted it."""
    row, order = detail.job, detail.order
    words = [job_type(row), safe_line(row.project_name, limit=40)]
    if order is not None:
        words.append(f"{order.priority.value} priority")
    words.append(f"attempt {row.attempt}")
    if order is not None and order.max_retries:
        by_itself = " by itself" if order.auto_retry else ""
        words.append(f"retries {order.retry_count}/{order.max_retries}{by_itself}")
    words.append(f"timeout {duration(detail.timeout)}")
    if order is not None and order.sandbox is not None:
        words.append(f"sandbox {order.sandbox.value}")
    words.append(_when(detail, order))
    return " · ".join(filter(None, words))


def _when(detail: JobDetail, order: JobOrder | None) -> str:
    by = f" by {safe_line(order.created_by, limit=40)}" if order and order.created_by else ""
    return f"{clock(detail.job.created_at)[:5]}{by}"


def _costs(detail: JobDetail) -> str:
    """Return what it has cost: time of the processor, memory, tokens; empty if nobody knows."""
    row, words = detail.job, []
    if row.cpu_seconds is not None:
        words.append(f"CPU {row.cpu_seconds:.1f} s")
    if row.peak_memory is not None:
        words.append(f"memory {size(row.peak_memory)}")
    if detail.usage.total:
        words.append(f"{tokens(detail.usage.total)} tokens")
    if detail.model:
        words.append(safe_line(detail.model, limit=40))
    return " · ".join(words)


def _error(detail: JobDetail, room: int) -> Iterator[Cells]:
    """Yield why it was cancelled or ended badly, and what to do."""
    failure, order = detail.failure, detail.order
    if order is not None and order.cancel_reason:
        reason = f"reason: {safe_line(order.cancel_reason, limit=400)}"
        for line in wrap(reason, room)[:_ERROR_ROWS]:
            yield [(_INDENT + line, "ink--strong")]
    if failure is None or detail.job.state not in FINAL_JOBS:
        return
    for text, style in ((failure.message, "state--failed"), (failure.advice, "ink--strong")):
        lines = wrap(safe_text(text).strip(), room) if text.strip() else []
        for line in lines[:_ERROR_ROWS]:
            yield [(_INDENT, ""), (line, style)]
