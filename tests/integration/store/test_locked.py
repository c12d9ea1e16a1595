"""Another program holds the database for a while: it is said, waited out, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from foredeck.services.domain.errors import DatabaseLocked
from foredeck.services.domain.events import NoticeRaised, ProjectSaved
from foredeck.services.store.store import Store
from tests.support import records as make
from tests.support.locker import locked
from tests.unit.store.conftest import Recorder

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foredeck.services.store.engine.WRITER_WAIT", 0.1)
    monkeypatch.setattr("foredeck.services.store.store.BUSY_TIMEOUT", 0.5)


async def add(store: Store, name: str, actor: str) -> None:
    async with store.transaction(actor) as tx:
        await tx.projects.add(make.project(name))


def notices(bus: Recorder) -> list[tuple[str, str]]:
    found = [event for event in bus.published if isinstance(event, NoticeRaised)]
    return [(event.severity, event.message) for event in found]


async def test_the_hosts_own_work_waits_and_goes_on(tmp_path: Path) -> None:
    bus = Recorder()
    store = await Store.open(tmp_path, bus)
    try:
        with locked(tmp_path / "foredeck.db") as other:
            work = [asyncio.create_task(add(store, f"work {n}", "host")) for n in range(3)]
            async with asyncio.timeout(PATIENCE):
                while not notices(bus):
                    await asyncio.sleep(0.01)
                await asyncio.sleep(1.0)  # beyond what a person would wait
                assert not any(task.done() for task in work)
                assert (await store.queries.projects()).total == 0  # reading goes on
                other.release()
                await asyncio.gather(*work)
        assert (await store.queries.projects()).total == 3
        (warned, said), (told, free) = notices(bus)
        assert (warned, told) == ("warning", "information")
        assert "locked by another program" in said
        assert "free again" in free
        assert bus.names().count(ProjectSaved.__name__) == 3
        assert (await store.queries.verify_audit()).rows == 3
    finally:
        await store.close()


async def test_what_a_person_asked_for_fails_in_time_and_changes_nothing(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, Recorder())
    try:
        with locked(tmp_path / "foredeck.db"):
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(DatabaseLocked, match="Close what else has it open"):
                    await add(store, "mine", "user")
        assert (await store.queries.projects()).total == 0
        await add(store, "mine", "user")
        assert (await store.queries.projects()).total == 1
    finally:
        await store.close()


async def test_a_house_that_closes_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foredeck.services.patience.LAST_WAIT", 0.3)
    store = await Store.open(tmp_path, Recorder())
    try:
        with locked(tmp_path / "foredeck.db"):
            work = asyncio.create_task(add(store, "late", "host"))
            await asyncio.sleep(0)
            store.hurry()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(DatabaseLocked):
                    await work
    finally:
        await store.close()
