"""However often a task was executed, a look at what is under way does not take longer."""

from typing import Any

import pytest

from foredeck.services.domain.states import RunState
from foredeck.services.store import task_views
from foredeck.services.store.store import Store
from foredeck.services.store.task_views import TaskFilter
from foredeck.services.store.tasks import ExecutionRepository
from tests.support import reported
from tests.support.watched import Watched


async def test_what_is_under_way_is_found_by_the_states_of_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reported.store_run(store, RunState.RUNNING)
    task = await reported.make_execution(store, run)
    async with store.transaction() as tx:
        executions: ExecutionRepository = tx.executions
        watched: Any = Watched(executions._unit.link)
        monkeypatch.setattr(executions._unit, "link", watched)
        assert [found.id for found in await executions.unfinished(task.id)] == [run.id]
        assert await executions.not_begun() == ()
    assert any("run_in_state" in step for step in watched.plans)
    assert [step for step in watched.plans if "execution_of_task" in step] == []
    assert watched.scans() == []


async def test_of_a_list_of_tasks_those_under_way_are_counted_so_too(store: Store) -> None:
    run = await reported.store_run(store, RunState.RUNNING)
    await reported.make_execution(store, run)
    async with store._database.reading() as link:
        watched: Any = Watched(link)
        page = await task_views.page(watched, TaskFilter(), 50, 0)
    assert [row.running for row in page.items] == [1]
    assert any("run_in_state" in step for step in watched.plans)
