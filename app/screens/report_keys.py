"""Every action of the screen of reports, once: its key, its words, and when it applies."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.app.screens.actions import Action
from foredeck.services.domain.reports import ReportRow

REPORT_ACTIONS = (
    Action("create", "n", "New report", "Make a report about the run as a file: HTML, PDF, JSON"),
    Action("save", "s", "Save a copy", "Save a copy of the file somewhere else"),
    Action("open_file", "o", "Open", "Open the file with the system's program for it"),
    Action("copy_path", "y", "Copy path", "Copy the path of the file"),
    Action("delete", "d", "Delete", "Delete the file; the run stays"),
    Action("go_to_run", "r", "Go to run", "Go to the run on the workbench"),
    Action("search", "slash", "Filter", "Filter the list by title, task, project and format", "/"),
    Action("all_runs", "v", "All runs", "List the reports of all runs, or only of this one"),
    Action("focus_list", "1", "", "Go to the list of files"),
    Action("focus_report", "2", "", "Go to the report as text"),
    Action("reload", "ctrl+r", "", "Read everything again from the host"),
    Action("help", "question_mark", "Help", "Explain the pane that has the focus", "?"),
    Action("close", "escape", "Back", "Back to where you came from (so does O)", "esc"),
    Action("leave", "O", "", "Back to where you came from"),
    Action("ask_quit", "q", "", "Leave Foredeck"),
)

_OF_A_FILE = frozenset({"save", "open_file", "copy_path", "delete"})
_OF_A_RUN = frozenset({"create", "go_to_run"})


@dataclass(frozen=True, slots=True)
class ReportSituation:
    """What decides which actions apply; `row` is the file under the cursor.

    `run_id` is the run whose report is on display, `only` that only its files are listed;
    `no_display` says why no file can be opened here. `typing` is about the filter.
    """

    connected: bool = False
    row: ReportRow | None = None
    run_id: str | None = None
    only: bool = False
    no_display: str = ""
    typing: bool = False


def why_not_report(action: str, situation: ReportSituation) -> str:
    """Return why an action does not apply now, as a sentence, or an empty string if it does."""
    if action in {"create", "delete"} and not situation.connected:
        return "The data is not open."
    if action in _OF_A_RUN and situation.run_id is None:
        return "Select a report first, or come here from a run."
    if action in _OF_A_FILE and situation.row is None:
        return "There is no file of this report yet: n makes one."
    if action == "open_file":
        return situation.no_display
    if action == "all_runs" and not situation.only and situation.run_id is None:
        return "The reports of all runs are listed already."
    if action == "focus_report" and situation.run_id is None:
        return "There is no report to read."
    return ""


def label_of_report(action: Action, situation: ReportSituation) -> str:
    """Return the word of an action in the footer."""
    if action.name == "all_runs" and not situation.only:
        return "This run"
    return action.label
