"""Asks how much a retry of a stage repeats, and says of each choice what it will do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Preview


class Retry(StrEnum):
    """How much is tried again."""

    STEP = "step"
    DOWNSTREAM = "downstream"
    ALL = "all"


_WORDS = {
    Retry.STEP: "This stage only",
    Retry.DOWNSTREAM: "This stage and everything after it",
    Retry.ALL: "All failed stages",
}


class RetryDialog(Dialog[Retry]):
    """Shows the preview of the choice under the cursor; enter takes it, if it is possible."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go_to(0)", show=False),
        Binding("2", "go_to(1)", show=False),
        Binding("3", "go_to(2)", show=False),
        Binding("n", "give_up", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("pagedown", "scroll_lines(8)", show=False, priority=True),
        Binding("pageup", "scroll_lines(-8)", show=False, priority=True),
    ]

    def __init__(self, step_title: str, previews: Mapping[Retry, Preview]) -> None:
        super().__init__(f"Retry {safe_line(step_title, limit=50)}?")
        self._previews = previews

    def compose_body(self) -> ComposeResult:
        options = [
            Option(Content.assemble((f"{number} ", "bold"), words), id=choice)
            for number, (choice, words) in enumerate(_WORDS.items(), 1)
        ]
        yield OptionList(*options, id="choices", markup=False)
        with VerticalScroll(id="dialog-lines", can_focus=False):
            yield Static(self._lines(Retry.STEP), id="choice-lines", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Retry (enter) ", variant="primary", id="take", compact=True)
            yield Button(" Leave it (esc) ", id="leave", compact=True)

    def on_mount(self) -> None:
        self._choices.highlighted = 0
        self._choices.focus()

    @property
    def _choices(self) -> OptionList:
        return self.query_one("#choices", OptionList)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        choice = Retry(event.option.id or "")
        self.query_one("#choice-lines", Static).update(self._lines(choice))
        self.query_one("#take").disabled = not self._previews[choice].possible

    def _lines(self, choice: Retry) -> Content:
        preview = self._previews[choice]
        lines = preview.lines if preview.possible else (f"Not now: {preview.reason}",)
        return Content("\n").join(
            Content.assemble(("• ", "$ink-muted"), safe_text(line)) for line in lines
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self._take if event.button.id == "take" else self.action_give_up)()

    def action_go_to(self, index: int) -> None:
        """Go to a choice: what it will do is read before enter does it."""
        self._choices.highlighted = index
        self._choices.focus()

    def action_move(self, by: int) -> None:
        (self._choices.action_cursor_down if by > 0 else self._choices.action_cursor_up)()

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one("#dialog-lines").scroll_relative(y=lines, animate=False)

    def _take(self) -> None:
        """Answer with the choice under the cursor, if it is possible."""
        choice = list(_WORDS)[self._choices.highlighted or 0]
        if self._previews[choice].possible:
            self.dismiss(choice)
