"""What is asked about reports, and what they are made from; each from a read of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.reports import ReportRow
from foredeck.services.domain.views import Page
from foredeck.services.store import report_material, reports
from foredeck.services.store.engine import Database
from foredeck.services.store.finding import by_beginning, task_id

Take = Callable[[tuple[report_material.MessageRow, ...]], Awaitable[None]]
"""Is given messages."""


class ReportReads:
    """Reads beside the writer, never blocked by it; a part of `Queries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        run_ref: str | None = None,
        task_ref: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[ReportRow]:
        """Return reports, newest first; about one run or the runs of one task if asked for.

        Raises `InvalidInput`, `NotFound` and `Ambiguous`.
        """
        if limit < 1 or offset < 0:
            raise InvalidInput("A page has a limit of at least 1 and an offset of at least 0.")
        async with self._database.reading(consistent=True) as link:
            run = await by_beginning(link, "run", run_ref) if run_ref is not None else None
            task = await task_id(link, task_ref) if task_ref is not None else None
            return await reports.page(link, run, task, limit, offset)

    async def get(self, ref: str) -> ReportRow:
        """Return a report; raises `NotFound` and `Ambiguous`."""
        async with self._database.reading(consistent=True) as link:
            return await reports.row(link, ref)

    async def due(self) -> tuple[tuple[str, datetime], ...]:
        """Return the runs that have ended and are to be reported about, each with its end."""
        async with self._database.reading() as link:
            return await reports.due(link)

    async def material(
        self, ref: str, *, transitions: int, content: Callable[[], int], take: Take
    ) -> report_material.Material:
        """Return what is stored of a run, at most so many `transitions`, the latest ones.

        Its messages are given to `take` in blocks, the latest first. `content` says before each
        how many characters of a message will be shown, 0 for no more messages. Raises `NotFound`
        and `Ambiguous`.
        """
        async with self._database.reading(consistent=True) as link:
            found = await report_material.material(link, ref, transitions)
            async for block in report_material.messages(link, found.run.id, content):
                await take(block)
        return found
