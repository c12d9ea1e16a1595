"""What the environment of a job of its own says, and the secrets that it refers to (SPEC R3)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from foredeck.services.domain.errors import SettingsError
from foredeck.services.domain.jobs import JobOrder
from foredeck.services.store.store import Store
from foredeck.services.tool_servers import plain_environment


async def own_environment(store: Store, order: JobOrder) -> Mapping[str, str]:
    """Return what its project and its order say, with the secrets, which are known from now on.

    May take seconds. Raises `SettingsError` for a reference that stands for nothing.
    """
    async with store.transaction() as tx:
        project = await tx.projects.get(order.project_id)
    wanted = {**project.settings.environment, **dict(order.environment)}
    own, secrets = await asyncio.to_thread(plain_environment, wanted)
    store.redactor.learn(secrets)
    return own


async def know_secrets(store: Store, order: JobOrder) -> None:
    """Know again what an earlier host has given to a job: it may have printed that."""
    with suppress(SettingsError):  # it is gone: then nobody can look for it
        await own_environment(store, order)
