"""What `doctor` checks: one line a part, each with what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from foredeck.services.agents.runner import resolve_mode
from foredeck.services.codex.binary import CodexBinary, locate
from foredeck.services.codex.login import check_login, probe_sandbox
from foredeck.services.codex.server import AppServer
from foredeck.services.domain.amounts import size
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import Mode
from foredeck.services.domain.views import Check
from foredeck.services.event_bus import EventBus
from foredeck.services.host.lock import is_held, read_holder
from foredeck.services.settings import Settings
from foredeck.services.store.place import NAME
from foredeck.services.store.store import Store

OK, WARNING, FAILED = "ok", "warning", "failed"

_PRIVATE = (NAME, "output", "blobs", "codex", "foredeck.log")

# A night of codex output fits into this; below it a person should know.
_LOW_DISK = 500 * 1024 * 1024


class Diagnosis:
    """Looks and reports; changes nothing but the app-server it may have to start and stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def checks(self) -> tuple[Check, ...]:
        """Return every check, in the order in which a person would fix them."""
        checks = [self._data_dir(), self._disk()]
        checks.append(await _checked("database", self._database))
        checks.append(self._host())
        checks.append(self._retention())
        try:
            # A program that does not answer must not hold up the loop of a host.
            binary = await asyncio.to_thread(locate, self._settings)
        except ForedeckError as error:
            return (*checks, Check("codex", FAILED, error.message, error.advice))
        said = f"codex {binary.version}, {binary.source}: {binary.path}"
        checks.append(Check("codex", OK, said))
        checks.append(await _checked("codex account", self._login))
        checks.append(await self._sandbox(binary))
        checks.append(self._mode())
        return tuple(checks)

    def _data_dir(self) -> Check:
        path = self._settings.data_dir
        existing = _nearest(path)
        if os.access(existing, os.W_OK | os.X_OK):
            open_to = _open_to_others(path)
            if not open_to:
                return Check("data directory", OK, str(path))
            return Check(
                "data directory",
                WARNING,
                f"Other users of this machine may read {open_to}.",
                f"chmod -R go= {path}",
            )
        return Check(
            "data directory",
            FAILED,
            f"{path} cannot be written.",
            "Change its permissions, or choose another with --data-dir.",
        )

    def _disk(self) -> Check:
        free = shutil.disk_usage(_nearest(self._settings.data_dir)).free
        said = f"{size(free)} free"
        if free >= _LOW_DISK:
            return Check("disk", OK, said)
        return Check("disk", WARNING, said, "Free some space before a long run.")

    async def _database(self) -> Check:
        path = self._settings.data_dir / NAME
        if not path.exists():
            return Check("database", OK, "none yet; the first command makes it")
        store = await Store.open(self._settings.data_dir, EventBus(), read_only=True)
        await store.close()
        return Check("database", OK, size(path.stat().st_size))

    def _host(self) -> Check:
        holder = read_holder(self._settings.data_dir)
        if holder and is_held(self._settings.data_dir):
            return Check("host", OK, f"{holder['role']} runs as process {holder['pid']}")
        return Check("host", OK, "none runs at the moment")

    def _retention(self) -> Check:
        jobs, runs = self._settings.job_retention_days, self._settings.run_retention_days
        kept = "without end" if runs is None else f"for {_days(runs)}"
        said = f"the output of finished jobs is kept for {_days(jobs)}, that of runs {kept}"
        return Check("retention", OK, said)

    async def _login(self) -> Check:
        """Ask the running app-server, or one that is started for this and stopped again."""
        server = AppServer(self._settings)
        # It may work for a host, or on turns that a killed one left to the next.
        was_there = is_held(self._settings.data_dir) or server.lives
        try:
            status = await check_login(await server.connect())
        finally:
            await server.close()
            if not was_there:
                await server.stop()
        return Check("codex account", OK if status.ok else FAILED, status.message, status.advice)

    async def _sandbox(self, binary: CodexBinary) -> Check:
        probe = await probe_sandbox(binary)
        return Check("codex sandbox", OK if probe.ok else WARNING, probe.message, probe.advice)

    def _mode(self) -> Check:
        mode, why = resolve_mode(self._settings)
        advice = "" if mode is Mode.AGENT else "Set api_key (and base_url) to use agent mode."
        return Check("agents", OK, f"{mode.value} mode. {why}", advice)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


async def _checked(name: str, check: Callable[[], Awaitable[Check]]) -> Check:
    try:
        return await check()
    except ForedeckError as error:
        return Check(name, FAILED, error.message, error.advice)


def _open_to_others(data_dir: Path) -> str:
    """Return the first of the user's own things that others may read or enter, empty if none."""
    if not (data_dir / NAME).exists():
        return ""
    looked_at = (data_dir, *(data_dir / name for name in _PRIVATE))
    for path in looked_at:
        try:
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                return str(path)
        except OSError:
            continue
    return ""


def _nearest(path: Path) -> Path:
    """Return the path, or the closest parent that exists."""
    return next(p for p in (path, *path.parents) if p.exists())
