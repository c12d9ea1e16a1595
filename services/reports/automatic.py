"""The reports that tasks want about each of their runs, also when nobody is there (SPEC T5)."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from datetime import datetime

from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.events import Event, NoticeRaised, Resync, RunSaved
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.event_bus import EventBus
from foredeck.services.reports.service import ReportService
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

LAST_WAIT = 5.0
"""How long a host that closes goes on to begin reports that are due, in seconds."""


class AutomaticReports:
    """Makes each of them once: the database says which end of a run was reported about.

    So it does not matter who finds that a run has ended, or when. A report that cannot be made
    is told to the person, and tried again at the next start.
    """

    def __init__(self, store: Store, bus: EventBus, reports: ReportService) -> None:
        self._store = store
        self._bus = bus
        self._reports = reports
        self._failed: set[tuple[str, datetime]] = set()
        self._deadline = float("inf")

    def hurry(self, seconds: float = LAST_WAIT) -> None:
        """Begin no more reports in so many seconds; the next host makes those that are left."""
        self._deadline = time.monotonic() + seconds

    async def follow(self, events: AsyncIterator[Event], *, stays: bool = True) -> None:
        """Make the report of each run that ends, until the events end.

        A host that `stays` first tidies, and makes what earlier ones have left. Another one
        writes nothing before it must: what a person asked for would wait behind it.
        """
        if stays:
            await self._tidy()
            await self.catch_up()
        async for event in events:
            if isinstance(event, Resync):
                await self.catch_up()
            elif isinstance(event, RunSaved) and event.previous and event.state in FINAL_RUNS:
                await self._make(event.run_id)

    async def catch_up(self) -> None:
        """Make every report that is due and has not failed here, as long as there is time for it.

        Never raises.
        """
        try:
            due = await self._store.queries.reports.due()
        except ForedeckError as error:
            self._tell(f"Reports that may be missing could not be looked for: {error}")
            return
        for end in due:
            if time.monotonic() >= self._deadline:
                _log.info("reports that are still due are left to the next start")
                return
            if end not in self._failed:
                await self._make(end[0])

    async def _make(self, run_id: str) -> None:
        try:
            await self._reports.create_automatically(run_id)
        except Exception as error:  # never without a word
            _log.error(  # the traceback only of what is our own mistake
                "the report about run %s could not be made",
                run_id,
                exc_info=not isinstance(error, ForedeckError),
            )
            await self._remember(run_id)
            why = safe_line(str(error), limit=300) or type(error).__name__
            what = f"The report about run {run_id} could not be made: {why}"
            await self._record(run_id, what)
            self._tell(f"{what} It is tried again at the next start.")

    async def _remember(self, run_id: str) -> None:
        """Keep in mind which end could not be reported about."""
        try:
            due = await self._store.queries.reports.due()
        except ForedeckError:
            return
        self._failed |= {end for end in due if end[0] == run_id}

    async def _record(self, run_id: str, what: str) -> None:
        """Put it where it is found in the morning; a disk that is full has no room for it."""
        entry = AuditEntry("report.fail", "run", run_id, what, Severity.ERROR, run_id=run_id)
        try:
            async with self._store.transaction("reports") as tx:
                tx.audit(entry)
        except ForedeckError as error:
            _log.warning("that a report failed could not be recorded: %s", error)

    async def _tidy(self) -> None:
        try:
            await self._reports.tidy()
        except ForedeckError as error:
            _log.warning("left-over files of reports could not be removed: %s", error)

    def _tell(self, message: str) -> None:
        self._bus.publish(NoticeRaised(severity="error", message=message))
