"""Every action of the workbench, once: its key, its words, and when it applies.

The bindings, the footer, the palette and the help all come from this list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foredeck.app.screens.step_reasons import why_not_answer, why_not_retry
from foredeck.services.domain.states import ACTIVE_RUNS, FINAL_RUNS, RunState, StepState

if TYPE_CHECKING:
    from foredeck.services.domain.views import RunDetail, StepRow
from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which actions apply: the connection, the selection, and what is asked.

    `pane` is the one that has the focus.
    """

    connected: bool = False
    failed: bool = False
    run: RunDetail | None = None
    step: StepRow | None = None
    cancelling: bool = False
    asked: int = 0
    project_id: str | None = None
    pane: str = ""

    @property
    def aimed(self) -> StepRow | None:
        """The stage that a key in the graph is for."""
        return self.step if self.pane == "graph" else None


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do in the workbench.

    `action` is Textual's action string, `keys` its key list; `label` stands in the footer
    (empty: not shown there), `description` in the palette and the help.
    """

    action: str
    keys: str
    label: str
    description: str
    key_display: str | None = None

    @property
    def name(self) -> str:
        """The action without its parameters."""
        return self.action.partition("(")[0]

    @property
    def key_text(self) -> str:
        """The key as a person reads it."""
        return self.key_display or self.keys

    def to_binding(self, screen: str = "workbench") -> Binding:
        """Return the key binding; its id begins with the name of the screen."""
        return Binding(
            self.keys,
            self.action,
            self.label or self.description,
            show=bool(self.label),
            key_display=self.key_text,
            id=f"{screen}.{re.sub(r'[^a-z_]+', '.', self.action).strip('.')}",
        )


ACTIONS = (
    Action("answer", "a", "Answer", "Answer what the runs ask: leave for codex, questions"),
    Action("new_run", "n", "New run", "Start a run: choose a project, write the request"),
    Action("workflow", "w", "", "Run a workflow in the project: choose one, fill it in"),
    Action("retry", "r", "Retry", "Give what failed another attempt: the stage or the run"),
    Action("cancel", "c", "Cancel", "Stop the run and everything that works for it"),
    Action("pause", "p", "Pause", "Start nothing after the stage under way; or go on"),
    Action("prompt", "i", "", "Read or change what the stage will be told"),
    Action("skip", "x", "", "Leave the stage out; what needs it goes on"),
    Action("rerun", "R", "", "Run the stage and everything after it again"),
    Action("restart", "N", "", "Start a new run with the same request"),
    Action("budget", "B", "", "Show or raise what the run may use"),
    Action("steer", "s", "", "Say something to the codex of the run, now or later"),
    Action("jobs", "J", "", "Jobs and batches: what works, waits and has ended"),
    Action("audit", "A", "", "Audit: who did what, and whether the record is whole"),
    Action("tasks", "T", "", "Tasks: prompts to run again, by hand or by the clock"),
    Action("report", "o", "", "Read the report of the run, make one as a file"),
    Action("reports", "O", "", "Reports of all runs that are stored as files"),
    Action("transcript", "t", "Transcript", "Read the conversation of the agents"),
    Action("chat", "C", "", "Talk with an agent about the run or the project"),
    Action("files", "F", "", "The files that the project was given: add, delete"),
    Action("project_settings", "P", "", "What the project decides for its runs: model, budget"),
    Action("graph", "g", "Graph", "Switch between the output and the graph of the run"),
    Action("follow", "f", "Follow", "Follow the running stage and the end of its output"),
    Action("search", "slash", "Search", "Search in the output", "/"),
    Action("next_error", "e", "Next error", "Go to the next error in the output"),
    Action("previous_error", "E", "", "Go to the previous error in the output"),
    Action("toggle_tree", "b", "", "Show or hide the projects"),
    Action("focus_pane('projects')", "1", "", "Go to the projects"),
    Action("focus_pane('stages')", "2", "", "Go to the stages"),
    Action("focus_pane('output')", "3", "", "Go to the output"),
    Action("focus_pane('graph')", "4", "", "Go to the graph"),
    Action("reload", "ctrl+r", "", "Read everything again from the host"),
    Action("help", "question_mark", "Help", "Explain the pane that has the focus", "?"),
    Action("ask_quit", "q", "Quit", "Leave Foredeck"),
)

_RUN_ACTIONS = frozenset({"retry", "cancel", "steer", "transcript", "report", "graph", "follow"})
_INTERVENTIONS = frozenset({"pause", "prompt", "skip", "rerun", "restart", "budget"})
_OF_A_STAGE = frozenset({"prompt", "skip", "rerun"})
_SKIPPABLE = frozenset({StepState.PENDING, StepState.WAITING, StepState.RETRY, StepState.FAILED})
_OF_A_PROJECT = frozenset({"workflow", "files", "project_settings"})
_OUTPUT_ACTIONS = frozenset({"search", "next_error", "previous_error"})
_ALWAYS = frozenset({"ask_quit", "help"})
_RETRYABLE = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.PARTIAL_SUCCESS})

_ADJECTIVES = {
    RunState.SUCCESS: "finished",
    RunState.PARTIAL_SUCCESS: "partly finished",
    RunState.RETRY: "about to try again",
}


def why_not(action: str, situation: Situation) -> str:
    """Return why an action does not apply now, as a sentence, or an empty string if it does."""
    if action in _ALWAYS or (action == "reload" and situation.failed):
        return ""
    if not situation.connected:
        return "The data is not open yet." if not situation.failed else "The data is not open."
    if action == "answer" and situation.aimed is not None:
        return why_not_answer(situation.aimed, situation.asked)
    if action == "answer":
        return "" if situation.asked else "Nothing is asked just now."
    if action == "chat" and situation.run is None and situation.project_id is None:
        return "Select a project or a run first."
    if action in _OF_A_PROJECT and situation.project_id is None:
        return "Select a project first."
    if action in _RUN_ACTIONS:
        reason = _why_not_run(action, situation.run, situation.cancelling)
        aimed = situation.aimed if action == "retry" and not situation.cancelling else None
        return why_not_retry(aimed) if aimed is not None else reason
    if action in _INTERVENTIONS:
        return _why_not_intervene(action, situation)
    if action in _OUTPUT_ACTIONS:
        return _why_not_output(situation)
    return ""


def label_of(action: Action, situation: Situation) -> str:
    """Return the word of an action in the footer: the one key that pauses also resumes.

    Some stand there only while they are what a person may want next.
    """
    run = situation.run
    if run is None:
        # With a run, its own keys need the room.
        return "Workflow" if action.name == "workflow" else action.label
    if action.name == "pause" and can_resume(run):
        return "Resume"
    if action.name == "budget" and any(step.over_budget for step in run.steps):
        return "Raise the budget"
    return action.label


def can_resume(run: RunDetail) -> bool:
    """Whether the run is paused, or waits because a turn was lost."""
    return run.paused_at is not None or any(step.was_lost for step in run.steps)


def _why_not_intervene(action: str, situation: Situation) -> str:
    run, step = situation.run, situation.step
    if run is None:
        return "Select a run first."
    if situation.cancelling:
        return "The run is being cancelled."
    if action in _OF_A_STAGE and step is None:
        return "Select a stage first."
    state = run.run.state
    if action == "pause" and state not in ACTIVE_RUNS:
        return f"The run is {words(state)}: there is nothing to pause."
    if action == "rerun" and state not in FINAL_RUNS | {RunState.WAITING}:
        return f"The run is {words(state)}: pause it and let the stage under way end, or stop it."
    if action == "skip" and step is not None and step.state not in _SKIPPABLE:
        return f"The stage cannot be skipped: it is {step.state.value}."
    return ""


def _why_not_run(action: str, run: RunDetail | None, cancelling: bool) -> str:
    if run is None:
        return "Select a run first."
    return _why_not_run_state(action, run, cancelling)


def _why_not_run_state(action: str, run: RunDetail, cancelling: bool) -> str:
    state = run.run.state
    if cancelling and action in {"cancel", "retry"}:
        return "The run is being cancelled."
    if action == "cancel" and state not in ACTIVE_RUNS | {RunState.CREATED}:
        return f"The run is {words(state)} already: there is nothing to stop."
    if action == "steer" and state in FINAL_RUNS:
        return f"The run is {words(state)}: no codex works for it."
    if action == "retry" and not _can_retry(run):
        return f"The run is {words(state)}: nothing in it has failed."
    return ""


def _can_retry(run: RunDetail) -> bool:
    """Whether asking the host for a retry makes sense; the host has the last word."""
    if run.run.state in _RETRYABLE:
        return True
    failed = {StepState.FAILED, StepState.CANCELLED}
    ended_badly = any(step.state in failed or step.was_lost for step in run.steps)
    return run.run.state in ACTIVE_RUNS and ended_badly


def _why_not_output(situation: Situation) -> str:
    if situation.run is None:
        return "Select a run first."
    if situation.step is None or situation.step.output_path is None:
        return "This stage has no output yet."
    return ""


def words(state: RunState) -> str:
    """Return how a run stands as an adjective: it completes "the run is …"."""
    return _ADJECTIVES.get(state, state.value)
