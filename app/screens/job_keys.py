"""Every action of the screen of jobs, once: its key, its words, and when it applies."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.app.screens.actions import Action
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.jobs import Priority
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.widgets.state_style import look_of

JOB_ACTIONS = (
    Action("new_job", "n", "New job", "Submit a command as a job"),
    Action("execute", "x", "Execute", "Queue the job that is held"),
    Action("cancel", "c", "Cancel", "End the job, or all of the batch, and what it started"),
    Action("retry", "r", "Retry", "Try again what failed, timed out or was lost"),
    Action("prioritise(1)", "plus", "", "Raise the priority of the job that waits", "+"),
    Action("prioritise(-1)", "minus", "", "Lower the priority of the job that waits", "-"),
    Action("pause", "p", "Pause", "Start no more jobs, or go on; what works goes on"),
    Action("limit", "l", "Limit", "Change how many jobs work at once"),
    Action("search", "slash", "Filter", "Filter the list; in the output, search it", "/"),
    Action("sort", "s", "Sort", "List by turn, the newest first, or the longest first"),
    Action("shown", "v", "View", "List all, or only what has not ended, failed, or ended"),
    Action("other_output", "o", "Stderr", "Switch between stdout and stderr"),
    Action("follow", "f", "Follow", "Follow the end of the output, or stop following"),
    Action("next_error", "e", "Next error", "Go to the next error in the output"),
    Action("previous_error", "E", "", "Go to the previous error in the output"),
    Action("focus_list", "1", "", "Go to the list"),
    Action("focus_job", "2", "", "Go to the job and its output"),
    Action("reload", "ctrl+r", "", "Read everything again from the host"),
    Action("help", "question_mark", "Help", "Explain the pane that has the focus", "?"),
    Action("close", "escape", "Back", "Back to where you came from (so does J)", "esc"),
    Action("leave", "J", "", "Back to where you came from"),
    Action("ask_quit", "q", "", "Leave Foredeck"),
)

_OF_A_JOB = frozenset({"execute", "cancel", "retry", "prioritise"})
_OF_OUTPUT = frozenset({"other_output", "follow", "next_error", "previous_error"})
_OF_THE_LIST = frozenset({"sort", "shown"})
_OF_THE_HOST = _OF_A_JOB | {"new_job", "pause", "limit"}
_RETRIED = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.LOST})
_WAITING = frozenset({JobState.PENDING, JobState.QUEUED})


@dataclass(frozen=True, slots=True)
class JobSituation:
    """What decides which actions apply; `row` is the job under the cursor.

    `output` says that its output is on screen, `errors` that this is stderr, `split` that there
    are two; `in_output` is about the focus, `typing` says that a filter or a search is being
    typed, `listed` that the list is on screen.
    """

    connected: bool = False
    row: JobRow | None = None
    paused: bool = False
    output: bool = False
    split: bool = False
    errors: bool = False
    in_output: bool = False
    typing: bool = False
    listed: bool = True


def why_not_job(action: str, situation: JobSituation, step: int = 0) -> str:
    """Return why an action does not apply now, as a sentence, or an empty string if it does.

    `step` is that of a change of priority: 1 or -1, 0 for either.
    """
    if action in _OF_THE_HOST and not situation.connected:
        return "The data is not open."
    if action in _OF_A_JOB:
        return _why_not_row(action, situation, step)
    if action in _OF_OUTPUT and not situation.output:
        return "No output is on screen: enter on a job shows its own."
    if action == "other_output" and not situation.split:
        return "This job has one output only."
    if action in _OF_THE_LIST and not situation.listed:
        return "The list is not on screen: escape goes there."
    return ""


def label_of_job(action: Action, situation: JobSituation) -> str:
    """Return the word of an action in the footer: the one key that pauses also goes on."""
    if action.name == "pause" and situation.paused:
        return "Go on"
    if action.name == "search" and situation.in_output:
        return "Search"
    if action.name == "other_output" and situation.errors:
        return "Stdout"
    if action.action == "prioritise(1)" and _waits(situation.row):
        return "Priority up"
    if action.action == "prioritise(-1)" and _waits(situation.row):
        return "down"
    return action.label


def _waits(row: JobRow | None) -> bool:
    """Whether a job, or one of a batch, waits for its turn."""
    if row is None or row.priority is None:
        return False
    return row.counts.pending > 0 if row.counts is not None else row.state in _WAITING


def _why_not_row(action: str, situation: JobSituation, step: int) -> str:
    row = situation.row
    if row is None:
        return "Select a job first."
    if row.run_id is not None:
        return "The job belongs to a run: enter goes to its stage, and it is directed there."
    it = "The batch" if row.counts is not None else "The job"
    word = look_of(row.state).word
    if action == "execute" and row.state is not JobState.PENDING:
        return f"{it} is {word}: only a held one is executed."
    if action == "cancel" and row.state in FINAL_JOBS:
        return f"{it} is {word} already: there is nothing to cancel."
    if action == "retry":
        return _why_not_retry(row)
    if action == "prioritise":
        return _why_not_prioritise(row, step, it)
    return ""


def _why_not_retry(row: JobRow) -> str:
    if row.counts is not None:
        return "" if row.counts.has_failures else "Nothing in the batch has failed."
    if row.state not in _RETRIED:
        word = look_of(row.state).word
        return f"The job is {word}: only a failed, timed out or lost one is retried."
    return ""


def _why_not_prioritise(row: JobRow, step: int, it: str) -> str:
    if not _waits(row) or row.priority is None:
        return f"{it} is {look_of(row.state).word}: its priority changes nothing now."
    if step and not 0 <= row.priority.level + step < len(Priority):
        end = "highest" if step > 0 else "lowest"
        return f"{row.priority.value.capitalize()} is the {end} priority."
    return ""


def stepped(priority: Priority, step: int) -> Priority:
    """Return the priority so many levels higher (or lower)."""
    return list(Priority)[max(0, min(priority.level + step, len(Priority) - 1))]
