"""How the schedules stand, in words: for the screen of tasks and for the status bar."""

from __future__ import annotations

from datetime import datetime

from foredeck.services.domain.amounts import plural
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.schedules import ScheduleBoard
from foredeck.widgets.formats import clock, shorten, until
from foredeck.widgets.painting import Cells, PaintedWidget, app_now, fit

# Cells of the name of a task, in one line with other things.
_NAME = 20
_TICK = 60.0


def next_cells(board: ScheduleBoard, now: datetime) -> Cells:
    """Return what is due next, or that nothing is because the schedules are paused."""
    if board.paused_at is not None:
        return [("schedules paused", "state--waiting")] if board.scheduled else []
    if board.next_at is None:
        return []
    name = shorten(safe_line(board.next_task_name, limit=200), _NAME)
    return [
        ("next: ", "ink--muted"),
        (name, "ink--strong"),
        (f" {_when(board, now)}", "ink--muted"),
    ]


def missed_cells(board: ScheduleBoard) -> Cells:
    """Return how many due times of the last day were missed, and of how many no run was made."""
    cells: Cells = [(f"{board.missed} missed", "state--retry")] if board.missed else []
    if board.failed:
        cells += [(", ", "ink--muted")] if cells else []
        cells.append((f"{plural(board.failed, 'due time')} failed", "state--failed"))
    return cells


def _when(board: ScheduleBoard, now: datetime) -> str:
    return until(board.next_at, now) if board.next_at is not None else ""


class ScheduleHeader(PaintedWidget):
    """One row over the list of tasks: how many there are, what is due next, what was missed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._board: ScheduleBoard | None = None
        self._tasks = 0

    def on_mount(self) -> None:
        self.set_interval(_TICK, self._tick)

    def update_board(self, board: ScheduleBoard, tasks: int) -> None:
        """Show this; repaints only when something has changed."""
        if (board, tasks) != (self._board, self._tasks):
            self._board, self._tasks = board, tasks
            self.refresh()

    def _tick(self) -> None:
        if self._board is not None and self.screen.is_active and self.app.app_focus:
            self.refresh()

    def rows(self, width: int) -> list[Cells]:
        board = self._board
        if board is None:
            return [[(" Loading…", "ink--muted")]]
        return [fit(board_row(board, self._tasks, app_now(self)), width)]


def board_row(board: ScheduleBoard, tasks: int, now: datetime) -> Cells:
    """Return all that is to be said about the schedules in one row, the most urgent first."""
    cells: Cells = [
        (f" {tasks:,}", "ink--strong" if tasks else "ink--faint"),
        (f" {plural(tasks, 'task').partition(' ')[2]}  ", "ink--muted"),
        (f"{board.scheduled:,}", "ink--strong" if board.scheduled else "ink--faint"),
        (" scheduled", "ink--muted"),
    ]
    if board.paused_at is not None:
        cells.append((f"  paused since {clock(board.paused_at)[:5]}: p goes on", "state--waiting"))
    elif board.scheduled and not board.runs:
        cells.append(("  no host is there to start them: foredeck serve", "state--waiting"))
    for group in (missed_cells(board), _queued(board)):
        cells += [("  ", ""), *group] if group else []
    if board.paused_at is None and (due := next_cells(board, now)):
        cells += [("  ", ""), *due]
    return cells


def _queued(board: ScheduleBoard) -> Cells:
    return [(f"{board.queued} queued", "state--retry")] if board.queued else []
