"""The list on the screen of jobs: what of them is listed, in which order, and what it says."""

from __future__ import annotations

from datetime import datetime

from foredeck.app.screens.job_listing import Order, Shown, arrange, following
from foredeck.app.screens.list_pane import ListPane, how_many
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.widgets.job_table import JobTable

_NONE = (
    "No jobs yet.",
    "n submits one. From a shell: foredeck jobs submit NAME --command 'make test', or "
    "foredeck jobs execute -- make test. What runs start is listed here, too.",
)


class JobListPane(ListPane):
    """Keeps filter, view and order; `wanted` is the job that the cursor goes to once it is there.

    `batch` is the one whose jobs these are.
    """

    def __init__(self, batch: JobRow | None) -> None:
        self.table = JobTable()
        super().__init__(self.table, title="Jobs", id="pane-jobs")
        self._batch = batch
        self.wanted: str | None = None
        self._board: JobBoard | None = None
        self._kind = Shown.ALL
        self._order = Order.TURN

    def update_board(self, board: JobBoard, now: datetime) -> None:
        """Show the jobs as they are now; the cursor stays on its job."""
        self._board = board
        self.list_jobs(now)

    def list_jobs(self, now: datetime) -> None:
        """List what is to be listed, or say why that is nothing."""
        board = self._board
        if board is None:
            return
        rows = arrange(board.rows, self.filter.text, self._kind, self._order, now)
        with self.table.prevent(JobTable.JobHighlighted):
            self.table.update_rows(rows)
            if self.wanted is not None and self.table.move_cursor_to(self.wanted):
                self.wanted = None
        self.shows_rows = bool(rows)
        self._show_title(board, len(rows))
        if rows:
            self.show_content()
        elif board.rows:
            self.say("No job is like that.", self._way_back())
        else:
            self.say(*_NONE)

    def next_order(self) -> None:
        """List in the next order; `list_jobs` shows it."""
        self._order = following(self._order)

    def next_shown(self) -> None:
        """List the next kind of jobs; `list_jobs` shows it."""
        self._kind = following(self._kind)

    def _way_back(self) -> str:
        if self.filter.text:
            return "Escape takes the filter away" + (
                ", v lists others." if self._kind.value else "."
            )
        return "v lists others."

    def _show_title(self, board: JobBoard, count: int) -> None:
        """Say whose jobs, which of them, in which order, and how many of how many."""
        whose = f"Batch {safe_line(self._batch.name, limit=30)}" if self._batch else "Jobs"
        total = max(board.total, len(board.rows))
        of = how_many(count, total)
        self.tell(whose, self._kind.value, self.filtered, self._order.value, of)
