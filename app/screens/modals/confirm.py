"""Asks before something that cannot be undone, and says exactly what it will do."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static
from textual.widgets.button import ButtonVariant

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Preview

T = TypeVar("T")


class ChoiceDialog(Dialog[T], Generic[T]):
    """Shows a preview and buttons; `GIVEN_UP` is the answer of who only wants to get out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,right,h,l", "other_button", show=False),
        Binding("down,j", "scroll_lines(1)", show=False),
        Binding("up,k", "scroll_lines(-1)", show=False),
        Binding("pagedown", "scroll_lines(10)", show=False),
        Binding("pageup", "scroll_lines(-10)", show=False),
    ]
    GIVEN_UP: ClassVar[object]

    def __init__(self, preview: Preview) -> None:
        super().__init__(safe_line(preview.title))
        self._preview = preview

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="dialog-lines", can_focus=False):
            for line in self._preview.lines:
                text = Content.assemble(("• ", "$ink-muted"), Content(safe_text(line)))
                yield Static(text, classes="dialog-line")
        with Horizontal(id="dialog-buttons"):
            yield from self.compose_buttons()

    def compose_buttons(self) -> ComposeResult:
        """Yield the answers, the safe one last."""
        yield from ()

    def action_give_up(self) -> None:
        self.dismiss(self.GIVEN_UP)  # type: ignore[arg-type]

    def action_other_button(self) -> None:
        self.focus_next()

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one("#dialog-lines").scroll_relative(y=lines, animate=False)


class ConfirmDialog(ChoiceDialog[bool]):
    """The answer is True only for an explicit yes.

    The safe answer has the focus, so that a stray enter changes nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
    ]
    GIVEN_UP = False

    def __init__(self, preview: Preview, *, yes: str, no: str, dangerous: bool = True) -> None:
        super().__init__(preview)
        self._yes, self._no = yes, no
        self._dangerous = dangerous

    def compose_buttons(self) -> ComposeResult:
        yield button("y", self._yes, "yes", "error" if self._dangerous else "primary")
        yield button("n", self._no, "no")

    def on_mount(self) -> None:
        self.query_one("#no" if self._dangerous else "#yes").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


def button(key: str, label: str, id_: str, variant: ButtonVariant = "default") -> Button:
    """Return a button that says which key presses it."""
    text = Content.assemble(" ", (key, "bold"), f" {label} ")
    return Button(text, id=id_, variant=variant, compact=True)
