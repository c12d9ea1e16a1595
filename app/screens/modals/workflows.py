"""The dialog that shows what can be run in a project, and lets a person choose from it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.amounts import plural
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import ProjectRow
from foredeck.services.domain.workflow_views import (
    WorkflowList,
    WorkflowRow,
    WorkflowStep,
    WorkflowView,
)
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetWorkflow, ListWorkflows

_NAME_WIDTH = 18
_MOST_PROBLEMS = 20


class WorkflowsDialog(Dialog[WorkflowView]):
    """Answers with the chosen workflow as its file is then; one that is broken stays here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "reload", "Read again"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("pagedown", "scroll_about(8)", show=False, priority=True),
        Binding("pageup", "scroll_about(-8)", show=False, priority=True),
    ]

    def __init__(self, host: Host, project: ProjectRow, chosen: str = "") -> None:
        """`chosen` is the name of the workflow to begin with."""
        super().__init__(f"Run a workflow in {safe_line(project.name, limit=40)}")
        self._host = host
        self._project = project
        self._chosen = chosen
        self._rows: dict[str, WorkflowRow] = {}
        self._guide = ""

    def compose_body(self) -> ComposeResult:
        yield OptionList(Option("Reading…", disabled=True), id="workflows", markup=False)
        with VerticalScroll(id="about", can_focus=False):
            yield Static("", id="about-text", markup=False)
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Choose (enter) ", variant="primary", id="choose", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one("#workflows").focus()
        self.action_reload()

    def action_reload(self) -> None:
        """Read the files again."""
        self.run_worker(self._list(), group="list", exclusive=True, exit_on_error=False)

    def action_move(self, by: int) -> None:
        listed = self.query_one("#workflows", OptionList)
        (listed.action_cursor_down if by > 0 else listed.action_cursor_up)()

    def action_scroll_about(self, lines: int) -> None:
        self.query_one("#about").scroll_relative(y=lines, animate=False)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id:
            self._chosen = event.option.id
            self._say(self._guide)
            self._look(answer=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._look(answer=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "choose":
            self._look(answer=True)
        else:
            self.action_give_up()

    def _look(self, *, answer: bool) -> None:
        if self._rows:
            work = self._choose() if answer else self._show()
            self.run_worker(work, group="look", exclusive=True, exit_on_error=False)

    async def _list(self) -> None:
        try:
            found = await self._host.ask(ListWorkflows(self._project.id))
        except ForedeckError as error:
            self._fill((), "Nothing can be run here now.")
            self._say(str(error), wrong=True)
            return
        self._guide = _guide(found)
        self._say(self._guide)
        self._fill(found.workflows, "", more=found.total - len(found.workflows))

    def _fill(self, rows: tuple[WorkflowRow, ...], empty: str, *, more: int = 0) -> None:
        self._rows = {row.name: row for row in rows}
        listed = self.query_one("#workflows", OptionList)
        listed.clear_options()
        listed.add_options(Option(self._line(row), id=row.name) for row in rows)
        if notice := empty or (f"… and {more:,} more: foredeck dag list" if more else ""):
            listed.add_option(Option(notice, disabled=True))
        names = list(self._rows)
        listed.highlighted = (names.index(self._chosen) if self._chosen in names else 0) or 0

    def _line(self, row: WorkflowRow) -> Content:
        name = f"{safe_line(row.name, limit=_NAME_WIDTH):<{_NAME_WIDTH}} "
        if row.problem:
            return Content.assemble(name, (f"✗ {safe_line(row.problem)}", "$text-error"))
        place = safe_line(place_of(row, self._project))
        return Content.assemble(name, f"{plural(row.steps, 'step'):<10} ", (place, "$ink-muted"))

    async def _show(self) -> WorkflowView | None:
        """Show what the workflow under the cursor is now; None if that cannot be said."""
        try:
            view = await self._host.ask(GetWorkflow(self._project.id, self._chosen))
        except ForedeckError as error:
            self._say(str(error), wrong=True)
            return None
        self.query_one("#about").scroll_home(animate=False)
        self.query_one("#about-text", Static).update(about(view, self._project))
        return view

    async def _choose(self) -> None:
        view = await self._show()
        if view is not None and view.problems:
            self._say("It cannot be run yet: mend it, then ctrl+r reads it again.", wrong=True)
        elif view is not None and self.is_current:
            self.dismiss(view)

    def _say(self, sentence: str, *, wrong: bool = False) -> None:
        if self.is_attached:
            note = self.query_one("#dialog-error", Static)
            note.update(safe_text(sentence))
            note.set_class(wrong, "-wrong")


def place_of(row: WorkflowRow, project: ProjectRow) -> str:
    """Return where a workflow is from, as short as it can be said."""
    if not row.path:
        return "comes with Foredeck"
    path, workspace = Path(row.path), Path(project.workspace)
    return str(path.relative_to(workspace) if path.is_relative_to(workspace) else path)


def about(view: WorkflowView, project: ProjectRow) -> Content:
    """Return what a workflow is and does, or everything that is wrong with its file."""
    place = (f"\n\n{safe_line(place_of(view.row, project))}", "$ink-muted")
    if view.problems:
        lines = [safe_text(problem) for problem in view.problems[:_MOST_PROBLEMS]]
        more = len(view.problems) - _MOST_PROBLEMS
        lines += [f"… and {more:,} more: foredeck dag validate says them all."] if more > 0 else []
        return Content.assemble(("\n".join(lines), "$text-error"), place)
    said = safe_text(view.row.description.strip()) or "Its file does not say what it is for."
    steps = [_step_line(number, step) for number, step in enumerate(view.steps, 1)]
    more = view.row.steps - len(view.steps)
    steps += [f"… and {plural(more, 'step')} more" if steps else plural(more, "step")] * (more > 0)
    names = ", ".join(one.name for one in view.inputs)
    takes = f"\n\nTakes: {safe_line(names)}" if names else ""
    steps_and_inputs = ("\n\n" + "\n".join(steps) + takes, "$ink-muted")
    return Content.assemble(said, steps_and_inputs, place)


def _step_line(number: int, step: WorkflowStep) -> str:
    after = f", after {', '.join(step.needs)}" if step.needs else ""
    return safe_line(f"{number}. {step.title} ({step.kind}{after})")


def _guide(found: WorkflowList) -> str:
    """Say where a workflow of the project's own has to lie, if it has none."""
    if any(row.path for row in found.workflows):
        return ""
    return (
        f"For one of your own put a YAML file into {found.folder}. "
        "foredeck dag show four-agents prints one to begin with; foredeck dag schema says what "
        "may stand in it."
    )
