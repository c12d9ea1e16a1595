"""Asks before something that cannot be undone, and says exactly what it will do."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Preview


class ConfirmDialog(Dialog[bool]):
    """Shows a preview; the answer is True only for an explicit yes.

    The safe answer has the focus, so that a stray enter changes nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
        Binding("left,right,h,l", "other_button", show=False),
        Binding("down,j", "scroll_lines(1)", show=False),
        Binding("up,k", "scroll_lines(-1)", show=False),
    ]

    def __init__(self, preview: Preview, *, yes: str, no: str, dangerous: bool = True) -> None:
        super().__init__(safe_line(preview.title))
        self._preview = preview
        self._yes, self._no = yes, no
        self._dangerous = dangerous

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="dialog-lines", can_focus=False):
            for line in self._preview.lines:
                text = Content.assemble(("• ", "$ink-muted"), Content(safe_text(line)))
                yield Static(text, classes="dialog-line")
        with Horizontal(id="dialog-buttons"):
            yes = Button(_with_key("y", self._yes), id="yes", compact=True)
            yes.variant = "error" if self._dangerous else "primary"
            yield yes
            yield Button(_with_key("n", self._no), id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no" if self._dangerous else "#yes").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)

    def action_give_up(self) -> None:
        self.dismiss(False)

    def action_other_button(self) -> None:
        self.focus_next()

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one("#dialog-lines").scroll_relative(y=lines, animate=False)


def _with_key(key: str, label: str) -> Content:
    return Content.assemble(" ", (key, "bold"), f" {label} ")
