"""The fields of the form of a task: what each is called, hints at, and can be chosen from."""

from __future__ import annotations

from typing import NamedTuple

from textual.types import CSSPathType

from foredeck.app.screens.modals.task_form import NO, NO_REPORT, NOTIFIES, YES
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.schedules import Misfire, Overlap

# Of the dialogs about tasks; paths are relative to this folder.
TASK_STYLES: CSSPathType = ["../../../styles/dialogs.tcss", "../../../styles/task_dialogs.tcss"]


class Spec(NamedTuple):
    """A field: its name, its label, and what stands in it while it is empty."""

    name: str
    label: str
    hint: str = ""


SECTIONS: tuple[tuple[str, tuple[Spec, ...]], ...] = (
    (
        "",
        (
            Spec("name", "Name", "nightly"),
            Spec("prompt", "Prompt; {{name}} is a variable", "Check {{branch}} and mend it."),
            Spec("variables", "Defaults of the variables, one a line", "branch = main"),
            Spec("description", "Description", "what it is for"),
            Spec("project", "Project, in whose workspace it works"),
            Spec("workflow", "Workflow; codex is a single step", "codex"),
            Spec("tags", "Tags, with commas", "nightly, database"),
        ),
    ),
    (
        "When",
        (
            Spec("cron", "Schedule: minute hour day month weekday", "empty: by hand only"),
            Spec("timezone", "Time zone that it counts in", "UTC, Europe/Berlin"),
            Spec("enabled", "Schedule is"),
            Spec("overlap", "While an execution is at work, the next is"),
            Spec("misfire", "Due times that were missed are"),
            Spec("catch_up", "How many are made up for at most", "1"),
            Spec("jitter", "Put off by up to so many seconds", "0"),
        ),
    ),
    (
        "What comes of it",
        (
            Spec("report", "Report after each run"),
            Spec("notify", "Tell me about"),
        ),
    ),
    (
        "How it works",
        (
            Spec("allowed", "Tools it may use, with commas", "all of them; none: not one"),
            Spec("disallowed", "Tools it may not use, with commas"),
            Spec("model", "Model", "as the project says"),
            Spec("sandbox", "Sandbox"),
            Spec("mode", "Mode of the stages"),
            Spec("timeout", "Timeout of a codex turn in seconds", "as the settings say"),
            Spec("budget_tokens", "Tokens a run may use", "as the project says"),
            Spec("budget_cost", "Dollars a run may use", "as the project says"),
            Spec("directory", "Directory within the workspace", "the workspace itself"),
            Spec("public", "Seen in"),
        ),
    ),
)
TEXTS = frozenset({"prompt", "variables"})
_AS_PROJECT = ("As the project says", "")
CHOICES: dict[str, list[tuple[str, str]]] = {
    "enabled": [("On", YES), ("Off", NO)],
    "overlap": [
        ("Skipped", Overlap.SKIP.value),
        ("Queued", Overlap.QUEUE.value),
        ("Started as well", Overlap.ALLOW.value),
    ],
    "misfire": [
        ("Made up for once", Misfire.RUN_ONCE.value),
        ("Made up for, so many as is said below", Misfire.CATCH_UP.value),
        ("Left out", Misfire.SKIP.value),
    ],
    "report": [
        ("None", NO_REPORT),
        ("HTML: one file for a browser", ReportFormat.HTML.value),
        ("PDF", ReportFormat.PDF.value),
        ("JSON", ReportFormat.JSON.value),
    ],
    "notify": [(name.capitalize(), name) for name in NOTIFIES],
    "sandbox": [_AS_PROJECT, *((one.value, one.value) for one in Sandbox)],
    "mode": [("As the settings say", ""), *((one.value.capitalize(), one.value) for one in Mode)],
    "public": [("Its project", NO), ("Every project", YES)],
}
