"""The project tree: projects and their latest runs, each with its glyph, title and age."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import ProjectNode, ProjectRow, RunRow, Sidebar
from foredeck.widgets.formats import age
from foredeck.widgets.line_view import LineView, differing
from foredeck.widgets.painting import Cells, fit, spread
from foredeck.widgets.state_style import glyph_of, look_of

# From this width on there is room for the state's word beside its glyph.
_WORD_FROM = 46
_PROJECT, _RUN = "project:", "run:"


class _Row(NamedTuple):
    """A row of the tree: a project, or one of its runs."""

    project: ProjectRow
    run: RunRow | None = None
    hint: str = ""
    older: bool = False

    @property
    def key(self) -> str:
        if self.run is not None:
            return _RUN + self.run.id
        return (f"hint:{self.hint}:" if self.hint else _PROJECT) + self.project.id


class ProjectTree(LineView):
    """Projects, newest first, with their runs; one run is marked as the one on display."""

    class RunSelected(Message):
        """A person chose a run (enter or click)."""

        def __init__(self, tree: ProjectTree, run_id: str) -> None:
            super().__init__()
            self.tree = tree
            self.run_id = run_id

        @property
        def control(self) -> ProjectTree:
            return self.tree

    class RunHighlighted(Message):
        """The cursor came to a run."""

        def __init__(self, tree: ProjectTree, run_id: str) -> None:
            super().__init__()
            self.tree = tree
            self.run_id = run_id

        @property
        def control(self) -> ProjectTree:
            return self.tree

    class ProjectSelected(Message):
        """A person chose a project (enter or click)."""

        def __init__(self, tree: ProjectTree, project_id: str) -> None:
            super().__init__()
            self.tree = tree
            self.project_id = project_id

        @property
        def control(self) -> ProjectTree:
            return self.tree

    class OlderWanted(Message):
        """A person asked for more runs than are shown."""

        def __init__(self, tree: ProjectTree) -> None:
            super().__init__()
            self.tree = tree

        @property
        def control(self) -> ProjectTree:
            return self.tree

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "collapse", "Collapse", show=False),
        Binding("right,l", "expand", "Expand", show=False),
        Binding("space", "fold", "Fold", show=False),
    ]
    empty_text = "No projects yet. Press n to start a run."

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._sidebar = Sidebar(())
        self._collapsed: set[str] = set()
        self._rows: list[_Row] = []
        self._ages: list[str] = []
        self._shown_run: str | None = None

    def update_sidebar(self, sidebar: Sidebar) -> None:
        """Show this snapshot; cursor, folds and scroll position stay."""
        self._sidebar = sidebar
        self._rebuild()
        # Ages are minutes: a tick every half minute keeps them true.
        self.set_ticking(bool(sidebar.projects), 30.0)

    def show_run(self, run_id: str | None) -> None:
        """Mark the run that the rest of the screen shows; the cursor goes to it if it is here."""
        self._shown_run = run_id
        if run_id is not None:
            self.move_cursor_to(_RUN + run_id)
        self.refresh()

    @property
    def project_id(self) -> str | None:
        """The project under the cursor, also when one of its runs is."""
        return self._rows[self.cursor_index].project.id if self._rows else None

    @property
    def run_id(self) -> str | None:
        """The run under the cursor."""
        run = self._rows[self.cursor_index].run if self._rows else None
        return run.id if run is not None else None

    def action_activate(self) -> None:
        """Choose what is under the cursor."""
        if not self._rows:
            return
        row = self._rows[self.cursor_index]
        if row.run is not None:
            self.post_message(self.RunSelected(self, row.run.id))
        elif row.older:
            self.post_message(self.OlderWanted(self))
        else:
            self.post_message(self.ProjectSelected(self, row.project.id))

    def action_fold(self) -> None:
        """Fold or unfold the project under the cursor."""
        if (project := self.project_id) is not None:
            self._fold(project, project not in self._collapsed)

    def action_collapse(self) -> None:
        """Fold the project; from a run, go to its project first."""
        if (project := self.project_id) is None:
            return
        if self.run_id is not None or project in self._collapsed:
            self.move_cursor_to(_PROJECT + project)
        else:
            self._fold(project, True)

    def action_expand(self) -> None:
        """Unfold the project, or go to its first run."""
        if (project := self.project_id) is None or self.run_id is not None:
            return
        if project in self._collapsed:
            self._fold(project, False)
        else:
            self.action_cursor_by(1)

    def cursor_moved(self) -> None:
        if self.run_id is not None:
            self.post_message(self.RunHighlighted(self, self.run_id))

    def ticked(self) -> None:
        ages = self._ages_now()
        for index in differing(self._ages, ages):
            self.refresh_block(index)
        self._ages = ages

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        del offset
        row = self._rows[index]
        bar = self.cursor_cell(index)
        if row.run is not None:
            return [bar, *self._run_cells(row.run, width - 1)]
        if row.hint:
            return fit([bar, ("    " + row.hint, "ink--faint")], width)
        return [bar, *self._project_cells(row.project, width - 1)]

    def _project_cells(self, project: ProjectRow, width: int) -> Cells:
        folded = project.id in self._collapsed
        mark = ("+" if folded else "-") if self.ascii_only else ("▸" if folded else "▾")
        name = safe_line(project.name, limit=200)
        left = [(mark + " ", "ink--faint"), (name, "ink--strong ink--bold")]
        if project.archived:
            left.append((" archived", "ink--faint"))
        right: Cells = [(f"{project.runs} ", "ink--faint")]
        if project.active_runs:
            glyph = glyph_of(RunState.RUNNING, ascii_only=self.ascii_only)
            right.insert(0, (f"{glyph}{project.active_runs} ", "state--running"))
        return spread(left, right, width)

    def _run_cells(self, run: RunRow, width: int) -> Cells:
        look = look_of(run.state)
        shown = run.id == self._shown_run
        title = safe_line(run.title, limit=200) or "(untitled)"
        left = [
            ("  ", ""),
            (look.ascii if self.ascii_only else look.glyph, look.style),
            (" " + title, "ink--accent ink--bold" if shown else ""),
        ]
        right: Cells = [(f"{age(run.created_at, self.now()):>3} ", "ink--faint")]
        if width >= _WORD_FROM:
            right.insert(0, (f"{look.word}  ", look.style))
        return spread(left, right, width)

    def _fold(self, project: str, folded: bool) -> None:
        self._collapsed = self._collapsed - {project} | ({project} if folded else set())
        if folded:
            self.move_cursor_to(_PROJECT + project)
        self._rebuild()

    def _rebuild(self) -> None:
        old = self._rows
        self._rows = [row for node in self._sidebar.projects for row in self._rows_of(node)]
        self._ages = self._ages_now()
        changed = differing(old, self._rows)
        self.set_blocks([row.key for row in self._rows], [1] * len(self._rows), changed)

    def _ages_now(self) -> list[str]:
        now = self.now()
        return ["" if row.run is None else age(row.run.created_at, now) for row in self._rows]

    def _rows_of(self, node: ProjectNode) -> list[_Row]:
        rows = [_Row(node.project)]
        if node.project.id not in self._collapsed:
            rows += [_Row(node.project, run) for run in node.runs]
            if not node.runs:
                rows.append(_Row(node.project, hint="none yet · press n"))
            elif node.project.runs > len(node.runs):
                count = node.project.runs - len(node.runs)
                rows.append(_Row(node.project, hint=f"{count} older · enter", older=True))
        return rows
