"""What clients ask and do about notifications."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from foredeck.services.audit import audited
from foredeck.services.domain import clock
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.notices import Channel, ChannelTest
from foredeck.services.domain.states import RunState
from foredeck.services.host.notice_handlers import NoticeCommands, NoticeQueries
from foredeck.services.host.notice_requests import (
    GetAway,
    ListNotifications,
    MarkSeen,
    SendTestNotification,
)
from foredeck.services.notifications.notifier import Notifier
from foredeck.services.notifications.service import Notifications, senders_of
from foredeck.services.redaction import Redactor
from foredeck.services.settings import Settings
from foredeck.services.store.audit import AuditFilter
from foredeck.services.store.store import Store
from tests.support.newsroom import Newsroom
from tests.unit.notifications.conftest import Recorder
from tests.unit.notifications.test_notifier import ALL


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", notify_command=("/bin/true",))


@pytest.fixture
def commands(store: Store, bus: Recorder, settings: Settings) -> NoticeCommands:
    return NoticeCommands(store, Notifications(settings, store, bus))


async def test_a_list_has_pages(store: Store, bus: Recorder, room: Newsroom) -> None:
    for number in range(3):
        await room.ended(f"run {number}", RunState.SUCCESS)
    await Notifier(store, bus, ALL, (), lambda: None).look()
    handle = NoticeQueries(store).table()[ListNotifications]
    page = await handle(ListNotifications(limit=2, offset=1))
    assert [row.title for row in page.items] == ["run 1", "run 0"]
    assert (page.total, page.limit, page.offset) == (3, 2, 1)
    with pytest.raises(InvalidInput):
        await handle(ListNotifications(limit=0))


async def test_nobody_has_seen_what_is_to_come(
    store: Store, room: Newsroom, commands: NoticeCommands
) -> None:
    before = clock.now()
    await commands.table()[MarkSeen](MarkSeen(before + timedelta(days=1)))
    await room.ended("a run", RunState.SUCCESS)
    away = await NoticeQueries(store).table()[GetAway](GetAway())
    assert away.since is not None
    assert before <= away.since <= away.until
    assert away.total == 1


async def test_that_somebody_looks_is_not_recorded(store: Store, commands: NoticeCommands) -> None:
    handlers = audited(commands.table(), store, "a test")
    await handlers[MarkSeen](MarkSeen(clock.now()))
    await handlers[SendTestNotification](SendTestNotification())
    rows = (await store.queries.audit(AuditFilter(action="command"))).items
    assert [row.action for row in rows] == ["command.send_test_notification"]


async def test_each_channel_that_is_set_is_tried(commands: NoticeCommands) -> None:
    assert await commands.test(SendTestNotification()) == (ChannelTest(Channel.COMMAND, True),)


def test_a_rehearsal_tells_nobody_outside(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, notify_command="true", notify_webhook="env:X", rehearsal=True
    )
    assert not senders_of(settings, Redactor())
