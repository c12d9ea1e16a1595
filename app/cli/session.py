"""What every command has at hand: the settings and a way to the host."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from foredeck.services.host.interface import Host
    from foredeck.services.settings import Settings
    from foredeck.services.settings_file import LoadedSettings

T = TypeVar("T")


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
        """Run `work` as the host of the data directory; raises `HostBusy`."""
        import asyncio

        return asyncio.run(hold_and_do(self.settings, work, role, debug=self.debug))

    async def _read(self, work: Callable[[Host], Awaitable[T]]) -> T:
        from foredeck.app.container import open_reader

        settings = self.settings
        if not os.path.exists(settings.data_dir / "foredeck.db"):  # noqa: PTH110 (never raises)
            return await hold_and_do(settings, work, "a foredeck command")
        log_to_file(settings, debug=self.debug)
        async with open_reader(settings) as host:
            return await work(host)


async def hold_and_do(
    settings: Settings, work: Callable[[Host], Awaitable[T]], role: str, *, debug: bool = False
) -> T:
    """Become the host of the data directory and do `work`; raises `HostBusy`, `StoreError`."""
    from foredeck.app.container import open_host

    log_to_file(settings, debug=debug)
    async with open_host(settings, role, recover=False) as host:
        return await work(host)


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
