"""What happened while no dashboard was open; enter goes to the run that it is about."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.away import Away, AwayItem, AwayKind, headline
from foredeck.services.domain.safe_text import safe_line
from foredeck.widgets.formats import age

# Each with a glyph of one cell and a word, so that no meaning hangs on colour.
_LOOKS = {
    AwayKind.WAITING: ("◆", "waits", "$state-waiting"),
    AwayKind.FAILED: ("✗", "failed", "$state-failed"),
    AwayKind.DUE_FAILED: ("!", "no run", "$state-failed"),
    AwayKind.MISSED: ("!", "missed", "$state-retry"),
    AwayKind.SKIPPED: ("!", "skipped", "$state-retry"),
    AwayKind.SUCCEEDED: ("✓", "success", "$state-success"),
    AwayKind.CANCELLED: ("■", "cancelled", "$state-cancelled"),
    AwayKind.REPORT: ("≡", "report", "$ink-muted"),
}
_WORD_WIDTH = max(len(word) for _, word, _ in _LOOKS.values())
_WHAT_LENGTH = 60
_LINE_LENGTH = 300


class AwayDialog(Dialog[str]):
    """Answers with the id of the run that a person wants to see."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "give_up", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, away: Away) -> None:
        super().__init__("While you were away")
        self._away = away

    def compose_body(self) -> ComposeResult:
        yield Static(f"{headline(self._away)}.", id="away-headline", markup=False)
        options = [Option(self._line(item)) for item in self._away.items]
        if (more := self._away.unlisted) > 0:
            options.append(Option(f"… and {more:,} more: foredeck away", disabled=True))
        yield OptionList(*options, id="away-items", markup=False)
        yield Static("enter opens the run, escape closes", id="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self.query_one("#away-items").focus()

    def action_move(self, by: int) -> None:
        listed = self.query_one("#away-items", OptionList)
        (listed.action_cursor_down if by > 0 else listed.action_cursor_up)()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        run_id = self._away.items[event.option_index].run_id
        if run_id is None:
            self.notify("There is no run: it was never begun.", markup=False)
        else:
            self.dismiss(run_id)

    def _line(self, item: AwayItem) -> Content:
        glyph, word, colour = _LOOKS[item.kind]
        what = safe_line(item.title, limit=_WHAT_LENGTH)
        more = " · ".join(filter(None, (item.project_name, item.more)))
        return Content.assemble(
            (f"{glyph} {word:<{_WORD_WIDTH}}", colour),
            f" {age(item.at, self._away.until):>3} ",
            f"{what}  ",
            (safe_line(more, limit=_LINE_LENGTH), "$ink-muted"),
        )
