"""Every action of the screen of tasks, once: its key, its words, and when it applies."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.app.screens.actions import Action
from foredeck.services.domain.tasks import TaskLine

TASK_ACTIONS = (
    Action("new_task", "n", "New task", "Make a task: a prompt to run again and again"),
    Action("execute", "x", "Execute", "Run the task: fill in its variables, see the prompt"),
    Action("edit", "e", "Edit", "Change the task: prompt, schedule, report, the rest"),
    Action("switch", "t", "Switch off", "Switch the task on or off; off, nothing executes it"),
    Action("delete", "d", "Delete", "Take the task off the list; its runs stay"),
    Action("undo", "u", "", "Bring back this deleted task, or the last deleted"),
    Action("pause", "p", "Pause all", "Let no schedule start anything, or go on"),
    Action("report", "o", "Report", "Read the report of the execution, or of the last one"),
    Action("search", "slash", "Filter", "Filter the list by name, tag and project", "/"),
    Action("sort", "s", "Sort", "List the newest first, by name, or by what is due next"),
    Action("shown", "v", "View", "List all, or only the scheduled, failed, off, deleted"),
    Action("focus_list", "1", "", "Go to the list"),
    Action("focus_task", "2", "", "Go to the task and its executions"),
    Action("reload", "ctrl+r", "", "Read everything again from the host"),
    Action("help", "question_mark", "Help", "Explain the pane that has the focus", "?"),
    Action("close", "escape", "Back", "Back to where you came from (so does T)", "esc"),
    Action("leave", "T", "", "Back to where you came from"),
    Action("ask_quit", "q", "", "Leave Foredeck"),
)

_OF_A_TASK = frozenset({"execute", "edit", "switch", "delete"})
_OF_THE_LIST = frozenset({"sort", "shown"})
_OF_THE_HOST = _OF_A_TASK | {"new_task", "undo", "pause"}


@dataclass(frozen=True, slots=True)
class TaskSituation:
    """What decides which actions apply; `row` is the task under the cursor.

    `undoable` says that a task was deleted here and can come back, `scheduled` counts the tasks
    with a schedule, `paused` says that all of them are. `run_id` is the run whose report is
    asked for. `typing` says that a filter is being typed, `listed` that the list is on screen.
    """

    connected: bool = False
    row: TaskLine | None = None
    undoable: bool = False
    scheduled: int = 0
    paused: bool = False
    run_id: str | None = None
    typing: bool = False
    listed: bool = True


def why_not_task(action: str, situation: TaskSituation) -> str:
    """Return why an action does not apply now, as a sentence, or an empty string if it does."""
    if action in _OF_THE_HOST and not situation.connected:
        return "The data is not open."
    if action in _OF_A_TASK:
        return _why_not_row(action, situation.row)
    if action == "undo" and not _can_restore(situation):
        return "No task was deleted here; v lists those that were deleted before."
    if action == "pause" and not (situation.scheduled or situation.paused):
        return "No task has a schedule: there is nothing to pause."
    if action == "report" and situation.run_id is None:
        return "There is no execution to read about: x executes the task."
    if action in _OF_THE_LIST and not situation.listed:
        return "The list is not on screen: escape goes there."
    return ""


def label_of_task(action: Action, situation: TaskSituation) -> str:
    """Return the word of an action in the footer: the one key that pauses also goes on."""
    row = situation.row
    if action.name == "pause" and situation.paused:
        return "Go on"
    if action.name == "switch" and row is not None and not row.task.active:
        return "Switch on"
    if action.name == "undo" and _can_restore(situation):
        return "Bring back"
    return action.label


def _can_restore(situation: TaskSituation) -> bool:
    row = situation.row
    return situation.undoable or (row is not None and row.task.deleted_at is not None)


def _why_not_row(action: str, row: TaskLine | None) -> str:
    if row is None:
        return "Select a task first."
    if row.task.deleted_at is not None:
        return "The task is deleted: u brings it back."
    if action == "execute" and not row.task.active:
        return "The task is switched off: t switches it on."
    return ""
