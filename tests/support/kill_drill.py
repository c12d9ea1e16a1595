"""Drives one run through its whole life while its host is killed, and holds what came of it."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import JobState, RunState
from foredeck.services.host.queries import GetTranscript, ListRuns
from tests.support.crew_script import CrewScript, commands
from tests.support.house import PATIENCE, House, OpenHouse
from tests.support.process_table import mentioning

ROLES = ("planner", "builder", "qa_qc", "prod_ready")
LINES = 120


def work(role: str) -> str:
    """Return a command that leaves one line in a file and prints many."""
    return (
        f"echo {role} >> effects; "
        f"for i in $(seq 1 {LINES}); do echo {role}-$i-end; sleep 0.005; done"
    )


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
            (row,) = (await home.host.ask(ListRuns())).items
            detail = await home.rest(row.id)
            assert detail.run.state is RunState.SUCCESS, detail.error
            assert [step.attempt for step in detail.steps] == [1, 1, 1, 1]
            effects = (Path(detail.workspace) / "effects").read_text().split()
            assert effects == list(ROLES)
            jobs = await home.jobs(row.id)
            assert [job.state for job in jobs] == [JobState.COMPLETED] * 4
            assert all(entry.complete for entry in await home.host.ask(GetTranscript(row.id)))
            for role in ROLES:
                await _hold_output(home, row.id, role)
            assert mentioning(detail.workspace, *(job.id for job in jobs)) == []

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
        assert process.returncode == 0
        assert said.split()[-1] == b"success", said
        return False


async def _hold_output(home: OpenHouse, run_id: str, role: str) -> None:
    text = (await home.output(run_id, role)).read_text()
    lines = [line for line in text.splitlines() if line.startswith(f"{role}-")]
    assert lines == [f"{role}-{number}-end" for number in range(1, LINES + 1)], text
