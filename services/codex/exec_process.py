"""A `codex exec` process that outlives its host: carried by the shim, followed by its files.

In its directory, beside the shim's own files: `prompt` (its stdin), `log` (its stdout, the
events), `errors` (its stderr), `schema.json`, and `narrated`, how many bytes of `log` stand in
the output of the step already. A host that comes later goes on from there.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from foredeck.services.codex.carrier import carry
from foredeck.services.domain.errors import CodexUnreachable, StorageFull
from foredeck.services.jobs import shim
from foredeck.services.jobs.output import make_private_directory
from foredeck.services.jobs.processes import ProcessId, is_alive
from foredeck.services.jobs.run_dir import RunDir

_TERM_SECONDS = 2.0
_POLL = 0.05
# The shim gives its program no stdin and one file for both outputs; the shell that takes its
# place at once sorts them.
_REDIRECT = 'exec "$@" <"$0/prompt" 2>"$0/errors"'


class ExecProcess:
    """One process in its directory; good for one start, however often this object is made."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files = RunDir(directory)
        self.events = self._files.log
        self.errors = directory / "errors"
        self.schema = directory / "schema.json"
        self._narrated = directory / "narrated"

    @property
    def was_started(self) -> bool:
        """Whether it was started, by this host or an earlier one."""
        return self._files.was_started

    @property
    def ending(self) -> Mapping[str, Any] | None:
        """How it ended ({code, signal, why}), None while it has not."""
        return self._files.ending

    @property
    def lives(self) -> bool:
        """Whether its shim still watches over it."""
        return any(map(is_alive, self._identities()))

    def position(self) -> int:
        """Return how many bytes of the events stand in the output already."""
        try:
            return int(self._narrated.read_text())
        except (OSError, ValueError):
            return 0

    def keep_position(self, offset: int) -> None:
        """Remember how far the events stand in the output."""
        with suppress(OSError):  # at worst a later host repeats some lines
            _write(self._narrated, str(offset).encode())

    def make_directory(self) -> None:
        """Make the place for its files; raises `StorageFull`."""
        with self._writing():
            make_private_directory(self.directory)

    def prepare(self, prompt: str, schema: Mapping[str, Any] | None) -> None:
        """Write what the program reads; raises `StorageFull`."""
        self.make_directory()
        with self._writing():
            _write(self.directory / "prompt", prompt.encode("utf-8", "replace"))
            _write(self.errors, b"")
            if schema is not None:
                _write(self.schema, json.dumps(schema).encode())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageFull(
                f"{self.directory} cannot be written: {error.strerror}.",
                "Check the data directory and the disk it lies on.",
            ) from error

    def start(self, command: Sequence[str], environment: Mapping[str, str], grace: float) -> None:
        """Start the program under the shim; raises `CodexUnreachable`. Not for an event loop."""
        shell = ["/bin/sh", "-c", _REDIRECT, str(self.directory), *command]
        code = carry("codex exec", self.directory, shell, environment, grace)
        if code not in {0, shim.REFUSED}:
            raise CodexUnreachable(f"codex exec could not be started (code {code}).")

    async def stop(self, grace: float) -> None:
        """End it: codex ends its own commands on SIGINT, and only then; the shim comes last."""
        for number, seconds in (
            (signal.SIGINT, grace),
            (signal.SIGTERM, min(grace, _TERM_SECONDS)),
            (signal.SIGKILL, _TERM_SECONDS),
        ):
            program = self._files.program
            if program is None or not is_alive(program):
                break
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(program.pid, number)
            await _until_gone(program, seconds)
        await self.gone(grace)

    async def gone(self, grace: float) -> None:
        """Wait until the shim has ended too, which ends what the program left behind."""
        for process in self._identities():
            await _until_gone(process, grace + _TERM_SECONDS)

    def _identities(self) -> list[ProcessId]:
        found = (self._files.program, self._files.carrier)
        return [process for process in found if process is not None]


async def _until_gone(process: ProcessId, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while is_alive(process) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
