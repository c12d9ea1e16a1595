"""Starts programs under shims that one waiting process forks: it costs a tenth of `carrier`."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO

from foredeck.services.jobs import shim

# How long a start may take, in seconds.
_START_SECONDS = 20.0
_BLOCK = 1 << 16


class Nursery:
    """Lives on one event loop; its process comes with the first start and goes with `close`.

    It goes by itself when we die. What it has started goes on in either case.
    """

    def __init__(self) -> None:
        self._process: _Server | None = None
        self._numbers = count(1)

    async def carry(
        self,
        run_dir: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        grace: float,
        *,
        timeout: float | None,
        directory: str,
        split: bool = False,
        memory: int | None = None,
        contained: bool = False,
    ) -> int:
        """Start `command` under a shim in `run_dir`; returns the shim's code, 0 for started.

        `grace` and `timeout` (None for none) are in seconds; `split` gives its stderr a file of
        its own; `memory` is in bytes (None for no cap); for `contained` see `Command`. Raises
        `OSError`.
        """
        number = next(self._numbers)
        order = {
            "id": number,
            "run_dir": str(run_dir),
            "command": list(command),
            "environment": dict(environment),
            "grace": grace,
            "timeout": timeout,
            "directory": directory,
            "split": split,
            "memory": memory,
            "contained": contained,
        }
        answer = self._ask(number, json.dumps(order).encode() + b"\n")
        try:
            async with asyncio.timeout(_START_SECONDS):
                return await answer
        except TimeoutError:
            raise OSError(errno.ETIMEDOUT, "it did not start in time") from None

    def _ask(self, number: int, line: bytes) -> asyncio.Future[int]:
        """Ask the process; one that has died meanwhile has read nothing, and is replaced."""
        if self._process is not None and not self._process.gone:
            with suppress(BrokenPipeError):
                return self._process.ask(number, line)
        self.close()
        self._process = _Server()
        return self._process.ask(number, line)

    def close(self) -> None:
        """End the process; what it has started goes on."""
        if self._process is not None:
            self._process.close()
            self._process = None


class _Server:
    """The process, and what it has not answered yet."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", shim.__file__, "--serve"],
            env={},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._heard = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._answers.fileno(), self._listen)
        self.gone = False

    @property
    def _answers(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def ask(self, number: int, line: bytes) -> asyncio.Future[int]:
        """Send an order; raises `OSError`."""
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        answer = self._asked[number] = self._loop.create_future()
        return answer

    def close(self) -> None:
        """Let it go, and wait for it: it has nothing to do but to end."""
        self._lost()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._answers.close()
        self._process.wait()

    def _listen(self) -> None:
        heard = os.read(self._answers.fileno(), _BLOCK)
        if not heard:
            self._lost()
        *lines, self._heard = (self._heard + heard).split(b"\n")
        for line in lines:
            told = json.loads(line)
            answer = self._asked.pop(told["id"], None)
            if answer is not None and not answer.done():
                answer.set_result(told["code"])

    def _lost(self) -> None:
        if self.gone:
            return
        self.gone = True
        self._loop.remove_reader(self._answers.fileno())
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(OSError(errno.EPIPE, "what starts commands has ended"))
        self._asked.clear()
