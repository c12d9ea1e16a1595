"""The line under a list in which a person types words to filter it by."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class FilterBar(Horizontal):
    """Hidden until it is opened; the list follows every letter. Enter keeps the filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "No filter"),
        Binding("down", "keep", "To the list", show=False, priority=True),
    ]

    class Filtered(Message):
        """The words have changed; empty: everything is listed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The person goes on in the list."""

    def __init__(self) -> None:
        super().__init__(id="filter")
        self.display = False

    def compose(self) -> ComposeResult:
        yield Label("/", id="filter-mark")
        # Disabled while hidden, so that tab never lands in it.
        yield Input(id="filter-text", compact=True, disabled=True)

    @property
    def text(self) -> str:
        """The words to filter by."""
        return self._input.value

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def open(self) -> None:
        """Show the bar and put the cursor into it."""
        self.display = True
        self._input.disabled = False
        self._input.focus()

    def put(self, text: str) -> None:
        """Filter by these words, without the cursor in the bar."""
        self.display = True
        self._input.value = text

    def clear(self) -> None:
        """Take the filter away without a word to anybody."""
        with self._input.prevent(Input.Changed):
            self._input.value = ""
        self.display = False
        self._input.disabled = True

    def action_clear(self) -> None:
        """Take the filter away."""
        self.clear()
        self.post_message(self.Filtered(""))
        self.post_message(self.Left())

    def action_keep(self) -> None:
        """Go on in the list; an empty filter goes away."""
        if not self.text.strip():
            self.action_clear()
        else:
            self.post_message(self.Left())

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self.post_message(self.Filtered(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()
