"""The screen of reports: the files that there are, and what a report says about a run."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from foredeck.app.bridge import HostChanged
from foredeck.app.opening import why_not_open
from foredeck.app.screens.actions import Action
from foredeck.app.screens.filter_bar import FilterBar
from foredeck.app.screens.list_pane import ListPane, how_many
from foredeck.app.screens.list_screen import ListScreen
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.report_actions import ReportActions
from foredeck.app.screens.report_keys import (
    REPORT_ACTIONS,
    ReportSituation,
    label_of_report,
    why_not_report,
)
from foredeck.app.screens.report_reader import ReportReader
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.reports import ReportRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.widgets.key_bar import KeyBar
from foredeck.widgets.report_table import ReportTable
from foredeck.widgets.report_view import ReportView

# On a screen less high, the report takes the place of the list.
_BREAKPOINTS = [(0, "-low"), (30, "-high")]
_NONE = (
    "No report is stored yet.",
    "o on a run reads its report, and n makes a file of it there; a task can want one after "
    "each of its runs. From a shell: foredeck reports create RUN.",
)


class ReportsScreen(ListScreen[str]):
    """Answers with the run that the person wants to see."""

    CSS_PATH = "../../styles/reports.tcss"
    VERTICAL_BREAKPOINTS = _BREAKPOINTS
    in_place = "-report"
    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("reports") for a in REPORT_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = REPORT_ACTIONS

    def __init__(self, run_id: str | None = None) -> None:
        """With `run_id` the report of that run is read first, and only its files are listed."""
        super().__init__()
        self._run_id = run_id
        self._wanted: str | None = None
        self._no_display = why_not_open()
        self.table = ReportTable()
        self.list_pane = ListPane(self.table, title="Reports", id="pane-reports")
        self.filter = self.list_pane.filter
        self.pane, self.view = Pane(title="Report", id="pane-report"), ReportView()
        self.dialogs = ReportActions(self)
        self.reader = ReportReader(
            self, run_id, self._show_list, self._show_report, self.list_pane.fail, self.pane.fail
        )

    def compose(self) -> ComposeResult:
        with Vertical(id="reports-body"):
            yield self.list_pane
            yield self.pane
        yield KeyBar(last=("command_palette", "help", "close"))

    async def on_mount(self) -> None:
        await self.list_pane.furnish()
        await self.pane.fill(self.view)
        self.shell.changed.subscribe(self, self._apply)
        self.list_pane.say("Loading…")
        self.pane.say("Loading…")
        self.set_class(self._run_id is not None, "-report")
        self.reader.read_list()
        self.reader.aim(self._run_id, at_once=True)

    @property
    def row(self) -> ReportRow | None:
        """The file under the cursor."""
        return self.table.row if self.list_pane.shows_rows else None

    @property
    def filter_bar(self) -> FilterBar:
        """Where the list is filtered."""
        return self.filter

    @property
    def list_table(self) -> ReportTable:
        """What takes the keys of the list."""
        return self.table

    @property
    def in_item(self) -> bool:
        """Whether the keys go to a report, not to the list."""
        return self.focused is self.view

    @property
    def help_topic(self) -> str:
        """The topic of the help for what has the keys."""
        return "report" if self.in_item else "reports"

    def read_again(self) -> None:
        """Read the list, and the report that is looked at."""
        self.reader.read_list()
        self.reader.read_report()

    def rearrange(self) -> None:
        """List what the filter lets through."""
        self._show_list()

    # --- what is shown ----------------------------------------------------------------

    def _apply(self, change: HostChanged) -> None:
        self.reader.apply(change)

    def _show_list(self) -> None:
        """List what is to be listed, or say why that is nothing."""
        rows = self.reader.rows
        if rows is None:
            return
        words = self.filter.text.casefold().split()
        shown = [row for row in rows if _has(row, words)]
        with self.table.prevent(ReportTable.ReportHighlighted):
            self.table.update_rows(shown)
            if self._wanted is not None and self.table.move_cursor_to(self._wanted):
                self._wanted = None
        self.list_pane.shows_rows = bool(shown)
        self._show_title(len(shown))
        if shown:
            self.list_pane.show_content()
        elif rows:
            self.list_pane.say("No report is like that.", "Escape takes the filter away.")
        else:
            self.list_pane.say(*_NONE)
        if self.focused is None and not self.has_class("-report"):
            self.table.focus()
        self._aim()

    def _show_title(self, count: int) -> None:
        whose = "Reports of this run" if self.reader.only else "Reports"
        of = how_many(count, self.reader.total)
        self.list_pane.tell(whose, self.list_pane.filtered, "newest first", of)

    def _aim(self) -> None:
        """Read the report of the run that was asked for, else of the file under the cursor."""
        run_id = self.reader.only or (self.row.run_id if self.row else None)
        self.reader.aim(run_id)
        if run_id is None:
            self.pane.say("No report is selected.")
            self.pane.set_title("Report")
        self.offer()

    def _show_report(self) -> None:
        report = self.reader.report
        if report is None:
            return
        self.view.update_report(report)
        self.pane.set_title(f"Report · {safe_line(report.title, limit=40)}")
        self.pane.show_content()
        if self.has_class("-report") and not isinstance(self.focused, Input):
            self.view.focus()
        self.offer()

    # --- which actions apply ----------------------------------------------------------

    @property
    def situation(self) -> ReportSituation:
        """What decides which actions apply."""
        return ReportSituation(
            connected=self.shell.host is not None,
            row=self.row,
            run_id=self.reader.run_id,
            only=self.reader.only is not None,
            no_display=self._no_display,
            typing=self.typing,
        )

    def reason(self, action: str) -> str:
        """Return why an action, as Textual writes it, does not apply now; empty if it does."""
        return why_not_report(action.partition("(")[0], self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_report(action, self.situation)

    # --- the list and the report ------------------------------------------------------

    def on_report_table_report_highlighted(self, event: ReportTable.ReportHighlighted) -> None:
        event.stop()
        self._aim()

    def on_report_table_report_selected(self, event: ReportTable.ReportSelected) -> None:
        event.stop()
        self.action_focus_report()

    # --- actions ----------------------------------------------------------------------

    def action_create(self) -> None:
        run_id, report = self.reader.run_id, self.reader.report
        if run_id is not None:
            self.do(self._create(run_id, report.title if report else "the run"))

    async def _create(self, run_id: str, title: str) -> None:
        row = await self.dialogs.create(run_id, title)
        if row is not None:
            self._wanted = row.id

    def action_save(self) -> None:
        self.do(self.dialogs.save(self._selected()))

    def action_open_file(self) -> None:
        self.do(self.dialogs.open(self._selected()))

    def action_copy_path(self) -> None:
        self.dialogs.copy_path(self._selected())

    def action_delete(self) -> None:
        self.do(self.dialogs.delete(self._selected()))

    def action_go_to_run(self) -> None:
        self.dismiss(self.reader.run_id)

    def action_all_runs(self) -> None:
        """List the files of all runs, or of the run on display only."""
        self.reader.only = None if self.reader.only else self.reader.run_id
        self.action_focus_list()
        self.reader.read_list()

    def action_focus_report(self) -> None:
        self.add_class("-report")
        self.view.focus()

    def action_close(self) -> None:
        """From the report to the list, from a filtered list to the whole one, then back."""
        from_list = self._run_id is None
        if self.focused is self.view and from_list:
            self.action_focus_list()
        elif self.filter.text:
            self.filter.action_clear()
        else:
            self.dismiss(None)

    def _selected(self) -> ReportRow:
        if self.row is None:
            raise NotFound("No report is selected.")
        return self.row


def _has(row: ReportRow, words: list[str]) -> bool:
    """Whether each of the words is in what is said about a report."""
    made = "by task" if row.automatic else "by hand"
    parts = (row.title, row.project_name, row.task_name, row.format.value, row.run_state, made)
    text = "\n".join((*parts, row.id, row.run_id)).casefold()
    return all(word in text for word in words)
