"""Which keys of the screen of tasks apply now, and why the others do not."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from foredeck.app.screens.actions import Action
from foredeck.app.screens.offers import Offers
from foredeck.app.screens.task_keys import (
    TASK_ACTIONS,
    TaskSituation,
    label_of_task,
    why_not_task,
)


class TaskOffers(Offers[str]):
    """Has the keys of `TASK_ACTIONS`; a subclass says what its `situation` is, and does them."""

    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("tasks") for a in TASK_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = TASK_ACTIONS

    @property
    def situation(self) -> TaskSituation:
        """What decides which actions apply."""
        raise NotImplementedError

    @property
    def typing(self) -> bool:
        """Whether a filter is being typed."""
        return self.situation.typing

    def reason(self, action: str) -> str:
        """Return why an action, as Textual writes it, does not apply now; empty if it does."""
        return why_not_task(action.partition("(")[0], self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_task(action, self.situation)
