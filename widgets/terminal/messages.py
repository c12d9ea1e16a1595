"""What the output pane tells the screen it is on."""

from __future__ import annotations

from textual.message import Message
from textual.widget import Widget


class PaneMessage(Message):
    """A message of one output pane."""

    def __init__(self, pane: Widget) -> None:
        super().__init__()
        self.pane = pane

    @property
    def control(self) -> Widget:
        """The output pane."""
        return self.pane


class FollowChanged(PaneMessage, namespace="output_pane"):
    """The pane follows the end of the output, or has stopped to."""

    def __init__(self, pane: Widget, follow: bool) -> None:
        super().__init__(pane)
        self.follow = follow


class Moved(PaneMessage, namespace="output_pane"):
    """Another part is in sight: first line (from 1), number of lines, percent seen so far."""

    def __init__(self, pane: Widget, line: int, lines: int, percent: int) -> None:
        super().__init__(pane)
        self.line = line
        self.lines = lines
        self.percent = percent


class SearchProgress(PaneMessage, namespace="output_pane"):
    """How the search stands; `summary` says it in words."""

    def __init__(self, pane: Widget, summary: str, *, found: bool, done: bool) -> None:
        super().__init__(pane)
        self.summary = summary
        self.found = found
        self.done = done


class ErrorShown(PaneMessage, namespace="output_pane"):
    """A jump to an error has ended; `line` (from 1) is None if there was no further one."""

    def __init__(self, pane: Widget, line: int | None, *, forward: bool) -> None:
        super().__init__(pane)
        self.line = line
        self.forward = forward

    @property
    def summary(self) -> str:
        """The outcome in words."""
        if self.line is not None:
            return f"Error in line {self.line:,}."
        return f"No {'further' if self.forward else 'earlier'} error in this output."
