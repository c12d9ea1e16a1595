"""Reads for the screen of reports: the files that there are, and what one of them says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen
from textual.timer import Timer

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.refresher import Refresher, Rest, failure_in
from foredeck.app.screens.shell import host_of
from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.reports import ReportRow
from foredeck.services.host.interface import Host
from foredeck.services.host.report_requests import GetRunReport, ListReports

# So many reports are listed at most; the title says if there are more.
MOST_LISTED = 1000
# Seconds that the cursor has to rest on a report, and that a change of a run at work waits.
_DWELL, _PATIENCE = 0.15, 1.0
# How many times as long as a read took comes before the next, and how long at most (seconds): a
# report is long, and nobody reads it as fast as it changes.
_FACTOR, _LONGEST = 20.0, 30.0


class ReportReader:
    """Reads one thing at a time, and again when that has changed.

    `only` is the run whose files are listed, None for all.
    """

    def __init__(
        self,
        screen: Screen[Any],
        only: str | None,
        show_list: Callable[[], None],
        show_report: Callable[[], None],
        list_failed: Callable[[Exception], None],
        report_failed: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self.only = only
        self._show_list = show_list
        self._show_report = show_report
        self._aim: str | None = None
        self._timer: Timer | None = None
        self._list_rest, self._report_rest = Rest(_FACTOR, 1.0), Rest(_FACTOR, _LONGEST)
        self.rows: tuple[ReportRow, ...] | None = None
        self.total = 0
        self.report: RunReport | None = None
        self._lists = Refresher(
            screen, self._read_list, failure_in(screen, list_failed, self._has_read)
        )
        self._reports = Refresher(
            screen, self._read_report, failure_in(screen, report_failed, self._has_read)
        )

    @property
    def run_id(self) -> str | None:
        """The run whose report is looked at."""
        return self._aim

    def apply(self, change: HostChanged) -> None:
        """Read again what has changed."""
        if change.resync or change.reports:
            self.read_list()
        elif any(row.run_id in change.runs for row in self.rows or ()):
            self._lists.request()
        if self._aim is not None and change.touches(self._aim):
            self._soon(_PATIENCE)

    def read_list(self) -> None:
        """Read the list again, at once."""
        self._lists.request()
        self._list_rest.hurry()

    def read_report(self) -> None:
        """Read the report again that is looked at, at once."""
        self._reports.request()
        self._report_rest.hurry()

    def aim(self, run_id: str | None, *, at_once: bool = False) -> None:
        """Look at the report of that run from now on, or at none; soon, or at once."""
        if run_id == self._aim:
            return
        self._aim = run_id
        self._stop()
        self._report_rest.hurry()
        if run_id is None:
            self.report = None
        elif at_once:
            self._reports.request()
        else:
            self._soon(_DWELL)

    def _soon(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._screen.set_timer(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._reports.request()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _has_read(self) -> bool:
        return self.rows is not None

    @property
    def _host(self) -> Host:
        return host_of(self._screen)

    async def _read_list(self) -> None:
        only = self.only
        async with self._list_rest.after():
            page = await self._host.ask(ListReports(only, limit=MOST_LISTED))
            if self._screen.is_attached and only == self.only:
                self.rows, self.total = page.items, page.total
                self._show_list()

    async def _read_report(self) -> None:
        wanted = self._aim
        if wanted is None:
            return
        async with self._report_rest.after():
            report = await self._host.ask(GetRunReport(wanted))
            if wanted == self._aim and self._screen.is_attached:
                self.report = report
                self._show_report()
