"""The list on the audit screen: what it is filtered by, what it says, and the verdict above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from textual.widgets import Static

from foredeck.app.screens.audit_filter import wanted_by
from foredeck.app.screens.list_pane import ListPane
from foredeck.services.domain.audit import AuditRow, AuditVerdict, Severity
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.host.queries import ListAudit
from foredeck.widgets.audit_table import AuditTable

_NONE = ("Nothing yet.", "Every command is recorded here, and every change of a run, step or job.")
_SEVERITIES = (None, Severity.WARNING, Severity.ERROR, Severity.CRITICAL, Severity.INFO)


class AuditListPane(ListPane):
    """Keeps the filter: what is typed, and the severity that a key chooses."""

    def __init__(self) -> None:
        self.table = AuditTable()
        super().__init__(self.table, title="Audit", id="pane-audit")
        self.verdict = Static("", id="audit-verdict", markup=False)
        self.severity: Severity | None = None
        self.following = True
        self._problem = ""

    async def furnish(self) -> None:
        """Put the views into the pane."""
        await super().furnish()
        await self.mount(self.verdict, before=0)
        self.verdict.display = False

    def next_severity(self) -> None:
        """List another severity only."""
        place = _SEVERITIES.index(self.severity)
        self.severity = _SEVERITIES[(place + 1) % len(_SEVERITIES)]

    def unfilter(self) -> None:
        """List everything again, whatever was asked for."""
        self.filter.clear()
        self.severity = None

    def query_for(self, now: datetime) -> ListAudit:
        """Return what is to be listed; what is typed counts more than the key."""
        query, self._problem = wanted_by(self.filter.text, now)
        return replace(query, severity=query.severity or self.severity)

    def show_rows(self, rows: Sequence[AuditRow], total: int, *, ahead: bool) -> None:
        """List the rows, or say why there are none."""
        with self.table.prevent(AuditTable.RowHighlighted):
            self.table.update_rows(rows)
        self.shows_rows = bool(rows)
        self._show_title(rows, total, ahead=ahead)
        if rows:
            self.show_content()
        elif self.filter.text.strip() or self.severity:
            way = "Escape takes the filter away." if self.filter.text.strip() else "s lists others."
            self.say("No row is like that.", way)
        else:
            self.say(*_NONE)

    def show_verdict(self, verdict: AuditVerdict | None, total: int) -> None:
        """Say how far the seals have been computed, or what came of it."""
        self.verdict.display = verdict is not None
        if verdict is None:
            return
        self.table.mark_broken(verdict.broken)
        self.verdict.update(_words(verdict, total))
        self.verdict.set_class(verdict.broken is not None, "-broken")
        self.verdict.set_class(verdict.complete and verdict.broken is None, "-whole")

    def _show_title(self, rows: Sequence[AuditRow], total: int, *, ahead: bool) -> None:
        place = "" if ahead else f"from row {rows[0].seq:,} back" if rows else ""
        self.tell(
            "Audit",
            f"✗ {safe_line(self._problem, limit=120)}" if self._problem else "",
            self.severity.value.lower() if self.severity else "",
            self.filtered,
            f"{total:,}",
            place or ("" if self.following else "held"),
        )


def _words(verdict: AuditVerdict, total: int) -> str:
    if verdict.broken is not None:
        return f"✗ The audit trail was changed. {verdict.reason}"
    if verdict.complete:
        return f"✓ The audit trail is whole: {verdict.rows:,} rows. Last seal: {verdict.tip or '–'}"
    of = f" of {max(total, verdict.rows):,}" if total else ""
    return f"Computing the seals… {verdict.rows:,}{of} rows"
