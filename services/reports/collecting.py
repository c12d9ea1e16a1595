"""Reads what is stored of a run for a report about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from foredeck.services.domain import clock
from foredeck.services.pricing import Price
from foredeck.services.store.store import Store

if TYPE_CHECKING:
    from foredeck.services.domain.report_model import RunReport
    from foredeck.services.store.report_material import MessageRow

_BUILDING = "foredeck.services.reports.building"


class ReportCollector:
    """Reads a run as it is at one moment; what takes long happens in a thread.

    `rehearsal` says that the words of the models are scripted here.
    """

    def __init__(
        self, store: Store, prices: Mapping[str, Price], *, rehearsal: bool = False
    ) -> None:
        self._store = store
        self._prices = prices
        self._rehearsal = rehearsal

    async def collect(self, ref: str, title: str = "") -> RunReport:
        """Return what a report about the run says now; an empty `title` is that of the run.

        Raises `NotFound` and `Ambiguous`.
        """
        # What a report is made of costs a host that makes none a tenth of its opening.
        await asyncio.to_thread(import_module, _BUILDING)
        from foredeck.services.domain.report_model import ENTRY_LIMIT
        from foredeck.services.reports.building import ReportBuilder
        from foredeck.services.reports.transcript import TranscriptBuilder
        from foredeck.services.reports.words import Words

        words = Words(self._store.redactor)
        transcript = TranscriptBuilder(words)

        async def take(rows: tuple[MessageRow, ...]) -> None:
            await asyncio.to_thread(transcript.take, rows)

        material = await self._store.queries.reports.material(
            ref, transitions=ENTRY_LIMIT, content=transcript.wanted, take=take
        )
        builder = ReportBuilder(material, words, self._prices, clock.now())
        entries = transcript.entries()
        return await asyncio.to_thread(builder.build, title, entries, rehearsal=self._rehearsal)
