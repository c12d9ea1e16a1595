"""A host in a process of its own, to be killed: `python -m tests.support.host_program BASE NAME`.

It works on the run `[run NAME]` in the data directory of the house at BASE until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from foredeck.services.domain.records import Mode
from tests.support.house import House


async def main(base: Path, base_url: str, name: str, mode: Mode) -> None:
    """Begin the run and stay."""
    async with House(base, base_url).open() as home:
        row = await home.begin(name, mode)
        print(row.id, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Mode(sys.argv[4])))
