"""Explains the pane that has the focus, and lists every key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from foredeck.app.screens.modals.dialog import Dialog

_TOPICS = {
    "projects": (
        "Projects",
        "Your projects with their runs, newest first. Up and down (or j and k) move, enter "
        "selects a run or opens and closes a project. The output and the stages show what is "
        "selected here.",
    ),
    "stages": (
        "Stages",
        "The stages of the selected run: state, attempts, time and tokens. Moving here chooses "
        "whose output is shown; f goes back to following the running stage. Space unfolds what a "
        "stage came to: its summary, or why it failed and what to do. On a failed stage r asks "
        "how much to try again, on a waiting gate a answers that one; else both are for the run.",
    ),
    "output": (
        "Output",
        "Everything the selected stage and its codex turns said and did, as it happens. Scroll "
        "with the arrows, page keys, home and end (or j, k and G); / searches, e and E go from "
        "error to error, f follows the end. A line that ends with › goes on: right and left (or "
        "l and h) move along it.",
    ),
    "graph": (
        "Graph",
        "The run as a graph: each box is a stage, each line a dependency. The arrows "
        "(or h, j, k, l) move along the lines from box to box, and every key for a stage, r and "
        "a among them, is for the one you are on. Space unfolds what it came to: why it failed "
        "and what to do. Heavy "
        "lines are the critical path, the chain that takes longest. + and - zoom, 0 fits, shift "
        "and an arrow pan. v shows the stages as a list instead.",
    ),
    "chat": (
        "Chat",
        "A talk with one agent about the run or the project. It looks into the workspace and "
        "changes nothing; its answer appears while it comes, and everything is kept.",
    ),
    "jobs": (
        "Jobs",
        "Every command that is watched over and every codex turn: first what works, then what "
        "waits in the order in which it will start, then what is held, then what has ended. "
        "Enter shows a job and its output as it comes, goes into a batch, or goes to the stage of "
        "a job that belongs to a run. A batch is one row, which says how many of its jobs have "
        "ended, and how many of them badly; c and r there are for all of it.",
    ),
    "batch": (
        "Batch",
        "The jobs of one batch, with how they stand in the first lines. Every key is for the job "
        "you are on; escape goes back to all jobs, where c and r are for the whole batch.",
    ),
    "job": (
        "Job",
        "What the job was to do and how it fares, and what it prints as it comes. Scroll with the "
        "arrows, page keys, home and end (or j, k and G); o switches between stdout and stderr, / "
        "searches, e and E go from error to error, f follows the end. Escape goes to the list.",
    ),
    "audit": (
        "Audit",
        "Who did what: every command, and every change of a run, step or job, newest first. Enter "
        "shows a row whole, with what was before and after. / filters by words and by "
        "severity:error, actor:ada, action:job, resource:run:ID, trace:ID, since:2h, "
        "until:2026-11-28. Each row is sealed with the one before it: v computes all seals anew "
        "and shows the first row that was changed.",
    ),
    "tasks": (
        "Tasks",
        "Prompts that are run again and again: by hand, or by the clock. The list says whether "
        "each is on, when it is due next, how the last execution ended, and how many went well "
        "and badly. Enter shows a task with its prompt, its schedule and its executions.",
    ),
    "task": (
        "Task",
        "All about one task. Up and down go through it; space unfolds a long prompt. Enter on an "
        "execution goes to its run, o reads its report. At the end stand the due times "
        "that did not simply start a run, with the reason. Escape goes to the list.",
    ),
    "reports": (
        "Reports",
        "The reports that are stored as files, newest first. Enter reads the report of that run "
        "as it would be written now; s saves a copy of the file, y copies its path.",
    ),
    "report": (
        "Report",
        "What a report says about the run: first what went wrong, then what it came to, the "
        "verdict, the steps. The long parts are folded: space unfolds what the cursor is on, z "
        "all sections; [ and ] go from section to section. n makes a file of it.",
    ),
    "transcript": (
        "Transcript",
        "The conversation of the agents: what was asked, what they answered, and every tool "
        "call with its result. It grows while they work.",
    ),
}


class HelpDialog(Dialog[None]):
    """The help of one pane; `keys` are (key, what it does) of the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "give_up", "Back", show=False)
    ]

    def __init__(self, topic: str, keys: Sequence[tuple[str, str]]) -> None:
        title, self._text = _TOPICS.get(topic, ("Foredeck", ""))
        super().__init__(f"Help: {title}" if self._text else "Help")
        self._keys = keys

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="dialog-lines"):
            if self._text:
                yield Static(self._text, classes="dialog-paragraph", markup=False)
            yield Static(self._table(), id="help-keys")
        yield Static("escape closes", id="dialog-hint", markup=False)

    def _table(self) -> Content:
        width = max((len(key) for key, _ in self._keys), default=0)
        lines = [
            Content.assemble((key.rjust(width), "bold $accent"), "  ", Content(text))
            for key, text in self._keys
        ]
        return Content("\n").join(lines)
