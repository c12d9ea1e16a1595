"""What runs have printed is removed after some days, where that is wanted (SPEC J7).

The run is marked first, then its files go: a run never claims output that it has not, and what
a crash leaves in between is found by looking at what lies on the disk. Records, reports, and
the files in a log directory of the person's own stay.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from foredeck.services.codex import run_files
from foredeck.services.codex.run_files import RunPaths
from foredeck.services.domain import clock
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.records import Run
from foredeck.services.domain.states import FINAL_RUNS
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.upkeep import AT_ONCE, Pause, daily, warn
from foredeck.services.store.store import Store, Transaction

_ID = re.compile(r"[0-9a-z]{12}")
_LOG = re.compile(r"codex-run-([0-9a-z]{12})\.log")
# Where what is being removed lies; a name that is no run's id.
_GOING = ".removed"


class RunRetention:
    """Removes the output of runs that ended more than `days` ago; None keeps it for ever.

    `output` holds a directory for each run, `codex_runs` the logs of codex runs that were given
    no directory of their own. `pause` waits for so many seconds.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        output: Path,
        codex_runs: Path,
        days: int | None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._store = store
        self._bus = bus
        self._output = output.absolute()
        self._codex_runs = codex_runs.absolute()
        self._days = days
        self._pause = pause
        # Behind this one it goes on: what keeps nothing here must not hold up the others.
        self._after = ""

    async def keep_up(self) -> None:
        """Remove what is old enough, now and once a day, until this is cancelled."""
        await daily(self.tidy, "runs", self._bus, self._pause)

    async def tidy(self) -> bool:
        """Mark at most `AT_ONCE` runs and remove what they left; whether more are to be marked."""
        if self._days is not None:
            await self._mark(clock.now() - timedelta(days=self._days), self._days)
        left = await self._remove_marked()
        if left:
            warn(
                self._bus,
                f"The output of {left} old runs cannot be removed: look at the permissions of "
                f"{self._output}.",
            )
        return bool(self._after)

    # --- marking ----------------------------------------------------------------------

    async def _mark(self, before: datetime, days: int) -> None:
        """Store of which runs the output goes now."""
        async with self._store.transaction("retention") as tx:
            found = await tx.run_outputs.due(before, AT_ONCE, self._after)
            self._after = found[-1] if len(found) == AT_ONCE else ""
            marked = [run_id for run_id in found if await self._keeps_output(tx, run_id)]
            if marked:
                await tx.run_outputs.removed(marked, days)

    async def _keeps_output(self, tx: Transaction, run_id: str) -> bool:
        """Whether an attempt of a run has its output here, and not in a person's own place."""
        log = RunPaths.of(self._codex_runs, run_id).log
        paths = [Path(path) for path in await tx.run_outputs.paths(run_id)]
        return any(path == log or path.parent == self._output / run_id for path in paths)

    # --- removing ---------------------------------------------------------------------

    async def _remove_marked(self) -> int:
        """Remove what lies here of marked runs; return of how many it could not be done."""
        await asyncio.to_thread(self._empty)
        left = 0
        lying = await asyncio.to_thread(lambda: list(self._lying()))
        async with self._store.transaction("retention") as tx:
            marked = await tx.run_outputs.marked(run_id for _, run_id in lying)
        for path, run_id in lying:
            if run_id not in marked:
                continue
            try:
                if await self._put_aside(path, run_id) and path.suffix == ".log":
                    await self._say_in_documents(run_id)
            except OSError:
                left += 1
        await asyncio.to_thread(self._empty)
        return left

    def _lying(self) -> Iterator[tuple[Path, str]]:
        """Yield what lies here, and of which run it is."""
        with suppress(FileNotFoundError):
            for path in self._output.iterdir():
                if _ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                    yield path, path.name
        with suppress(FileNotFoundError):
            for path in self._codex_runs.iterdir():
                if found := _LOG.fullmatch(path.name):
                    yield path, found[1]

    async def _put_aside(self, path: Path, run_id: str) -> bool:
        """Take the output of a marked run out of its place; raises `OSError`.

        Within a transaction, so that the run cannot begin again meanwhile and lose what is new.
        """
        async with self._store.transaction("retention") as tx:
            with suppress(NotFound):
                if _is_to_go(await tx.runs.get(run_id)):
                    going = self._output / _GOING
                    going.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path.rename(going / path.name)
                    return True
        return False

    def _empty(self) -> None:
        shutil.rmtree(self._output / _GOING, ignore_errors=True)

    async def _say_in_documents(self, run_id: str) -> None:
        """Let the metadata of a codex run say that its log is gone: `codex parse` reads that."""
        async with self._store.transaction("retention") as tx:
            run = await tx.runs.get(run_id)
        paths = RunPaths.of(self._codex_runs, run_id)
        for path in (paths.meta, paths.summary):
            fields = run_files.read_document(path)
            if fields and run.output_removed_at:
                removed_at = run.output_removed_at.isoformat()
                fields = {**fields, run_files.REMOVED_KEY: removed_at}
                await asyncio.to_thread(run_files.write_document, path, fields)


def _is_to_go(run: Run) -> bool:
    """Whether the run was marked, and has not been at work since."""
    removed_at, ended_at = run.output_removed_at, run.ended_at
    if removed_at is None or run.state not in FINAL_RUNS:
        return False
    return ended_at is None or ended_at < removed_at
