"""What the graph tells the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from foredeck.widgets.dag.view import DagView


class GraphMessage(Message):
    """Something about the graph `view`."""

    def __init__(self, view: DagView) -> None:
        super().__init__()
        self.view = view

    @property
    def control(self) -> DagView:
        return self.view


class StepMessage(GraphMessage):
    """Something about one step of the graph."""

    def __init__(self, view: DagView, step_key: str) -> None:
        super().__init__(view)
        self.step_key = step_key
