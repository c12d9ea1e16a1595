"""The conversation of a run's agents, growing while they work."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.refresher import Refresher
from foredeck.app.screens.shell import Shell, shell_of
from foredeck.services.domain.errors import ForedeckError, NotFound
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.queries import GetTranscript
from foredeck.widgets.key_bar import KeyBar
from foredeck.widgets.step_cells import step_title
from foredeck.widgets.transcript import TranscriptView

_KEYS = (
    ("up, down", "Go from message to message (or k and j)"),
    ("[, ]", "Go to the previous or the next stage"),
    ("space", "Fold or unfold a long text"),
    ("z", "Fold or unfold all of them"),
    ("f", "Go to the end and follow it"),
    ("a", "All stages, or only the stage that was selected"),
    ("escape, t", "Back to the workbench"),
    ("ctrl+r", "Read it again from the host"),
)


class TranscriptScreen(PromptScreen[None]):
    """Messages and tool calls of a whole run, or of one of its stages."""

    CSS_PATH = "../../styles/transcript.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,t,q", "close", "Back", key_display="t"),
        Binding("a", "all_stages", "All/one stage"),
        Binding("ctrl+r", "reload", "Reload", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def __init__(self, detail: RunDetail, step_key: str | None = None) -> None:
        """`step_key` is the stage that `a` limits it to; it begins with all of them."""
        super().__init__()
        self._detail = detail
        self._selected = step_key
        self._only: str | None = None
        self._reads = Refresher(self, self._read, self._failed)

    def compose(self) -> ComposeResult:
        yield Pane(title="Transcript", id="pane-transcript")
        yield KeyBar(last=("command_palette", "help", "close"))

    async def on_mount(self) -> None:
        await self._pane.fill(TranscriptView())
        self.shell.changed.subscribe(self, self._apply)
        self._show_title()
        self._pane.say("Loading…")
        self._reads.request()

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    @property
    def _pane(self) -> Pane:
        return self.query_one(Pane)

    def _apply(self, change: HostChanged) -> None:
        if change.resync or self._detail.run.id in change.messages:
            self._reads.request()

    async def _read(self) -> None:
        host = self.shell.host
        if host is None:
            raise NotFound("The data is not open.")
        entries = await host.ask(GetTranscript(self._detail.run.id, self._only))
        if not entries:
            self._pane.say("Nothing has been said yet.", "Messages appear here as the agents work.")
            return
        titles = {step.key: step_title(step) for step in self._detail.steps}
        self.query_one(TranscriptView).update_entries(entries, titles)
        first_time = bool(self._pane.notice)
        self._pane.show_content()
        if first_time:
            self.query_one(TranscriptView).focus()

    def _failed(self, error: Exception) -> None:
        self._pane.fail(error)
        if not isinstance(error, ForedeckError):
            self.shell.show_error(error)

    def _show_title(self) -> None:
        steps = self._detail.steps
        stage = next((step_title(s) for s in steps if s.key == self._only), "all stages")
        # The stage first: a long title would push it out of sight.
        title = f"Transcript · {stage} · {self._detail.run.title}"
        self._pane.set_title(safe_line(title))

    def action_close(self) -> None:
        self.dismiss()

    def action_reload(self) -> None:
        self._reads.request()

    def action_all_stages(self) -> None:
        self._only = None if self._only else self._selected
        self._show_title()
        self._reads.request()

    def action_help(self) -> None:
        from foredeck.app.screens.modals.help import HelpDialog

        self.app.push_screen(HelpDialog("transcript", _KEYS))
