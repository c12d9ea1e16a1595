"""The dialog that starts a workflow: what it is for, its inputs, and whether it may be run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static, TextArea

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.dialog import Dialog
from foredeck.app.screens.modals.workflow_inputs import InputField, first_text, given
from foredeck.app.screens.modals.workflows import place_of
from foredeck.services.domain.amounts import plural
from foredeck.services.domain.errors import Conflict, ForedeckError
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Preview, ProjectRow, RunRow
from foredeck.services.domain.workflow_views import InputMistake, WorkflowView
from foredeck.services.host.commands import CreateWorkflowRun
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetWorkflow, PreviewWorkflow


@dataclass(slots=True)
class WorkflowDraft:
    """What was typed so far; kept when the dialog closes, so that nothing is lost."""

    request: str = ""
    values: dict[str, str] = field(default_factory=dict)


class WorkflowDialog(Dialog[RunRow]):
    """Starts the run itself and answers with it; errors are shown here, nothing is lost.

    What runs is the text that was looked at: a file that has changed meanwhile is refused
    and shown anew.
    """

    # Without priority: a key that overtook the letters before it would lose the last of them.
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "start", "Start")]

    def __init__(
        self, host: Host, project: ProjectRow, view: WorkflowView, draft: WorkflowDraft
    ) -> None:
        name = safe_line(view.row.name, limit=40)
        super().__init__(f"Run {name} in {safe_line(project.name, limit=40)}")
        self._host = host
        self._project = project
        self._view = view
        self._draft = draft
        self._busy = False
        self._typed_in: Widget | None = None

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="fields", can_focus=False):
            yield Static(self._about(), id="workflow-about", markup=False)
            yield Label("Request: what the run is for, in your own words", classes="field")
            hint = "Empty: the description of the workflow."
            yield TextArea(
                self._draft.request, id="request", tab_behavior="focus", placeholder=hint
            )
            with Vertical(id="inputs"):
                yield from self._input_fields()
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Start (ctrl+s) ", variant="primary", id="start", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        """Begin where something has to be given."""
        for one in self.query(InputField):
            if one.one.default is None and not self._draft.values.get(one.one.name):
                one.field.focus()
                return
        self.query_one("#request").focus()

    def _about(self) -> str:
        row = self._view.row
        steps = f"{plural(row.steps, 'step')}, {place_of(row, self._project)}"
        said = row.description.strip()
        return safe_text(f"{said}\n{steps}" if said else steps)

    def _input_fields(self) -> list[InputField]:
        values = self._draft.values
        return [InputField(o, values.get(o.name, first_text(o))) for o in self._view.inputs]

    @on(Input.Changed)
    @on(Select.Changed)
    @on(TextArea.Changed)
    def _keep(self) -> None:
        self._draft.request = self.query_one("#request", TextArea).text
        for one in self.query(InputField):
            if one.text != first_text(one.one):
                self._draft.values[one.one.name] = one.text
            else:
                self._draft.values.pop(one.one.name, None)

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_start if event.button.id == "start" else self.action_give_up)()

    def action_give_up(self) -> None:
        if not self._busy:
            self.dismiss(None)

    def action_start(self) -> None:
        """Check what was filled in, ask for trust where that is needed, and start."""
        if not self._busy:
            self._set_busy(True)
            self.run_worker(self._start(), group="start", exit_on_error=False)

    async def _start(self) -> None:
        run: RunRow | None = None
        try:
            run = await self._started()
        except ForedeckError as error:
            self._complain(str(error))
        except Exception:
            self._complain("The run could not be started because of an unexpected error.")
            raise
        finally:
            self._set_busy(False)
        if run is not None and self.is_current:
            self.dismiss(run)

    async def _started(self) -> RunRow | None:
        """Start the run; None if something is wrong with the inputs, or it may not be run."""
        self._keep()
        await self._refuse_a_change()
        row, source = self._view.row, self._view.source
        values, request = given(self._view.inputs, self._draft.values), self._draft.request.strip()
        preview = await self._host.ask(
            PreviewWorkflow(self._project.id, source, row.path, values, request)
        )
        self._show_mistakes(preview.mistakes)
        if preview.mistakes:
            return None
        if not preview.trusted:
            if not await self._may_run(preview.lines):
                self._complain("Nothing was started.")
                return None
            await self._refuse_a_change()
        return await self._host.do(
            CreateWorkflowRun(
                self._project.id,
                source,
                row.path,
                values,
                request,
                trigger=Trigger.MANUAL,
                trust=not preview.trusted,
            )
        )

    async def _refuse_a_change(self) -> None:
        """Raise `Conflict` if the file is not as it was looked at; it is shown as it is now."""
        fresh = await self._host.ask(GetWorkflow(self._project.id, self._view.row.name))
        if fresh.source == self._view.source and fresh.row.path == self._view.row.path:
            return
        if fresh.problems:
            advice = "Mend the file, then start again."
            raise Conflict(f"The file has changed and cannot be run. {fresh.problems[0]}", advice)
        self._view = fresh
        self.query_one("#workflow-about", Static).update(self._about())
        inputs = self.query_one("#inputs")
        await inputs.remove_children()
        await inputs.mount(*self._input_fields())
        raise Conflict(
            "The file has changed since you looked at it: nothing was started.",
            "It is shown as it is now; start it again if it is as you want it.",
        )

    async def _may_run(self, lines: tuple[str, ...]) -> bool:
        """Ask whether this content may be run; once for each content."""
        about = (
            "The file lies in the project's own folder, where codex can write, and this content "
            "of it has not been run before. This is what it does:"
        )
        preview = Preview(f"Trust {place_of(self._view.row, self._project)}?", (about, *lines))
        dialog = ConfirmDialog(preview, yes="Trust and run it", no="Do not run it")
        answer: bool = await self.app.push_screen_wait(dialog)
        return answer

    def _show_mistakes(self, mistakes: tuple[InputMistake, ...]) -> None:
        """Say beside each field what is wrong with it; the first has the focus then."""
        says = {mistake.name: mistake.says for mistake in reversed(mistakes)}
        fields = list(self.query(InputField))
        for one in fields:
            one.complain(says.pop(one.one.name, ""))
        wrong = [one for one in fields if one.has_class("-wrong")]
        if wrong:
            self._typed_in = wrong[0].field
        rest = " ".join(says.values())
        self._complain(rest or ("Mend what is marked above." if wrong else ""))

    def _set_busy(self, busy: bool) -> None:
        """Lock the fields while the host works; they lose the focus by that, and get it back."""
        self._busy = busy
        if not self.is_attached:
            return
        if busy:
            self._typed_in = self.focused
            self._complain("Starting…")
        for widget in self.query("Select, Input, TextArea, Button"):
            widget.disabled = busy
        if not busy and self.is_current:
            last = self._typed_in
            (last if last and last.is_attached else self.query_one("#request")).focus()

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            error = self.query_one("#dialog-error", Static)
            error.update(safe_text(sentence))
            error.set_class(sentence == "Starting…", "-busy")
