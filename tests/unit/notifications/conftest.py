"""A store, the events that it publishes, and a room in which things happen."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.domain.events import Event, NoticeRaised, NotificationSaved
from foredeck.services.event_bus import EventBus
from foredeck.services.redaction import Redactor
from foredeck.services.store.store import Store
from tests.support.newsroom import Newsroom


class Recorder(EventBus):
    """A bus that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Event] = []

    def publish(self, event: Event) -> None:
        super().publish(event)
        self.published.append(event)

    def rung(self) -> list[NotificationSaved]:
        return [event for event in self.published if isinstance(event, NotificationSaved)]

    def notices(self) -> list[str]:
        return [event.message for event in self.published if isinstance(event, NoticeRaised)]


@pytest.fixture
def bus() -> Recorder:
    return Recorder()


@pytest.fixture
async def store(tmp_path: Path, bus: Recorder) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", bus, redactor=Redactor(["hunter2-hunter2"]))
    yield store
    await store.close()


@pytest.fixture
def room(store: Store) -> Newsroom:
    return Newsroom(store)
