"""Asks before a job or a batch is ended, and takes the reason."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from foredeck.app.screens.modals.confirm import ChoiceDialog, button
from foredeck.services.domain.safe_text import safe_text


class CancelJobDialog(ChoiceDialog[str]):
    """Answers with the reason, which may be empty; None for who does not want to.

    The safe answer has the focus, so that a stray enter changes nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer", "Cancel it"),
        Binding("n", "give_up", "Back", show=False),
        Binding("ctrl+s", "answer", "Cancel it", show=False),
    ]
    GIVEN_UP = None

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="dialog-lines", can_focus=False):
            for line in self._preview.lines:
                text = Content.assemble(("• ", "$ink-muted"), Content(safe_text(line)))
                yield Static(text, classes="dialog-line")
        yield Label("Reason", classes="field")
        yield Input(placeholder="none needed; tab leads here", id="reason")
        with Horizontal(id="dialog-buttons"):
            yield button("y", "Cancel it", "yes", "error")
            yield button("n", "Back", "no")

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#yes").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_answer if event.button.id == "yes" else self.action_give_up)()

    def action_answer(self) -> None:
        self.dismiss(self.query_one("#reason", Input).value.strip())
