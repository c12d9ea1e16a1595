"""A command of the user's own, which is run for each notification."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from pathlib import Path

from foredeck.services.codex.environment import command_environment
from foredeck.services.domain.safe_text import safe_text
from foredeck.services.notifications.channel import Outcome
from foredeck.services.notifications.wording import Telling, to_environment, to_json
from foredeck.services.patience import to_the_end

_log = logging.getLogger(__name__)

TIME_LIMIT = 30.0
"""How long such a command may take, in seconds."""
# Of what it prints, in bytes; the rest is read and forgotten.
_KEPT = 4096
_BLOCK = 65_536
# How long a killed process may take to be gone, in seconds.
_LAST_WAIT = 5.0


class CommandHook:
    """Runs the command; what it is about stands in its environment and on its stdin only.

    `command` is a text for the shell, or the words of a program and its arguments. Either is
    the user's own: nothing is put into it. A command that fails is not run again: it may have
    done half of its work. `foredeck` in it finds `data_dir`.
    """

    def __init__(
        self, command: str | tuple[str, ...], data_dir: Path, time_limit: float = TIME_LIMIT
    ) -> None:
        self._words = ("/bin/sh", "-c", command) if isinstance(command, str) else command
        self._data_dir = data_dir
        self._time_limit = time_limit

    async def __call__(self, telling: Telling) -> Outcome:
        """Run it for a notification and wait for its end."""
        try:
            process = await self._start(telling)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            return Outcome(f"The command cannot run: {why}.", final=True)
        printed = bytearray()
        try:
            async with asyncio.timeout(self._time_limit):
                await _talk(process, json.dumps(to_json(telling)).encode() + b"\n", printed)
                await process.wait()
        except TimeoutError:
            pass  # it has not ended, or what it has started still holds its output open
        finally:
            code = process.returncode
            await to_the_end(_end(process))
        _log.log(logging.WARNING if code else logging.INFO, "%s", _said(telling, code, printed))
        if code is None:
            took = f"The command took longer than {self._time_limit:g} seconds and was ended."
            return Outcome(took, final=True)
        return Outcome(f"The command ended with code {code}.", final=True) if code else Outcome()

    async def _start(self, telling: Telling) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._words,
            env={
                **command_environment(),
                **to_environment(telling),
                "FOREDECK_DATA_DIR": str(self._data_dir.absolute()),
            },
            cwd=Path.home(),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )


async def _talk(process: Process, given: bytes, printed: bytearray) -> None:
    """Give the command its input, read all that it prints, and keep the beginning."""
    writing = asyncio.create_task(_write(process, given))
    assert process.stdout is not None
    try:
        while block := await process.stdout.read(_BLOCK):
            printed += block[: _KEPT - len(printed)]
    finally:
        writing.cancel()
        await asyncio.wait({writing})


async def _write(process: Process, given: bytes) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it need not read
        process.stdin.write(given)
        await process.stdin.drain()
        process.stdin.close()


async def _end(process: Process) -> None:
    """Leave nothing of the command behind, what it has started in its group included."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # It counts as gone only when what it has printed is read.
    reading = asyncio.create_task(_forget(process))
    with suppress(TimeoutError):  # what has left the group may hold the output open for ever
        async with asyncio.timeout(_LAST_WAIT):
            await process.wait()
    reading.cancel()
    await asyncio.wait({reading})
    # asyncio has no other way to let go of a pipe that somebody else holds open.
    process._transport.close()  # type: ignore[attr-defined]


async def _forget(process: Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(_BLOCK):
        pass


def _said(telling: Telling, code: int | None, printed: bytearray) -> str:
    ending = "was ended" if code is None else f"ended with {code}"
    words = safe_text(bytes(printed), lines=20).strip()
    return f"notification {telling.id}: the command {ending}" + (f": {words}" if words else "")
