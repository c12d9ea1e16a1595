"""The dialog that executes a task: its variables, and what it will say with them."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widgets import Button, Static, TextArea

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.app.screens.modals.fields import FormField
from foredeck.app.screens.modals.task_fields import TASK_STYLES
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.tasks import ExecutionStatus, TaskLine, TaskPreview
from foredeck.services.host.interface import Host
from foredeck.services.host.task_requests import ExecuteTask, PreviewTask

# Seconds after the last letter before what will be said is shown anew.
_PATIENCE = 0.15
# Lines of a prompt that are shown: it is to be looked at, not read to its end.
_LINES = 400
_MISSING = "It has no value."


class ExecuteTaskDialog(Dialog[ExecutionStatus]):
    """Executes the task itself and answers with the execution; nothing typed is lost."""

    CSS_PATH: ClassVar[CSSPathType | None] = TASK_STYLES
    # Without priority: a key that overtook the letters before it would lose the last of them.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,ctrl+enter", "execute", "Execute"),
        Binding("pagedown", "scroll_prompt(1)", show=False),
        Binding("pageup", "scroll_prompt(-1)", show=False),
    ]

    def __init__(
        self, host: Host, row: TaskLine, preview: TaskPreview, values: dict[str, str]
    ) -> None:
        """`preview` is with the defaults alone; `values` are what was typed, kept up to date."""
        super().__init__(f"Execute {safe_line(row.name, limit=50)}")
        self._host = host
        self._row = row
        self._preview = preview
        self._values = values
        self._busy = False
        self._debounce: Timer | None = None

    def compose_body(self) -> ComposeResult:
        if self._preview.variables:
            with VerticalScroll(id="variables", can_focus=False):
                for name, value in self._preview.variables:
                    text = self._values.get(name, value or "")
                    area = TextArea(text, tab_behavior="focus", classes="value", name=name)
                    yield FormField(safe_line(name, limit=60), area)
        yield Static("", id="prompt-title", markup=False)
        with VerticalScroll(id="prompt", can_focus=False):
            yield Static("", id="prompt-text", markup=False)
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Execute (ctrl+s) ", variant="primary", id="execute", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        fields = list(self.query(TextArea))
        self.set_class(not fields, "-fixed")
        (fields[0] if fields else self.query_one("#execute")).focus()
        if fields:  # to the label of the first one too, which the focus leaves above
            home = self.query_one("#variables").scroll_home
            self.call_after_refresh(home, animate=False)
        self._show(self._preview, complain=False)
        if self._values:
            self._look_again()

    @property
    def variables(self) -> dict[str, str]:
        """What was filled in; an empty field without a default is left out, so it is missing."""
        defaults = dict(self._preview.variables)
        typed = {area.name or "": area.text for area in self.query(TextArea)}
        return {name: text for name, text in typed.items() if text or defaults.get(name)}

    @on(TextArea.Changed)
    def _changed(self) -> None:
        """Show what will be said a little after the last letter."""
        self._values.update((area.name or "", area.text) for area in self.query(TextArea))
        if self._debounce is not None:
            self._debounce.stop()
        self._debounce = self.set_timer(_PATIENCE, self._look_again)

    def _look_again(self) -> None:
        self.run_worker(self._refresh(), group="preview", exclusive=True, exit_on_error=False)

    async def _refresh(self) -> None:
        try:
            preview = await self._host.ask(PreviewTask(self._row.id, self.variables))
        except ForedeckError as error:
            self._say(str(error))
        else:
            self._show(preview, complain=bool(self.query(".-wrong")))

    def _show(self, preview: TaskPreview, *, complain: bool) -> None:
        """Show what would be said; `complain` says that a person has tried it like that."""
        if not self.is_attached:
            return
        lines = preview.prompt.count("\n") + 1
        self.query_one("#prompt-title", Static).update(
            f"What codex is told ({lines:,} lines)" if lines > 1 else "What codex is told"
        )
        self.query_one("#prompt-text", Static).update(safe_text(preview.prompt, lines=_LINES))
        missing = set(preview.missing if complain else ())
        for field in self.query(FormField):
            field.complain(_MISSING if field.field.name in missing else "")
        left = [one.text for one in preview.mistakes if complain and one.field != "variables"]
        self._say("\n".join([*left, *preview.warnings]))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_execute if event.button.id == "execute" else self.action_give_up)()

    def action_give_up(self) -> None:
        if not self._busy:
            self.dismiss(None)

    def action_scroll_prompt(self, pages: int) -> None:
        prompt = self.query_one("#prompt")
        prompt.scroll_relative(y=pages * max(1, prompt.size.height - 1), animate=False)

    def action_execute(self) -> None:
        """Run the task, or say all that is wrong with what was filled in."""
        if not self._busy:
            self._busy = True
            self.run_worker(self._execute(), group="execute", exit_on_error=False)

    async def _execute(self) -> None:
        try:
            status = await self._executed()
        except ForedeckError as error:
            self._say(str(error))
        except Exception:
            self._say("The task could not be executed because of an unexpected error.")
            raise
        else:
            if status is not None:
                self.dismiss(status)
        finally:
            self._busy = False

    async def _executed(self) -> ExecutionStatus | None:
        values = self.variables
        preview = await self._host.ask(PreviewTask(self._row.id, values))
        if not preview.mistakes:
            return await self._host.do(ExecuteTask(self._row.id, values))
        self._show(preview, complain=True)
        wrong = next((f for f in self.query(FormField) if f.has_class("-wrong")), None)
        if wrong is not None:
            wrong.field.focus()
        return None

    def _say(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))
