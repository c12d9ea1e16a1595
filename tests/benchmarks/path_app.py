"""What both sides of the whole-path benchmark share: the children and what is measured."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType

CHILDREN = 32
MODULE = "tests.benchmarks.bench_path"
_PIPE_BYTES = 1024 * 1024
_GRACE = 1.0


class PathApp(App[None]):
    """Takes what the children write, keeps it, and shows the first child's."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]

    def __init__(self, scratch: Path, seconds: float, rate: int) -> None:
        super().__init__()
        self.scratch = scratch
        self.seconds = seconds
        self.rate = rate
        self.kept = 0
        self.ends: list[float] = []

    def on_mount(self) -> None:
        self.run_worker(self._run())

    async def _run(self) -> None:
        await self.open()
        pairs = [os.pipe() for _ in range(CHILDREN)]
        for _, writing in pairs:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        pipes = [str(writing) for _, writing in pairs]
        arguments = ["--seconds", str(self.seconds), "--rate", str(self.rate)]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", MODULE, *arguments, "--produce", *pipes),
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[writing for _, writing in pairs],
        )
        for _, writing in pairs:
            os.close(writing)
        began, started = time.process_time(), time.monotonic()
        tasks = [asyncio.create_task(self.take(n, pair[0])) for n, pair in enumerate(pairs)]
        # Whoever cannot keep up is measured by what he has kept when the time is over.
        await asyncio.wait(tasks, timeout=self.seconds + _GRACE)
        figures = {"kept": self.kept, "cpu": time.process_time() - began, "ends": self.ends}
        figures["seconds"] = time.monotonic() - started
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if len(self.ends) < CHILDREN:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        answer, _ = await child.communicate()
        figures |= json.loads(answer) if answer else {}
        await self.close()
        (self.scratch / "figures.json").write_text(json.dumps(figures))
        self.exit()

    async def open(self) -> None:
        """Open what keeps the lines."""

    async def take(self, number: int, pipe: int) -> None:
        """Keep everything that comes out of a pipe."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what keeps the lines."""
