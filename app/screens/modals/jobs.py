"""The dialog that lists jobs: what works now, or all of the latest, and goes to where one is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.app.screens.refresher import Refresher
from foredeck.app.screens.shell import Shell
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListJobs
from foredeck.widgets.formats import duration, elapsed, pad, pad_left
from foredeck.widgets.state_style import WORD_WIDTH, look_of

_MOST = 200
_AT_WORK = (JobState.IN_PROGRESS, JobState.QUEUED)
_TIME_WIDTH, _STEP_WIDTH = 7, 16
# How often the times of what works are brought up to date, in seconds.
_TICK = 1.0


class JobsDialog(Dialog[JobRow]):
    """Answers with the job whose step the person wants to see."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "switch", "All or at work"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, host: Host, shell: Shell, now: Callable[[], datetime]) -> None:
        super().__init__("Jobs")
        self._host = host
        self._shell = shell
        self._now = now
        self._all = False
        self._rows: tuple[JobRow, ...] = ()
        self._reads = Refresher(self, self._read, self._failed)

    def compose_body(self) -> ComposeResult:
        yield OptionList(Option("Reading…", disabled=True), id="jobs", markup=False)
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Go there (enter) ", variant="primary", id="go", compact=True)
            yield Button("", id="switch", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self._listed.focus()
        self._name_switch()
        self._shell.changed.subscribe(self, lambda _change: self._reads.request())
        self.set_interval(_TICK, self._tick)
        self._reads.request()

    @property
    def _listed(self) -> OptionList:
        return self.query_one("#jobs", OptionList)

    def action_move(self, by: int) -> None:
        (self._listed.action_cursor_down if by > 0 else self._listed.action_cursor_up)()

    def action_switch(self) -> None:
        """Show everything that was done lately, or again only what works."""
        self._all = not self._all
        self._name_switch()
        self._reads.request()

    def _name_switch(self) -> None:
        other = "At work only" if self._all else "All"
        self.query_one("#switch", Button).label = f" {other} (v) "

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._go()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        {"go": self._go, "switch": self.action_switch}.get(
            event.button.id or "", self.action_give_up
        )()

    def _go(self) -> None:
        """Answer with the job under the cursor, if it belongs to a run."""
        at = self._listed.highlighted
        if at is None or at >= len(self._rows):
            return
        row = self._rows[at]
        if row.run_id is None:
            self._say("This job belongs to no run: there is nothing more to see of it.")
        else:
            self.dismiss(row)

    async def _read(self) -> None:
        if self._all:
            rows = (await self._host.ask(ListJobs(limit=_MOST))).items
        else:
            pages = [await self._host.ask(ListJobs(state.value, limit=_MOST)) for state in _AT_WORK]
            rows = tuple(row for page in pages for row in page.items)
        if self.is_attached:
            self._show(rows)

    def _show(self, rows: tuple[JobRow, ...]) -> None:
        """Put the rows in their place; the cursor stays on its job, or where it was."""
        listed, before = self._listed, self._listed.highlighted or 0
        chosen = self._rows[before].id if before < len(self._rows) else ""
        self._rows = rows
        listed.clear_options()
        listed.add_options(Option(self._line(row)) for row in rows)
        if not rows:
            nothing = "No run has made a job yet." if self._all else "Nothing works just now."
            listed.add_option(Option(nothing, disabled=True))
            self._say("" if self._all else "v shows what was done before.")
            return
        ids = [row.id for row in rows]
        listed.highlighted = ids.index(chosen) if chosen in ids else min(before, len(ids) - 1)
        self._say(f"The latest {_MOST}; foredeck jobs list has all." if len(rows) >= _MOST else "")

    def _tick(self) -> None:
        """Bring the times of what works up to date."""
        for place, row in enumerate(self._rows):
            if row.state not in FINAL_JOBS:
                self._listed.replace_option_prompt_at_index(place, self._line(row))

    def _line(self, row: JobRow) -> Content:
        look = look_of(row.state)
        style = f"${look.style.replace('--', '-')}"
        took = duration(elapsed(row.started_at, row.ended_at, self._now()))
        what = "codex" if row.type == "codex" else "command"
        step = safe_line(row.step_key, limit=_STEP_WIDTH)
        return Content.assemble(
            (f"{look.glyph} {pad(look.word, WORD_WIDTH)} ", style),
            f"{pad_left(took, _TIME_WIDTH)}  {pad(what, 8)} {pad(step, _STEP_WIDTH)} ",
            (safe_line(row.run_title, limit=200), "$ink-muted"),
        )

    def _failed(self, error: Exception) -> None:
        self._say(str(error), wrong=True)

    def _say(self, sentence: str, *, wrong: bool = False) -> None:
        if self.is_attached:
            note = self.query_one("#dialog-error", Static)
            note.update(safe_text(sentence))
            note.set_class(wrong, "-wrong")
