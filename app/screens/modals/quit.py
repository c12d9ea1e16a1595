"""Asks before leaving while runs are working."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Button

from foredeck.app.screens.actions import words
from foredeck.app.screens.modals.confirm import ChoiceDialog, button
from foredeck.services.domain.views import Preview, RunRow


class Leaving(Enum):
    """How a person leaves while runs are working."""

    STAY = "stay"
    STOP = "stop"
    LEAVE = "leave"


class QuitDialog(ChoiceDialog[Leaving]):
    """Names the runs that are at work here; `can_leave` offers to let them go on.

    `jobs` of their own go on in any case; only in the background somebody starts the next ones.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer('stop')", "Stop them"),
        Binding("b", "answer('leave')", "In the background"),
        Binding("n", "answer('stay')", "Stay"),
    ]
    GIVEN_UP = Leaving.STAY

    def __init__(self, working: tuple[RunRow, ...], *, can_leave: bool, jobs: int = 0) -> None:
        super().__init__(quit_preview(working, can_leave=can_leave, jobs=jobs))
        self._can_leave = can_leave
        self._runs = len(working)
        self._jobs = jobs

    def compose_buttons(self) -> ComposeResult:
        if self._can_leave:
            yield button("b", f"Let {_them(self._runs + self._jobs)} work on", "leave", "primary")
        if self._runs:
            yield button("y", f"Stop {_them(self._runs)} and quit", "stop", "error")
        else:
            yield button("y", "Quit", "stop")
        yield button("n", "Stay", "stay")

    def on_mount(self) -> None:
        self.query_one("#stay").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(Leaving(event.button.id))

    def action_answer(self, answer: str) -> None:
        leaving = Leaving(answer)
        if leaving is not Leaving.LEAVE or self._can_leave:
            self.dismiss(leaving)


def quit_preview(working: tuple[RunRow, ...], *, can_leave: bool, jobs: int = 0) -> Preview:
    """Return what leaving would do to the runs and jobs that this process works on."""
    count = len(working)
    title = "Quit while a run is working?" if count == 1 else f"Quit while {count} runs work?"
    lines = [f"“{run.title}” ({run.project_name}) is {words(run.state)}." for run in working]
    if jobs:
        lines.append(f"{_jobs_work(jobs).capitalize()}: that goes on, whatever you choose.")
    if can_leave:
        them = _them(count + jobs)
        lines.append(f"Let {them} work on: in the background; foredeck shows {them} again.")
    if count:
        stops = "every process ends; retry goes on from what is finished."
        lines.append(f"Stop {_them(count)}: {stops}")
    else:
        title = f"Quit while {_jobs_work(jobs)}?"
        lines.append("Quit: jobs that wait start with the next foredeck, or foredeck serve.")
    return Preview(title, tuple(lines))


def _jobs_work(count: int) -> str:
    return "a job works" if count == 1 else f"{count} jobs work"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
