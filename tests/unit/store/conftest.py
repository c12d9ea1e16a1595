"""A store in a fresh directory, and the events that it publishes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.domain.events import Event
from foredeck.services.event_bus import EventBus
from foredeck.services.store.store import Store


class Recorder(EventBus):
    """A bus that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Event] = []

    def publish(self, event: Event) -> None:
        super().publish(event)
        self.published.append(event)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.published]


@pytest.fixture
def bus() -> Recorder:
    return Recorder()


@pytest.fixture
async def store(tmp_path: Path, bus: Recorder) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", bus)
    yield store
    await store.close()
