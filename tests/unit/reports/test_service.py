"""Reports as files with rows: made, deleted, and made by themselves once for each end."""

import asyncio
import errno
import hashlib
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.audit import Severity
from foredeck.services.domain.errors import NotFound, StorageFull
from foredeck.services.domain.events import Event, NoticeRaised, ReportSaved
from foredeck.services.domain.records import Run
from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.reports import ReportFormat, ReportRow
from foredeck.services.domain.states import RunState
from foredeck.services.event_bus import EventBus
from foredeck.services.reports.automatic import AutomaticReports
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.renderers import RENDERERS
from foredeck.services.reports.service import ReportService
from foredeck.services.store.audit import AuditFilter
from foredeck.services.store.store import Store
from tests.support import reported

JSON = ReportFormat.JSON


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def service(store: Store, collector: ReportCollector, data: Path) -> ReportService:
    return ReportService(store, collector, data)


async def all_rows(store: Store, **wanted: Any) -> tuple[ReportRow, ...]:
    return (await store.queries.reports.page(**wanted)).items


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_one_is_made_and_deleted(
    store: Store, service: ReportService, data: Path, bus: EventBus
) -> None:
    run = await reported.store_run(store, RunState.RUNNING)
    seq = bus.seq
    report = await service.create(run.id[:9], JSON, "So far")
    path = data / report.path
    assert path == data / "reports" / f"{report.id}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (report.size, report.sha256) == (
        path.stat().st_size,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    assert json.loads(path.read_bytes())["title"] == "So far"
    (row,) = await all_rows(store)
    assert (row.id, row.title, row.automatic, row.run_state) == (
        report.id,
        "So far",
        False,
        "running",
    )
    assert row == await store.queries.reports.get(report.id[:10])

    assert await service.delete(report.id) == report
    assert await all_rows(store) == ()
    assert os.listdir(path.parent) == []
    with pytest.raises(NotFound):
        await service.delete(report.id)
    told = [e for e in await events_since(bus, seq) if isinstance(e, ReportSaved)]
    assert [event.report_id for event in told] == [report.id, report.id]
    trail = await store.queries.audit(AuditFilter(resource="report"))
    assert [entry.action for entry in trail.items] == ["report.delete", "report.create"]
    assert all(entry.resource_id == report.id for entry in trail.items)
    assert json.loads(trail.items[0].before)["title"] == "So far"


async def events_since(bus: EventBus, seq: int) -> list[Event]:
    subscription = bus.subscribe(seq)
    found = []
    while bus.seq > seq:
        event = await anext(subscription)
        found.append(event)
        seq = event.seq
    return found


async def test_lists_are_newest_first_and_by_run_or_task(
    store: Store, service: ReportService
) -> None:
    first = await reported.store_run(store, RunState.SUCCESS)
    second = await reported.store_run(store, RunState.FAILED)
    task = await reported.make_execution(store, second)
    made = [await service.create(run.id, JSON) for run in (first, second, first)]
    ids = [report.id for report in reversed(made)]
    assert [row.id for row in await all_rows(store)] == ids
    assert [row.id for row in await all_rows(store, run_ref=first.id)] == [ids[0], ids[2]]
    (row,) = await all_rows(store, task_ref=task.name)
    assert (row.id, row.task_id, row.task_name) == (ids[1], task.id, task.name)
    assert await all_rows(store, task_ref=task.id, run_ref=first.id) == ()
    page = await store.queries.reports.page(limit=1, offset=1)
    assert ([row.id for row in page.items], page.total) == ([ids[1]], 3)


