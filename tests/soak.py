"""Kills hosts at random moments for as long as it is let: `python -m tests.soak [KILLS]`.

Not part of the tests, because it takes a quarter of an hour: it says how many kills there were
over how many runs, and ends with 1 at the first thing that was lost, repeated or left running.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from foredeck.services.domain.records import Mode
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.crew_script import CrewScript
from tests.support.house import House
from tests.support.kill_drill import KillDrill
from tests.support.process_table import mentioning

KILLS = 200
LIFE = 3.0
# So that a run also gets to its end.
KILLS_PER_RUN = 12


async def main(wanted: int) -> int:
    """Kill hosts until there were enough kills; return the exit code."""
    began, kills, runs = time.monotonic(), 0, 0
    while kills < wanted:
        mode = (Mode.AGENT, Mode.DIRECT)[runs % 2]
        try:
            kills += await _one_run(mode)
        except AssertionError as error:
            print(f"run {runs + 1} ({mode.value}): {error}")
            return 1
        runs += 1
        print(f"{kills} kills, {runs} runs, {time.monotonic() - began:.0f} s", flush=True)
    print("0 lost, 0 repeated, 0 left running")
    return 0


async def _one_run(mode: Mode) -> int:
    script = CrewScript()
    with tempfile.TemporaryDirectory() as directory, ModelServer(script, pace=0) as server:
        drill = KillDrill(House(Path(directory), server.base_url), script, mode)
        while drill.kills < KILLS_PER_RUN and await drill.killed_within(LIFE):
            pass
        await drill.killed_at(None)
        await drill.hold()
        assert mentioning(directory) == [], "processes are left"
        return drill.kills


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)))
