"""A host of its own that runs one command.

`python -m tests.support.command_host BASE TEXT [POINT]`: at the point (see `kill_program`) it
kills itself.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.command_house import command, open_commands
from tests.support.kill_program import kill_at


async def main(base: Path, text: str) -> None:
    """Start a run of the command `one`, say its id, and work until it ends."""
    async with open_commands(base) as house:
        run_id = await house.start(command("one", text))
        print(run_id, flush=True)
        print((await house.finished(run_id)).run.state.value, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(sys.argv[3])
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
