"""The status bar: what the host is doing, in one line."""

from __future__ import annotations

from textual.timer import Timer

from foredeck.services.domain.amounts import dollars
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.schedules import ScheduleBoard
from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import HostStatus
from foredeck.widgets.formats import tokens
from foredeck.widgets.painting import Cells, PaintedWidget, app_now, spread, width_of
from foredeck.widgets.schedule_header import missed_cells, next_cells
from foredeck.widgets.state_style import look_of

REHEARSAL = "REHEARSAL · the model's words are scripted"
_REHEARSAL_SHORT = "REHEARSAL"
# Seconds between two looks at how far off the next schedule is: that is told in minutes.
_TICK = 60.0


class StatusBar(PaintedWidget):
    """Runs, turns, schedules, tokens, cost, codex; what matters least gives way first."""

    DEFAULT_CSS = "StatusBar { height: 1; dock: bottom; background: $panel; color: $ink-muted; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._status: HostStatus | None = None
        self._link = ""
        self._link_fails = False
        self._board: ScheduleBoard | None = None
        self._ticker: Timer | None = None

    def update_board(self, board: ScheduleBoard) -> None:
        """Show what is due next and what was missed; no timer exists before something is due."""
        if board == self._board:
            return
        self._board = board
        self.refresh()
        due = board.next_at is not None and board.paused_at is None
        if due and self._ticker is None:
            self._ticker = self.set_interval(_TICK, self._tick)
        elif self._ticker is not None:
            (self._ticker.resume if due else self._ticker.pause)()

    def _tick(self) -> None:
        if self.is_attached and self.screen.is_active and self.app.app_focus:
            self.refresh()

    def update_status(self, status: HostStatus) -> None:
        """Show these figures; repaints only when one of them has changed."""
        if status != self._status:
            self._status = status
            self.refresh()

    def update_link(self, link: str, *, fails: bool = False) -> None:
        """Say how the screen gets at the host; empty when they are one process.

        One that `fails` goes first, and nothing else takes its place.
        """
        if (link, fails) != (self._link, self._link_fails):
            self._link, self._link_fails = link, fails
            self.refresh()

    def rows(self, width: int) -> list[Cells]:
        if self._status is None:
            return [[(" Starting…", "ink--muted")]]
        return [self._line(self._status, width)]

    def _line(self, status: HostStatus, width: int) -> Cells:
        link = self._attached()
        groups = [self._runs(status), self._waiting(status), link]
        if self._link_fails:
            groups = [link, *groups[:2]]
        groups += [
            self._turns(status),
            *self._schedules(),
            _tokens(status),
            _cost(status),
            _mode(status),
            _codex(status),
        ]
        label: Cells = []
        if status.rehearsal:
            roomy = width >= 40 + len(REHEARSAL)
            label = [(f" {REHEARSAL if roomy else _REHEARSAL_SHORT} ", "ink--label")]
            if self._link_fails and width_of([*link, *label]) + 2 > width:
                label = []
        left: Cells = [(" ", "")]
        for group in filter(None, groups):
            separator: Cells = [("  ", "")] if len(left) > 1 else []
            if width_of([*left, *separator, *group]) + width_of(label) + 1 <= width:
                left = [*left, *separator, *group]
        return spread(left, label, width)

    def _runs(self, status: HostStatus) -> Cells:
        look = look_of(RunState.RUNNING)
        glyph = look.ascii if self.ascii_only else look.glyph
        running = status.active_runs - status.waiting_runs
        style = look.style if running else "ink--faint"
        return [(f"{glyph} {running}", style), (" running", "ink--muted")]

    def _attached(self) -> Cells:
        style = "state--failed" if self._link_fails else "ink--strong"
        return [(safe_line(self._link, limit=50), style)] if self._link else []

    def _waiting(self, status: HostStatus) -> Cells:
        if not status.waiting_runs:
            return []
        look = look_of(RunState.WAITING)
        glyph = look.ascii if self.ascii_only else look.glyph
        return [(f"{glyph} {status.waiting_runs} waiting", look.style)]

    def _schedules(self) -> tuple[Cells, ...]:
        board = self._board
        if board is None:
            return ()
        return missed_cells(board), next_cells(board, app_now(self))

    def _turns(self, status: HostStatus) -> Cells:
        cells: Cells = [
            ("turns ", "ink--muted"),
            (f"{status.running_turns}/{status.turn_limit}", "ink--strong"),
        ]
        if status.queued_turns:
            cells.append((f" +{status.queued_turns} queued", "state--retry"))
        return cells


def _tokens(status: HostStatus) -> Cells:
    if not status.tokens.total:
        return []
    return [("tokens ", "ink--muted"), (tokens(status.tokens.total), "ink--strong")]


def _cost(status: HostStatus) -> Cells:
    if status.cost is None or not status.tokens.total:
        return []
    return [("cost ", "ink--muted"), (dollars(status.cost), "ink--strong")]


def _mode(status: HostStatus) -> Cells:
    return [("mode ", "ink--muted"), (status.mode.value, "ink--strong")]


def _codex(status: HostStatus) -> Cells:
    if not status.codex:
        return []
    name = safe_line(status.codex, limit=60)
    version = name if name.startswith("codex") else f"codex {name}"
    return [(version, "ink--muted")]
