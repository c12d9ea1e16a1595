"""What the audit trail says of a command."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.audit import audited
from foredeck.services.event_bus import EventBus
from foredeck.services.host.commands import CancelRun
from foredeck.services.redaction import Redactor
from foredeck.services.store.audit import AuditFilter
from foredeck.services.store.store import Store

_SECRET = "Zq81kLm0pXyy77WqRt5u"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", EventBus(), redactor=Redactor([_SECRET]))
    yield store
    await store.close()


async def test_no_part_of_a_secret_is_left_where_a_field_is_cut(store: Store) -> None:
    async def cancel(_command: CancelRun) -> None:
        return None

    handlers = audited({CancelRun: cancel}, store, "a test")
    await handlers[CancelRun](CancelRun("r1", f"{'x' * 490}{_SECRET}{'y' * 50}"))
    (row,) = (await store.queries.audit(AuditFilter(action="command"))).items
    assert _SECRET[:5] not in row.after
    assert "[redact" in row.after