async def test_a_full_disk_leaves_nothing_behind(
    store: Store, service: ReportService, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    with monkeypatch.context() as patch:
        patch.setattr("foredeck.services.reports.files.os.fsync", no_room)
        with pytest.raises(StorageFull, match="no room"):
            await service.create(run.id, JSON)
    assert os.listdir(data / "reports") == []
    assert await all_rows(store) == ()
    assert (data / (await service.create(run.id, JSON)).path).exists()


async def test_a_row_that_cannot_be_written_leaves_no_file(
    store: Store, service: ReportService, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    add = "foredeck.services.store.reports.ReportRepository.add"
    monkeypatch.setattr(add, lambda *_: (_ for _ in ()).throw(StorageFull("The disk is full.")))
    with pytest.raises(StorageFull):
        await service.create(run.id, JSON)
    assert os.listdir(data / "reports") == []


async def test_what_a_crash_has_left_is_removed(
    store: Store, service: ReportService, data: Path
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    report = await service.create(run.id, JSON)
    for name in ("abcdefghjkmn.html", ".abcdefghjkmn.tmp"):
        (data / "reports" / name).write_text("left")
    await service.tidy()
    assert os.listdir(data / "reports") == [f"{report.id}.json"]


async def test_one_for_each_end(store: Store, service: ReportService) -> None:
    run = await reported.store_run(store, RunState.FAILED)
    await reported.make_execution(store, run)
    both = await asyncio.gather(*(service.create_automatically(run.id) for _ in range(2)))
    assert [report is not None for report in both] == [True, False]
    assert await service.create_automatically(run.id) is None
    await go_on(store, run)
    assert await store.queries.reports.due() == ()
    assert await service.create_automatically(run.id) is None
    await end(store, run)
    assert await store.queries.reports.due() == ((run.id, END),)
    assert await service.create_automatically(run.id) is not None
    rows = await all_rows(store)
    assert [(row.automatic, row.format) for row in rows] == [(True, JSON), (True, JSON)]
    await service.delete(rows[0].id)
    assert await service.create_automatically(run.id) is None


END = reported.LATER + timedelta(seconds=5)


async def go_on(store: Store, run: Run) -> None:
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.RUNNING, ended_at=None)


async def end(store: Store, run: Run) -> None:
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.SUCCESS, ended_at=END)


async def test_a_run_that_wants_none_gets_none(store: Store, service: ReportService) -> None:
    alone = await reported.store_run(store, RunState.SUCCESS)
    without = await reported.store_run(store, RunState.SUCCESS)
    await reported.make_execution(store, without, None)
    at_work = await reported.store_run(store, RunState.RUNNING)
    await reported.make_execution(store, at_work)
    for run in (alone, without, at_work):
        assert await service.create_automatically(run.id) is None
    assert await store.queries.reports.due() == ()


@asynccontextmanager
async def following(
    store: Store, bus: EventBus, service: ReportService
) -> AsyncIterator[AutomaticReports]:
    automatic = AutomaticReports(store, bus, service)
    events = bus.subscribe()
    task = asyncio.create_task(automatic.follow(events))
    try:
        yield automatic
    finally:
        await events.aclose()
        await task


async def heard(subscription: AsyncIterator[Event], kind: type[Event]) -> Event:
    async with asyncio.timeout(60):
        async for event in subscription:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} came")


async def test_they_come_by_themselves(store: Store, bus: EventBus, service: ReportService) -> None:
    before = await reported.store_run(store, RunState.CANCELLED)
    await reported.make_execution(store, before)
    run = await reported.store_run(store, RunState.RUNNING)
    await reported.make_execution(store, run)
    events = bus.subscribe()
    async with following(store, bus, service):
        caught_up = await heard(events, ReportSaved)
        await end(store, run)
        ended = await heard(events, ReportSaved)
    assert isinstance(caught_up, ReportSaved)
    assert isinstance(ended, ReportSaved)
    assert (caught_up.run_id, ended.run_id) == (before.id, run.id)
    assert await store.queries.reports.due() == ()


async def test_one_that_cannot_be_made_is_told_and_tried_again(
    store: Store, bus: EventBus, collector: ReportCollector, data: Path
) -> None:
    run = await reported.store_run(store, RunState.FAILED)
    await reported.make_execution(store, run)
    tries: list[str] = []

    def broken(error: Exception) -> Callable[[RunReport], bytes]:
        def render(report: RunReport) -> bytes:
            tries.append(report.run.id)
            raise error

        return render

    for error, why in ((StorageFull("The disk is full."), "disk is full"), (ValueError(), "Value")):
        events = bus.subscribe()
        service = ReportService(store, collector, data, {JSON: broken(error)})
        async with following(store, bus, service) as automatic:
            notice = await heard(events, NoticeRaised)
            await automatic.catch_up()
        assert isinstance(notice, NoticeRaised)
        assert notice.severity == "error"
        assert why in notice.message
        assert "next start" in notice.message
    assert len(tries) == 2
    trail = await store.queries.audit(AuditFilter(action="report.fail"))
    assert [(row.severity, row.resource_id) for row in trail.items] == [
        (Severity.ERROR, run.id)
    ] * 2
    assert await store.queries.reports.due() == ((run.id, reported.LATER),)
    async with following(store, bus, ReportService(store, collector, data, RENDERERS)):
        events = bus.subscribe()
        await heard(events, ReportSaved)
    assert await store.queries.reports.due() == ()


async def test_a_host_that_closes_leaves_to_the_next_one_what_it_has_no_time_for(
    store: Store, bus: EventBus, collector: ReportCollector, data: Path
) -> None:
    """However many are due: who quits does not wait for all of them."""
    for _ in range(3):
        await reported.make_execution(store, await reported.store_run(store, RunState.FAILED))
    closing: list[AutomaticReports] = []

    def render(report: RunReport) -> bytes:
        closing[0].hurry(0)  # while the first is being made
        return RENDERERS[JSON](report)

    service = ReportService(store, collector, data, {JSON: render})
    closing.append(AutomaticReports(store, bus, service))
    await closing[0].catch_up()
    assert len(await store.queries.reports.due()) == 2

    await AutomaticReports(store, bus, ReportService(store, collector, data)).catch_up()
    assert await store.queries.reports.due() == ()
