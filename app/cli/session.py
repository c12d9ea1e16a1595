"""What every command has at hand: the settings and a way to the host."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from foredeck.app.assembly import Services
    from foredeck.services.host.interface import Host
    from foredeck.services.settings import Settings
    from foredeck.services.settings_file import LoadedSettings

T = TypeVar("T")

_NO_HOST = "Open foredeck, or start a host without a screen: foredeck serve"


class Session:
    """The global options; settings are loaded when a command first needs them."""

    def __init__(
        self, flags: Mapping[str, Any], config: Path | None, *, debug: bool = False
    ) -> None:
        self._flags = {name: value for name, value in flags.items() if value is not None}
        self._config = config
        self._loaded: LoadedSettings | None = None
        self.debug = debug

    def loaded(self, **flags: Any) -> LoadedSettings:
        """Return the settings with their origins; `flags` are the command's own options."""
        from foredeck.services.settings_file import load_settings

        given = {name: value for name, value in flags.items() if value is not None}
        if given or self._loaded is None:
            self._loaded = load_settings({**self._flags, **given}, config=self._config)
        return self._loaded

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded().settings

    def read(self, work: Callable[[Host], Awaitable[T]]) -> T:
        """Run `work` with a host that answers queries, beside a running one if need be."""
        import asyncio  # not for --help

        return asyncio.run(self._read(work))

    def write(self, work: Callable[[Host], Awaitable[T]], role: str) -> T:
        """Run `work` as a client of the running host, or as the host if there is none.

        `role` says what this process is while it is the host. Raises `HostGone` if the
        host ends after it may have begun a command, and `LineDropped` once a host in the
        background goes on with what this process has left.
        """
        import asyncio

        from foredeck.app.cli.background import leave_to_background
        from foredeck.app.cli.interrupts import LineDropped

        try:
            return asyncio.run(self._write(work, role))
        except LineDropped:
            leave_to_background(self.settings)
            raise

    def hand_over(self, work: Callable[[Host], Awaitable[T]]) -> T:
        """Run `work` as a client of a host that goes on afterwards; start one if need be."""
        import asyncio

        from foredeck.app.cli.background import ensure_background_host

        while True:
            ensure_background_host(self.settings)
            answer = asyncio.run(self._hand_over(work))
            if answer:
                return answer[0]
            # It has closed in between: nothing was begun.

    def ask_other(self, work: Callable[[Host], Awaitable[T]]) -> T:
        """Run `work` as a client of the running host; raises `HostGone` if there is none."""
        import asyncio

        return asyncio.run(self._ask_other(work))

    async def _write(self, work: Callable[[Host], Awaitable[T]], role: str) -> T:
        from foredeck.app.joining import join_host
        from foredeck.services.domain.errors import HostGone

        log_to_file(self.settings, debug=self.debug)
        while True:
            async with join_host(self.settings, role, recover=False) as joined:
                try:
                    if joined.services:
                        return await _work_as_host(joined.services, work)
                    return await work(joined.host)
                except HostGone:
                    if joined.has_begun:
                        raise
                    # It has closed in between: nothing was begun.

    async def _hand_over(self, work: Callable[[Host], Awaitable[T]]) -> tuple[T] | None:
        from foredeck.app.joining import join_other
        from foredeck.services.domain.errors import HostGone

        joined = None
        try:
            async with join_other(self.settings) as joined:
                return (await work(joined.host),)
        except HostGone:
            if joined and joined.has_begun:
                raise
            return None

    async def _ask_other(self, work: Callable[[Host], Awaitable[T]]) -> T:
        from foredeck.app.joining import join_other
        from foredeck.services.domain.errors import HostGone

        log_to_file(self.settings, debug=self.debug)
        try:
            async with join_other(self.settings) as joined:
                return await work(joined.host)
        except HostGone as error:
            raise HostGone(error.message, error.advice or _NO_HOST) from error

    async def _read(self, work: Callable[[Host], Awaitable[T]]) -> T:
        """Ask the running host; where none answers, look for oneself."""
        from foredeck.app.joining import join_other
        from foredeck.services.domain.errors import HostBusy, HostGone, OtherVersion
        from foredeck.services.host.lock import is_held

        if is_held(self.settings.data_dir):
            with suppress(HostBusy, HostGone, OtherVersion):
                async with join_other(self.settings) as joined:
                    return await work(joined.host)
        return await self._look(work)

    async def _look(self, work: Callable[[Host], Awaitable[T]]) -> T:
        from foredeck.app.container import open_reader
        from foredeck.services.domain.errors import OlderDatabase
        from foredeck.services.host.lock import is_held
        from foredeck.services.store.place import NAME

        settings = self.settings
        if not os.path.exists(settings.data_dir / NAME):  # noqa: PTH110 (never raises)
            return await hold_and_do(settings, work, "a foredeck command")
        log_to_file(settings, debug=self.debug)
        try:
            async with open_reader(settings) as host:
                return await work(host)
        except OlderDatabase:
            if is_held(settings.data_dir):
                raise
        # The first command after an upgrade, and nobody works: it brings the database up to date.
        return await hold_and_do(settings, work, "a foredeck command")


async def hold_and_do(
    settings: Settings, work: Callable[[Host], Awaitable[T]], role: str, *, debug: bool = False
) -> T:
    """Become the host of the data directory and do `work`; raises `HostBusy`, `StoreError`."""
    from foredeck.app.container import open_services

    log_to_file(settings, debug=debug)
    async with open_services(settings, role, recover=False) as services:
        return await _work_as_host(services, work)


async def _work_as_host(services: Services, work: Callable[[Host], Awaitable[T]]) -> T:
    """Do `work`, then stay for the runs that others have begun here meanwhile."""
    from foredeck.app.cli.interrupts import LineDropped
    from foredeck.app.cli.notices import telling
    from foredeck.app.cli.outlasting import outlast
    from foredeck.services.domain.errors import ForedeckError

    try:
        result = await telling(services.host, work)
    except LineDropped:
        services.departure.leaving = True
        raise
    except ForedeckError:
        await outlast(services)
        raise
    await outlast(services)
    return result


def log_to_file(settings: Settings, *, debug: bool = False) -> None:
    """Send what anything logs to Foredeck's log: stderr is for people.

    The libraries' loggers go there too; Python would write their complaints, with
    tracebacks, to stderr.
    """
    import logging

    from foredeck.app.error_log import LOG_NAME, LOGGER, open_log

    open_log(settings.data_dir / LOG_NAME, level=logging.DEBUG if debug else logging.INFO)
    others = logging.getLogger()
    for handler in LOGGER.handlers or [logging.NullHandler()]:
        if handler not in others.handlers:
            others.addHandler(handler)
