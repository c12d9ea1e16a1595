"""No list of reports, and nothing that a report is made from, goes through a whole table."""

from typing import Any

import pytest

from foredeck.services.domain.states import RunState
from foredeck.services.store import report_material, reports
from foredeck.services.store.store import Store
from tests.support import reported
from tests.support.watched import Watched


@pytest.mark.parametrize(("run", "task"), [(None, None), ("r", None), (None, "t"), ("r", "t")])
async def test_a_page(store: Store, run: str | None, task: str | None) -> None:
    async with store._database.reading() as link:
        watched: Any = Watched(link)
        await reports.page(watched, run, task, 50, 0)
    assert watched.scans() == []
    # They come sorted from an index, but for those of one moment; those of a task are few.
    assert ("USE TEMP B-TREE FOR ORDER BY" in watched.plans) == (task is not None and run is None)


async def test_the_material(store: Store) -> None:
    run = await reported.store_run(store, RunState.FAILED)
    await reported.make_execution(store, run)
    async with store._database.reading() as link:
        watched: Any = Watched(link)
        await report_material.material(watched, run.id, 100)
        async for _ in report_material.messages(watched, run.id, lambda: 100):
            pass
    assert watched.scans() == []
