"""Says something to codex: to the turn that works, or as the turn after it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Static, TextArea

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.errors import Conflict, ForedeckError
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import RunRow
from foredeck.services.host.commands import FollowUpRun, SteerRun
from foredeck.services.host.interface import Command, Host

_ABOUT = (
    "Said now, the codex turn that works reads it before its next thought. Queued, it is the "
    "next turn in the same conversation, before the stage goes on."
)


class SteerDialog(Dialog[str]):
    """Answers with what was done, as a sentence; errors are shown here, nothing is lost."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,ctrl+enter", "steer", "Say now"),
        Binding("ctrl+n", "follow_up", "Queue"),
    ]

    def __init__(self, host: Host, run: RunRow, text: str = "") -> None:
        super().__init__(f"Say to the codex of “{safe_line(run.title, limit=50)}”")
        self._host = host
        self._run = run
        self._text = text
        self._busy = False

    @property
    def text(self) -> str:
        """What was typed so far."""
        return self._text

    def compose_body(self) -> ComposeResult:
        yield Static(_ABOUT, classes="dialog-paragraph", markup=False)
        yield TextArea(self._text, id="words", tab_behavior="focus")
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Say now (ctrl+s) ", variant="primary", id="steer", compact=True)
            yield Button(" Queue (ctrl+n) ", id="follow-up", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one("#words").focus()

    @on(TextArea.Changed)
    def _typed(self, event: TextArea.Changed) -> None:
        self._text = event.text_area.text

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        actions = {"steer": self.action_steer, "follow-up": self.action_follow_up}
        actions.get(event.button.id or "", self.action_give_up)()

    def action_steer(self) -> None:
        """Say it to the turn that works."""
        command = SteerRun(self._run.id, self._typed_text())
        self._send(command, "Said to codex: it reads it before its next thought.")

    def action_follow_up(self) -> None:
        """Queue it as the next turn."""
        command = FollowUpRun(self._run.id, self._typed_text())
        self._send(command, "Queued: codex gets it when its turn has ended.")

    def _typed_text(self) -> str:
        return self.query_one("#words", TextArea).text.strip()

    def _send(self, command: Command[RunRow], done: str) -> None:
        if not self._busy:
            self._busy = True
            self.run_worker(self._do(command, done), group="steer", exit_on_error=False)

    async def _do(self, command: Command[RunRow], done: str) -> None:
        try:
            await self._host.do(command)
        except Conflict as error:
            later = " ctrl+n queues it for the next turn." if isinstance(command, SteerRun) else ""
            self._complain(f"{error.message}{later}")
        except ForedeckError as error:
            self._complain(str(error))
        else:
            self.dismiss(done)
        finally:
            self._busy = False

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))
