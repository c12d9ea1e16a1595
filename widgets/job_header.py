"""The line over the list of jobs: how the queue stands, and the batch that is looked into."""

from __future__ import annotations

from textual.timer import Timer

from foredeck.services.domain.amounts import duration
from foredeck.services.domain.job_views import BatchStatus, JobQueueView, whole_percent
from foredeck.services.domain.states import JobState
from foredeck.widgets.formats import bar, clock, elapsed
from foredeck.widgets.job_cells import batch_counts
from foredeck.widgets.painting import Cells, PaintedWidget, app_now, fit, spread, width_of
from foredeck.widgets.state_style import glyph_of, look_of

_LEAST_BAR, _MOST_BAR = 6, 30


class JobHeader(PaintedWidget):
    """The queue in one row; with a batch, one row more about that."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._shown: tuple[JobQueueView | None, BatchStatus | None] = (None, None)
        self._ticker: Timer | None = None

    def update_queue(self, queue: JobQueueView, batch: BatchStatus | None = None) -> None:
        """Show this; repaints only when something has changed."""
        if (queue, batch) != self._shown:
            layout = (self._shown[1] is None) != (batch is None)
            self._shown = queue, batch
            self.refresh(layout=layout)
            self._tick_while(batch is not None and batch.state is JobState.IN_PROGRESS)

    def _tick_while(self, working: bool) -> None:
        """Repaint each second while a batch works: how long it has taken moves by itself."""
        if working and self._ticker is None:
            self._ticker = self.set_interval(1.0, self._tick)
        elif self._ticker is not None:
            (self._ticker.resume if working else self._ticker.pause)()

    def _tick(self) -> None:
        if self.is_attached and self.screen.is_active and self.display and self.app.app_focus:
            self.refresh()

    def rows(self, width: int) -> list[Cells]:
        queue, batch = self._shown
        if queue is None:
            return [[(" Loading…", "ink--muted")]]
        rows = [fit(queue_row(queue, ascii_only=self.ascii_only), width)]
        if batch is not None:
            rows.append(self._batch_row(batch, width))
        return rows

    def _batch_row(self, batch: BatchStatus, width: int) -> Cells:
        look = look_of(batch.state)
        left: Cells = [
            (f" {glyph_of(batch.state, ascii_only=self.ascii_only)} ", look.style),
            (f"{look.word}  ", look.style),
            (f"{batch.final}/{batch.total}", "ink--strong"),
        ]
        counts = _counts(batch)
        spent = duration(elapsed(batch.started_at, batch.ended_at, app_now(self)))
        right: Cells = [(f" {whole_percent(batch.progress)}%  {spent} ", "ink--muted")]
        room = width - sum(map(width_of, (left, counts, right))) - 2
        if batch.stop_after:
            stops: Cells = [(f" stops after {batch.stop_after} failed", "ink--faint")]
            if width_of(stops) <= room:
                counts += stops
                room -= width_of(stops)
        if room >= _LEAST_BAR:
            size = min(_MOST_BAR, room)
            full, rest = bar(batch.progress / 100, size, ascii_only=self.ascii_only)
            left += [(" ", ""), (full, look.style), (rest, "ink--rule")]
        return spread([*left, *counts], right, width)


def _counts(batch: BatchStatus) -> Cells:
    """Return how many work, wait, and ended otherwise than well."""
    counts: Cells = []
    if batch.running:
        counts.append((f" {batch.running} running", look_of(JobState.IN_PROGRESS).style))
    if batch.pending:
        counts.append((f" {batch.pending} waiting", "ink--muted"))
    return [*counts, *batch_counts(batch)]


def queue_row(queue: JobQueueView, *, ascii_only: bool = False) -> Cells:
    """Return how many work and wait, and what keeps those that wait from starting, if anything."""
    work, wait = JobState.IN_PROGRESS, JobState.QUEUED
    cells: Cells = [
        (f" {glyph_of(work, ascii_only=ascii_only)} {queue.working}", _style(work, queue.working)),
        (f"/{queue.limit} working  ", "ink--muted"),
        (f"{glyph_of(wait, ascii_only=ascii_only)} {queue.queued}", _style(wait, queue.queued)),
        (" waiting", "ink--muted"),
    ]
    if queue.paused_at is not None:
        cells.append((f"  paused since {clock(queue.paused_at)[:5]}: p goes on", "state--waiting"))
    elif not queue.starts:
        cells.append(("  no host is there to start them: foredeck serve", "state--waiting"))
    return cells


def _style(state: JobState, count: int) -> str:
    return look_of(state).style if count else "ink--faint"
