"""The list of jobs: one row for each, with its state, progress, time and exit code."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from foredeck.services.domain.job_views import JobRow
from foredeck.widgets.job_cells import TICKING_STATES, batch_cells, job_cells, job_heading
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cells


class JobTable(LineView):
    """One row per job or batch, in the order that it is given; the cursor stays on its job."""

    class JobSelected(Message):
        """A person chose a job (enter or click)."""

        def __init__(self, table: JobTable, job_id: str) -> None:
            super().__init__()
            self.table = table
            self.job_id = job_id

        @property
        def control(self) -> JobTable:
            return self.table

    class JobHighlighted(Message):
        """The cursor came to a job, or there is none under it any more."""

        def __init__(self, table: JobTable, job_id: str | None) -> None:
            super().__init__()
            self.table = table
            self.job_id = job_id

        @property
        def control(self) -> JobTable:
            return self.table

    header_height = 1

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: tuple[JobRow, ...] = ()

    def update_rows(self, rows: Sequence[JobRow]) -> None:
        """Show these jobs."""
        changed = differing(self._rows, rows)
        self._rows = tuple(rows)
        self.set_blocks([row.id for row in rows], [1] * len(rows), changed)
        self.set_ticking(any(row.state in TICKING_STATES for row in rows))

    @property
    def row(self) -> JobRow | None:
        """The job under the cursor."""
        return self._rows[self.cursor_index] if self.cursor_key is not None else None

    def action_activate(self) -> None:
        """Choose the job under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.JobSelected(self, self.cursor_key))

    def cursor_moved(self) -> None:
        self.post_message(self.JobHighlighted(self, self.cursor_key))

    def ticked(self) -> None:
        for index, row in enumerate(self._rows):
            if row.state in TICKING_STATES:
                self.refresh_block(index)

    def header_row(self, y: int, width: int) -> Cells:
        del y
        return job_heading(width) if self._rows else []

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        row, now = self._rows[index], self.now()
        if row.counts is not None:
            cells = batch_cells(row, row.counts, width, now, ascii_only=self.ascii_only)
        else:
            cells = job_cells(row, width, now, ascii_only=self.ascii_only)
        return [self.cursor_cell(index), *cells]
