"""What every dialog has in common: a framed box over the dimmed workbench."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.types import CSSPathType
from textual.widgets import Static

from foredeck.app.screens.prompt import PromptScreen

T = TypeVar("T")


class Dialog(PromptScreen[T], ModalScreen[T], Generic[T]):
    """A modal box with a title; escape gives the answer `None`."""

    CSS_PATH: ClassVar[CSSPathType | None] = "../../../styles/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Back")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = None
            yield Static(self._title, id="dialog-title", markup=False)
            yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """Yield what stands under the title."""
        yield from ()

    def action_give_up(self) -> None:
        self.dismiss(None)
