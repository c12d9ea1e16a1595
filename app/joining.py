"""Becoming the host of a data directory, or joining the one that is there already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foredeck.services.domain.errors import HostBusy, HostGone
from foredeck.services.host.interface import Host
from foredeck.services.host.lock import is_held, unheard
from foredeck.services.host.remote import RemoteHost
from foredeck.services.settings import Settings

if TYPE_CHECKING:
    from foredeck.app.assembly import Services
    from foredeck.app.container import Answering
    from foredeck.services.departure import Departure

# How long a host may hold the lock without answering, in seconds: one that closes, too.
PATIENCE = 15.0
_POLL = 0.05


@dataclass(frozen=True)
class Joined:
    """A host and whose it is: `remote` in another process, or `services` in this one."""

    host: Host
    remote: RemoteHost | None = None
    services: Services | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a command may have been begun: then it is not simply done again."""
        return self.remote is None or self.remote.has_begun


@asynccontextmanager
async def join_host(
    settings: Settings,
    role: str,
    *,
    recover: bool = True,
    departure: Departure | None = None,
    answering: Answering | None = None,
) -> AsyncIterator[Joined]:
    """Become the host if there is none, else be a client of the one that runs.

    The options are those of `open_services`. Raises `HostBusy` if one holds the data
    directory and does not answer, and what `open_services` raises.
    """

    def become() -> AbstractAsyncContextManager[Services]:
        # The store takes a quarter of a second: a client does without it.
        from foredeck.app.container import open_services

        return open_services(
            settings, role, recover=recover, departure=departure, answering=answering
        )

    deadline = time.monotonic() + PATIENCE
    async with AsyncExitStack() as stack:
        while True:
            joined = await _become(stack, settings, become) or await _attach(stack, settings)
            if joined:
                break
            if time.monotonic() > deadline:
                raise unheard(settings.data_dir)
            await asyncio.sleep(_POLL)
        yield joined


@asynccontextmanager
async def join_other(settings: Settings) -> AsyncIterator[Joined]:
    """Be a client of a host in another process; raises `HostGone` if there is none."""
    remote = await RemoteHost.open(settings.data_dir)
    try:
        yield Joined(remote, remote=remote)
    finally:
        await remote.close()


async def _become(
    stack: AsyncExitStack,
    settings: Settings,
    become: Callable[[], AbstractAsyncContextManager[Services]],
) -> Joined | None:
    """Become the host unless there is one; `stack` closes the services."""
    if is_held(settings.data_dir):
        return None
    try:
        services = await stack.enter_async_context(become())
    except HostBusy:
        return None  # another one was quicker
    return Joined(services.host, services=services)


async def _attach(stack: AsyncExitStack, settings: Settings) -> Joined | None:
    """Be a client of the host if one answers; `stack` leaves it."""
    try:
        return await stack.enter_async_context(join_other(settings))
    except HostGone:
        return None
