"""Drives one run through its whole life while its host is killed, and holds what came of it."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

from foredeck.services.domain.records import Mode
from tests.support.crew_script import CrewScript, commands
from tests.support.house import PATIENCE, House
from tests.support.once import ROLES, hold_once, work


class KillDrill:
    """One run in a house of its own; `kills` counts how often its host was killed."""

    def __init__(self, house: House, script: CrewScript, mode: Mode) -> None:
        self._house = house
        self._mode = mode
        self.kills = 0
        script.crew("one").codex.update({role: commands(work(role)) for role in ROLES})

    async def killed_at(self, point: str | None) -> bool:
        """Host the run until it rests or the point is reached; return whether it was."""
        process = await self._start(*([point] if point else []))
        return await self._ended(process)

    async def killed_within(self, seconds: float) -> bool:
        """Host the run and kill the host at a random moment; False if it has ended before."""
        process = await self._start()
        try:
            # Not a wait for a state: the moment of the kill is what is random here.
            await asyncio.wait_for(process.wait(), random.uniform(0, seconds))
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
        return await self._ended(process)

    async def hold(self) -> None:
        """Hold that the whole run happened once, in order, and nothing of it is left."""
        async with self._house.open() as home:
            await hold_once(home)

    async def _start(self, *point: str) -> asyncio.subprocess.Process:
        base, url = str(self._house.base), str(self._house.settings.base_url)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.kill_program", base, url, self._mode.value),
            *point,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    async def _ended(self, process: asyncio.subprocess.Process) -> bool:
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            return True
        assert process.returncode == 0, (process.returncode, said)
        assert said.split()[-1] == b"success", said
        return False
