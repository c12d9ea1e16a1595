"""The line under the output in which a person types what to look for."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class SearchBar(Horizontal):
    """Hidden until it is opened; says what to search while the person types."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the input's own up and down would hide these from the footer, and the
        # application's ctrl+p opens the palette.
        Binding("up", "step(-1)", "Previous match", key_display="↑", priority=True),
        Binding("down", "step(1)", "Next match", key_display="↓", priority=True),
        Binding("escape", "close", "Close search"),
        Binding("ctrl+n", "step(1)", "Next match", show=False),
        Binding("ctrl+p", "step(-1)", "Previous match", show=False, priority=True),
    ]

    class Searched(Message):
        """The text to search for has changed; empty: no search."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Stepped(Message):
        """Go to the next match (`forward`) or the previous one."""

        def __init__(self, forward: bool) -> None:
            super().__init__()
            self.forward = forward

    class Closed(Message):
        """The bar was closed; the search is over."""

    def __init__(self) -> None:
        super().__init__(id="search")
        self.display = False

    def compose(self) -> ComposeResult:
        yield Label("/", id="search-mark")
        # Disabled while hidden, so that tab never lands in it.
        yield Input(id="search-text", compact=True, disabled=True)
        yield Label("", id="search-result", markup=False)

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def open(self) -> None:
        """Show the bar and put the cursor into it."""
        self.display = True
        self._input.disabled = False
        self._input.focus()

    def say(self, result: str) -> None:
        """Show how the search went."""
        self.query_one("#search-result", Label).update(result)

    def action_close(self) -> None:
        self._input.value = ""
        self._input.disabled = True
        self.display = False
        self.say("")
        self.post_message(self.Closed())

    def action_step(self, direction: int) -> None:
        self.post_message(self.Stepped(direction > 0))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self.post_message(self.Searched(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Stepped(True))
