"""The local executor, with real processes, held to what every executor promises."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.jobs.executor import Handle
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.run_dir import RunDir
from tests.integration.jobs.contract import ExecutorContract, Rig
from tests.support.process_table import zombies

_GRACE = 0.3


class LocalRig(Rig):
    """Closes the executors that it has made."""

    def __init__(self, directory: Path, made: list[LocalExecutor]) -> None:
        super().__init__(directory)
        self._root = directory / "jobs"
        self._made = made

    def executor(self) -> LocalExecutor:
        """Return a new executor over the same data."""
        self._made.append(LocalExecutor(self._root, _GRACE))
        return self._made[-1]

    def at(self, directory: Path) -> LocalRig:
        """Return a rig whose data and commands are there."""
        return LocalRig(directory, self._made)

    def program(self) -> str:
        """Return Python that makes an executor over the same data, named `executor`."""
        return (
            "from pathlib import Path\n"
            "from foredeck.services.jobs.local_executor import LocalExecutor\n"
            f"executor = LocalExecutor(Path({str(self._root)!r}), {_GRACE})"
        )

    async def orphan(self, handle: Handle) -> None:
        """Kill -9 the shim."""
        carrier = RunDir(self._root / f"{handle.job_id}.{handle.attempt}").carrier
        assert carrier is not None
        os.kill(carrier.pid, signal.SIGKILL)


class TestLocalExecutor(ExecutorContract):
    """What is true of the local executor alone is in `test_shim` and `test_nursery`."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[LocalRig]:
        made: list[LocalExecutor] = []
        (tmp_path / "work").mkdir()
        yield LocalRig(tmp_path / "work", made)
        for executor in made:
            executor.close()
        assert zombies() == []
