"""Shows what a stage will be told, and takes another text in its place."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static, TextArea

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.diffs import unified_diff
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import PromptView
from foredeck.services.host.commands import SetPrompt
from foredeck.services.host.interface import Host

_STYLES = {"+": "$text-success", "-": "$text-error", "@": "$text-accent"}


class PromptDialog(Dialog[str]):
    """Answers with what was done, as a sentence; None when nothing was changed.

    ctrl+d shows what has been changed, instead of the text; errors are shown here.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,ctrl+enter", "save", "Save"),
        Binding("ctrl+d", "diff", "Changes", priority=True),
        Binding("ctrl+o", "reset", "Its own", priority=True),
    ]

    def __init__(self, host: Host, view: PromptView) -> None:
        super().__init__(f"What {safe_line(view.title, limit=40)} will be told")
        self._host = host
        self._view = view
        self._busy = False

    def compose_body(self) -> ComposeResult:
        view = self._view
        yield TextArea(
            safe_text(view.text), id="words", tab_behavior="focus", read_only=bool(view.locked)
        )
        with VerticalScroll(id="diff"):
            yield Static("", id="diff-lines")
        yield Static(safe_text(view.locked), id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(
                "Save (ctrl+s)",
                variant="primary",
                id="save",
                compact=True,
                disabled=bool(view.locked),
            )
            yield Button("Changes (ctrl+d)", id="changes", compact=True)
            yield Button("Its own (ctrl+o)", id="reset", compact=True)
            yield Button("Back (esc)", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one("#diff").display = False
        self.query_one("#words").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        actions = {
            "save": self.action_save,
            "changes": self.action_diff,
            "reset": self.action_reset,
        }
        actions.get(event.button.id or "", self.action_give_up)()

    def action_diff(self) -> None:
        """Show the changes in the place of the text, or the text again."""
        words, shown = self.query_one("#words"), self.query_one("#diff")
        shown.display = words.display
        words.display = not shown.display
        difference = unified_diff(safe_text(self._view.original), self._typed())
        self.query_one("#diff-lines", Static).update(_coloured(difference))
        (shown if shown.display else words).focus()

    def action_reset(self) -> None:
        """Put the stage's own prompt into the field; it counts once it is saved."""
        if not self._view.locked:
            self.query_one("#words", TextArea).text = safe_text(self._view.original)

    def action_save(self) -> None:
        """Keep the text, unless it is empty."""
        if self._busy or self._view.locked:
            return
        if not self._typed().strip():
            self._complain("The prompt is empty. ctrl+o brings the stage's own back.")
            return
        self._busy = True
        self.run_worker(self._save(), group="prompt", exit_on_error=False)

    async def _save(self) -> None:
        view = self._view
        try:
            saved = await self._host.do(SetPrompt(view.run_id, view.step_key, self._typed()))
        except ForedeckError as error:
            self._complain(str(error))
        else:
            what = "gets your prompt" if saved.edited else "has its own prompt"
            self.dismiss(f"{safe_line(view.title, limit=40)} {what}.")
        finally:
            self._busy = False

    def _typed(self) -> str:
        return self.query_one("#words", TextArea).text

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))


def _coloured(difference: str) -> Content:
    if not difference:
        return Content("Nothing is changed.")
    lines = [
        Content.styled(line, _STYLES[line[:1]]) if line[:1] in _STYLES else Content(line)
        for line in difference.splitlines()
    ]
    return Content("\n").join(lines)
