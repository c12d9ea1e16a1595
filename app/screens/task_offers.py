"""The keys of the screen of tasks: which apply now, and what a person does with them to tasks."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from foredeck.app.screens.actions import Action
from foredeck.app.screens.list_screen import ListScreen
from foredeck.app.screens.task_actions import TaskActions
from foredeck.app.screens.task_keys import (
    TASK_ACTIONS,
    TaskSituation,
    label_of_task,
    why_not_task,
)
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.tasks import TaskLine


class TaskOffers(ListScreen[str]):
    """Has the keys of `TASK_ACTIONS`, and does what needs the host; a subclass shows the tasks."""

    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("tasks") for a in TASK_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = TASK_ACTIONS

    def __init__(self, project_id: str | None) -> None:
        super().__init__()
        self.dialogs = TaskActions(self, project_id)

    # --- what a subclass says ---------------------------------------------------------

    @property
    def situation(self) -> TaskSituation:
        """What decides which actions apply."""
        raise NotImplementedError

    @property
    def row(self) -> TaskLine | None:
        """The task under the cursor."""
        raise NotImplementedError

    def go_to(self, task_id: str) -> None:
        """Put the cursor on a task as soon as it is listed."""
        raise NotImplementedError

    def action_focus_task(self) -> None:
        """Go to the task under the cursor and its executions."""
        raise NotImplementedError

    # --- which actions apply ----------------------------------------------------------

    def reason(self, action: str) -> str:
        """Return why an action, as Textual writes it, does not apply now; empty if it does."""
        return why_not_task(action.partition("(")[0], self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_task(action, self.situation)

    # --- actions ----------------------------------------------------------------------

    def action_new_task(self) -> None:
        self.do(self._create())

    async def _create(self) -> None:
        row = await self.dialogs.create()
        if row is not None:
            self.go_to(row.id)

    def action_execute(self) -> None:
        self.do(self._execute())

    async def _execute(self) -> None:
        """Show the task with its new execution."""
        if await self.dialogs.execute(self._selected()) is not None:
            self.action_focus_task()

    def action_edit(self) -> None:
        self.do(self.dialogs.edit(self._selected()))

    def action_switch(self) -> None:
        self.do(self.dialogs.switch(self._selected()))

    def action_delete(self) -> None:
        self.do(self.dialogs.delete(self._selected()))

    def action_undo(self) -> None:
        row = self.row
        self.do(self._restore(row if row is not None and row.task.deleted_at else None))

    async def _restore(self, row: TaskLine | None) -> None:
        self.go_to((await self.dialogs.restore(row)).id)

    def action_pause(self) -> None:
        self.do(self.dialogs.pause(paused=not self.situation.paused))

    def _selected(self) -> TaskLine:
        if self.row is None:
            raise NotFound("No task is selected.")
        return self.row
