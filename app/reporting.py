"""The part of the composition root that makes reports; their handlers are made later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context

from foredeck.services.event_bus import EventBus
from foredeck.services.host.service import Handler
from foredeck.services.reports.automatic import LAST_WAIT, AutomaticReports
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.renderers import break_off
from foredeck.services.reports.service import ReportService
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store


def report_handlers(
    settings: Settings, store: Store, service: ReportService | None = None
) -> dict[type, Handler]:
    """Return what answers the queries about reports, for which the store is enough.

    With a `service` also what carries out the commands.
    """
    from foredeck.services.host.report_handlers import ReportCommands, ReportQueries

    queries = ReportQueries(store, _collector(settings, store), settings.data_dir)
    if service is None:
        return queries.table()
    return queries.table() | ReportCommands(service, queries).table()


@asynccontextmanager
async def open_reports(
    settings: Settings, store: Store, bus: EventBus, *, stays: bool
) -> AsyncIterator[ReportService]:
    """Make the reports that tasks want as their runs end; yield what makes reports.

    A host that `stays` makes those that earlier ones have left. At the end those are made that
    are still due, if that does not take long: open it before what ends runs as it closes.
    """
    service = ReportService(store, _collector(settings, store), settings.data_dir)
    automatic = AutomaticReports(store, bus, service)
    events = bus.subscribe()
    work = automatic.follow(events, stays=stays)
    following = asyncio.create_task(work, name="reports", context=Context())
    try:
        yield service
    finally:
        automatic.hurry()
        await events.aclose()
        finishing = asyncio.create_task(_finish(following, automatic), name="last reports")
        await asyncio.wait({finishing}, timeout=2 * LAST_WAIT)
        break_off()  # also what a command was making that is gone
        await asyncio.wait({finishing})


async def _finish(following: asyncio.Task[None], automatic: AutomaticReports) -> None:
    await asyncio.wait({following})
    await automatic.catch_up()


def _collector(settings: Settings, store: Store) -> ReportCollector:
    return ReportCollector(store, settings.prices, rehearsal=settings.rehearsal)
