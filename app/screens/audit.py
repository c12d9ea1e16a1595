"""The audit screen: who did what, when, and what it changed; and whether the record is whole."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.audit_keys import AuditSituation
from foredeck.app.screens.audit_list import AuditListPane
from foredeck.app.screens.audit_offers import AuditOffers
from foredeck.app.screens.audit_reader import PAGE, AuditReader
from foredeck.app.screens.filter_bar import FilterBar
from foredeck.app.screens.pane import Pane
from foredeck.services.domain.audit import AuditRow
from foredeck.services.host.queries import ListAudit
from foredeck.widgets.audit_facts import AuditFacts
from foredeck.widgets.audit_table import AuditTable
from foredeck.widgets.key_bar import KeyBar

# Not every row comes with an event: a command that was refused changes nothing. In seconds.
_LOOK_AGAIN = 2.0


class AuditScreen(AuditOffers):
    """The list, and below it (or, on a low screen, in its place) the row under the cursor."""

    CSS_PATH = "../../styles/audit.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012 (as Textual declares it)
    in_place = "-row"

    def __init__(self) -> None:
        super().__init__()
        self.listed = AuditListPane()
        self.pane, self.facts = Pane(title="Row", id="pane-audit-row"), AuditFacts()
        self.reader = AuditReader(self, self._show, self.listed.fail)
        # The broken row that the cursor was put on, and the one whose surroundings were read.
        self._shown_broken: int | None = None
        self._gone_to: int | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="audit-body"):
            yield self.listed
            yield self.pane
        yield KeyBar(last=("command_palette", "help", "close"))

    async def on_mount(self) -> None:
        await self.listed.furnish()
        await self.pane.fill(self.facts)
        self.shell.changed.subscribe(self, self._apply)
        self.set_interval(_LOOK_AGAIN, self._look)
        self.listed.say("Loading…")
        self.pane.say("Loading…")
        self.reader.want(ListAudit())

    @property
    def row(self) -> AuditRow | None:
        """The row under the cursor."""
        return self.listed.table.row if self.listed.shows_rows else None

    @property
    def situation(self) -> AuditSituation:
        """What decides which actions apply."""
        row = self.row
        return AuditSituation(
            connected=self.shell.host is not None,
            row=row is not None,
            traced=row is not None and bool(row.trace_id),
            verifying=self.reader.verifying,
            following=self.listed.following and self.reader.ahead,
            typing=self.typing,
            listed=not (self.has_class("-low") and self.has_class("-row")),
        )

    @property
    def filter_bar(self) -> FilterBar:
        """Where the list is filtered."""
        return self.listed.filter

    @property
    def list_table(self) -> AuditTable:
        """What takes the keys of the list."""
        return self.listed.table

    @property
    def in_item(self) -> bool:
        """Whether the keys go to a row, not to the list."""
        return self.focused is self.facts

    @property
    def help_topic(self) -> str:
        """The topic of the help for what has the keys."""
        return "audit"

    def read_again(self) -> None:
        """Read the rows anew."""
        self.reader.reload()

    # --- what is shown ----------------------------------------------------------------

    def _apply(self, change: HostChanged) -> None:
        del change
        self._look()

    def _look(self) -> None:
        if self.listed.following and self.is_current and self.shell.host is not None:
            self.reader.refresh()

    def _show(self) -> None:
        reader = self.reader
        self.listed.show_verdict(reader.verdict, self._trail_length)
        if reader.rows is not None:
            self.listed.show_rows(reader.rows, reader.total, ahead=reader.ahead)
        if self.focused is None and self.listed.shows_rows:
            self.listed.table.focus()
        self._show_row()
        self._go_to_broken()

    @property
    def _trail_length(self) -> int:
        """How many rows the trail has, as far as is known."""
        rows = self.reader.rows
        return rows[0].seq if rows else 0

    def _show_row(self) -> None:
        row = self.row
        if row is None:
            self.pane.say("No row is selected.")
            self.pane.set_title("Row")
        else:
            self.facts.update_row(row)
            self.pane.set_title(f"Row {row.seq:,}")
            self.pane.show_content()
        self.refresh_bindings()

    def _go_to_broken(self) -> None:
        """Show where the chain breaks, once; for a row that is missing, what stands around it."""
        verdict, rows = self.reader.verdict, self.reader.rows
        broken = verdict.broken if verdict is not None else None
        if broken is None or rows is None or broken == self._shown_broken:
            return
        numbers = [row.seq for row in rows]
        if broken not in numbers and broken != self._gone_to:
            self._gone_to = broken
            self.listed.unfilter()
            self.reader.want(ListAudit(), broken + PAGE // 2)
            return
        self._shown_broken = broken
        place = next((at for at, seq in enumerate(numbers) if seq <= broken), len(rows) - 1)
        # Once the verdict has taken its rows: the last row in sight would be below the list then.
        self.call_after_refresh(self.listed.table.move_cursor, place)

    def on_audit_table_row_highlighted(self, event: AuditTable.RowHighlighted) -> None:
        event.stop()
        self._show_row()

    def on_audit_table_older_wanted(self, event: AuditTable.OlderWanted) -> None:
        event.stop()
        self.reader.read_older()

    def on_audit_table_row_selected(self, event: AuditTable.RowSelected) -> None:
        event.stop()
        self.action_focus_row()

    def rearrange(self) -> None:
        """Read what the filter asks for."""
        self.reader.want(self.listed.query_for(self.shell.now()))

    # --- actions ----------------------------------------------------------------------

    def action_severity(self) -> None:
        self.listed.next_severity()
        self.rearrange()

    def action_same_trace(self) -> None:
        """List what belongs together; the filter shows it, and escape takes it away."""
        row = self.row
        if row is not None:
            self.remove_class("-row")
            self.listed.filter.put(f"trace:{row.trace_id}")
            self.listed.table.focus()

    def action_verify(self) -> None:
        if not self.situation.listed:
            self.action_focus_list()  # the verdict stands above the list
        self._shown_broken = self._gone_to = None
        self.reader.verify()

    def action_follow(self) -> None:
        """Hold the list still, or go on with the newest rows."""
        listed = self.listed
        if not self.reader.ahead:
            listed.following = True
            self.rearrange()
        else:
            listed.following = not listed.following
            listed.show_rows(self.reader.rows or (), self.reader.total, ahead=True)
            self._look()
        self.refresh_bindings()

    def action_focus_row(self) -> None:
        self.add_class("-row")
        self.call_after_refresh(self.facts.focus)
