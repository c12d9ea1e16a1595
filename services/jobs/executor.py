"""What runs a command for us, on this machine or elsewhere, and outlives the host that asked.

An executor keeps no state in memory: whoever comes later, in another process as well, finds
with the same handle what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from foredeck.services.domain.states import JobState


@dataclass(frozen=True, slots=True)
class Handle:
    """One attempt of a job; `job_id` is also the mark of its processes."""

    job_id: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments, where it works, and its whole environment.

    Its `timeout` (seconds, None for none) counts from its start, also while nobody watches.
    With `split` its stderr goes into a file of its own instead of among its stdout.
    It and all that it starts hold at most `memory` bytes together (None for no cap): more ends
    them at once. One that is `contained` runs in a process-id namespace (Linux) that it starts
    itself: to end it, what is inside is asked, and what is around it ends by that.
    """

    words: tuple[str, ...]
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    split: bool = False
    memory: int | None = None
    contained: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a command.

    `state` is `queued` (never started: it is safe to start it), `in_progress`, `lost`
    (started, and nobody knows how it ended), or how it ended: `completed`, `failed`,
    `timeout`, `cancelled`. `code` is its exit code, or `signal` what it died of.
    `cpu_seconds` is what it and all that it started have used; `peak_memory` are the bytes of
    the largest of these processes. Both are None until it has ended, and where nobody knows.
    With `over_memory` it failed because it was ended for holding more memory than it may.
    """

    state: JobState
    code: int | None = None
    signal: int | None = None
    cpu_seconds: float | None = field(default=None, compare=False)
    peak_memory: int | None = field(default=None, compare=False)
    over_memory: bool = False


class Executor(Protocol):
    """Runs commands, each attempt at most once."""

    async def submit(self, handle: Handle, command: Command) -> None:
        """Start it, unless that attempt was started before; raises `ForedeckError`."""
        ...

    async def probe(self, handle: Handle) -> Found:
        """Return what became of it."""
        ...

    async def read(self, handle: Handle, offset: int, limit: int, *, errors: bool = False) -> bytes:
        """Return at most `limit` bytes of what it has printed, from that byte on.

        With `errors`, of its stderr, where that was `split` off.
        """
        ...

    def path(self, handle: Handle, *, errors: bool = False) -> str:
        """Return where that output lies, for who follows files."""
        ...

    async def process_id(self, handle: Handle) -> int | None:
        """Return the process that it is while it works; None afterwards, and elsewhere."""
        ...

    async def changed(self, handle: Handle, seconds: float) -> None:
        """Return as soon as it has ended, or after so many seconds."""
        ...

    async def cancel(self, handle: Handle) -> None:
        """End it and everything that it started; returns when nothing of it is left."""
        ...

    async def kept(self) -> tuple[Handle, ...]:
        """Return everything that was submitted and not discarded yet."""
        ...

    async def discard(self, handle: Handle) -> None:
        """Forget one that has ended; only once all that it left is stored elsewhere."""
        ...
