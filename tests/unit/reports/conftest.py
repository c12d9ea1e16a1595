"""A store in a fresh directory, and what makes reports of its runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.event_bus import EventBus
from foredeck.services.pricing import Price
from foredeck.services.redaction import Redactor
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.store.store import Store

PRICES = {"gpt-5.2": Price(1.0, 0.1, 10.0), "gpt-5.2-codex": Price(2.0, 0.2, 20.0)}


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
async def store(tmp_path: Path, bus: EventBus) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", bus, redactor=Redactor())
    yield store
    await store.close()


@pytest.fixture
def collector(store: Store) -> ReportCollector:
    return ReportCollector(store, PRICES)
