"""Reads the audit trail for its screen: pages of it, newest first, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from textual.screen import Screen

from foredeck.app.screens.refresher import Refresher, failure_in
from foredeck.app.screens.shell import host_of
from foredeck.services.domain.audit import AuditRow, AuditVerdict
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListAudit, VerifyAudit

# Rows of one read, and of one part of a verification.
PAGE, PART = 200, 5000
# So many rows may come between two looks; if it were more, the list would begin anew.
_MOST_NEW = 2000


class AuditReader:
    """Holds the rows that have been read: one stretch of what the filter lets through.

    `ahead` says that the newest rows belong to it; a stretch that was begun in the middle, to
    show a place, stands still.
    """

    def __init__(
        self,
        screen: Screen[None],
        show: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self._show = show
        self._wanted = ListAudit(limit=PAGE)
        self._below: int | None = None
        self._grow = False
        self.rows: tuple[AuditRow, ...] | None = None
        self.total = 0
        told = failure_in(screen, failed, lambda: self.rows is not None)
        self._reads = Refresher(screen, self._read, told)
        self._verifying = Refresher(screen, self._verify, told)
        self.verdict: AuditVerdict | None = None

    # --- what is read -----------------------------------------------------------------

    @property
    def ahead(self) -> bool:
        """Whether the newest rows are among those shown."""
        return self._below is None

    @property
    def has_older(self) -> bool:
        """Whether there are rows before the last one read."""
        return self.total > len(self.rows or ())

    def want(self, query: ListAudit, below: int | None = None) -> None:
        """List other rows from now on; with `below`, those with lower numbers only."""
        self._wanted = replace(query, limit=PAGE)
        self._below, self.rows, self._grow = below, None, False
        self._reads.request()

    def refresh(self) -> None:
        """Read what is new."""
        if self.ahead or self.rows is None:
            self._reads.request()

    def reload(self) -> None:
        """Read everything again."""
        self.rows = None
        self._reads.request()

    def read_older(self) -> None:
        """Read the next rows before the last one."""
        if self.has_older and not self._grow:
            self._grow = True
            self._reads.request()

    @property
    def _host(self) -> Host:
        return host_of(self._screen)

    async def _read(self) -> None:
        wanted, below = self._wanted, self._below
        rows = self.rows
        if rows is None:
            found, total = await self._ask(replace(wanted, below=below))
        else:
            found, total = await self._more(rows, wanted)
        if (wanted, below) == (self._wanted, self._below) and self._screen.is_attached:
            changed = found is not self.rows or total != self.total
            self.rows, self.total = found, total
            if changed:
                self._show()

    async def _more(
        self, rows: tuple[AuditRow, ...], wanted: ListAudit
    ) -> tuple[tuple[AuditRow, ...], int]:
        """Return the rows with those that came behind and, if asked for, before them."""
        total = self.total
        if self.ahead:
            top = rows[0].seq if rows else 0
            newer, count = await self._ask(replace(wanted, above=top, limit=_MOST_NEW))
            if count > len(newer):
                return await self._ask(wanted)
            if newer:
                rows, total = (*newer, *rows), total + count
        if self._grow and rows:
            self._grow = False
            older, count = await self._ask(replace(wanted, below=rows[-1].seq))
            rows, total = (*rows, *older), len(rows) + count
        return rows, total

    async def _ask(self, query: ListAudit) -> tuple[tuple[AuditRow, ...], int]:
        page = await self._host.ask(query)
        return page.items, page.total

    # --- whether it is whole ----------------------------------------------------------

    @property
    def verifying(self) -> bool:
        """Whether the seals are being computed."""
        return self.verdict is not None and not self.verdict.complete

    def verify(self) -> None:
        """Compute all seals anew, part by part."""
        if not self.verifying:
            self.verdict = AuditVerdict(0, complete=False)
            self._verifying.request()

    async def _verify(self) -> None:
        verdict = AuditVerdict(0, complete=False)
        try:
            while not verdict.complete and self._screen.is_attached:
                self.verdict = verdict
                self._show()
                verdict = await self._host.ask(VerifyAudit(verdict.rows, verdict.tip, PART))
        except BaseException:
            self.verdict = None
            raise
        self.verdict = verdict
        if self._screen.is_attached:
            self._show()
