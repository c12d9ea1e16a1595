"""A host that closes ends what makes reports, whatever that is at."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from foredeck.app import reporting
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.states import RunState
from foredeck.services.event_bus import EventBus
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from tests.support import reported


async def test_a_typesetter_that_hangs_does_not_hold_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, program = tmp_path / "started", tmp_path / "python"
    program.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 600\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(reporting, "LAST_WAIT", 0.05)
    bus = EventBus()
    store = await Store.open(tmp_path / "data", bus)
    run = await reported.store_run(store, RunState.FAILED)
    await reported.make_execution(store, run, ReportFormat.PDF)
    async with asyncio.timeout(60):
        settings = Settings(data_dir=tmp_path / "data")
        async with reporting.open_reports(settings, store, bus, stays=True):
            while not started.exists():
                await asyncio.sleep(0.01)
    assert [run_id for run_id, _ in await store.queries.reports.due()] == [run.id]
    await store.close()
