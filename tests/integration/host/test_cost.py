"""What a run and all runs cost, as a client is told."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from foredeck.services.domain.records import Run, TokenUsage
from foredeck.services.event_bus import EventBus
from foredeck.services.host.queries import GetRun
from foredeck.services.host.query_handlers import StoreQueries
from foredeck.services.host.status import StatusReporter
from foredeck.services.pricing import Price
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from tests.support import records as make

MILLION = TokenUsage(1_000_000, 0, 100_000)
PRICE = Price(1.0, 0.1, 10.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", EventBus())
    yield store
    await store.close()


async def run_that_used(store: Store, *models: str) -> Run:
    project = make.project()
    run = make.run(project)
    step = make.step(run)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
        for model in models:
            await tx.jobs.add(make.job(step, model=model, usage=MILLION))
    return run


async def told(
    store: Store, tmp_path: Path, run: Run, prices: Mapping[str, Price]
) -> tuple[float | None, float | None]:
    """Return the cost of the run and of all runs."""
    settings = Settings(data_dir=tmp_path, codex_path=tmp_path / "none", prices=prices)
    status = StatusReporter(settings, store, store._bus, None)
    detail = await StoreQueries(store, prices).run(GetRun(run.id))
    return detail.cost, (await status.report()).cost


async def test_a_run_and_all_runs_have_their_cost(store: Store, tmp_path: Path) -> None:
    run = await run_that_used(store, "codex")
    await run_that_used(store, "codex", "codex")
    one, everything = await told(store, tmp_path, run, {"codex": PRICE})
    assert one == pytest.approx(2.0)
    assert everything == pytest.approx(6.0)


async def test_a_price_that_is_missing_makes_unknown_what_needs_it(
    store: Store, tmp_path: Path
) -> None:
    run = await run_that_used(store, "codex")
    await run_that_used(store, "another")
    one, everything = await told(store, tmp_path, run, {"codex": PRICE})
    assert one == pytest.approx(2.0)
    assert everything is None
    assert await told(store, tmp_path, run, {}) == (None, None)
