"""What durability, the audit trail and redaction cost a step that does nothing else.

    python -m tests.benchmarks.bench_durability [RUNS]

The same runs of four trivial stages, driven by the real orchestrator: as Foredeck works
(synchronous=FULL, every transition in the audit trail, every text searched for secrets), and
with each of these left out, in turn within one process.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from foredeck.services.redaction import Redactor
from foredeck.services.store.audit import Trail
from foredeck.services.store.unit import Unit
from tests.benchmarks.figures import title
from tests.integration.workflow.conftest import House, build
from tests.support.stages import FakeStages

_ROUNDS = 5
_STAGES = 4


@dataclass
class Way:
    """What is left out, and the milliseconds per step of each round."""

    name: str
    unsynchronised: bool = False
    unaudited: bool = False
    unredacted: bool = False
    times: list[float] = field(default_factory=list)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Leave that out."""
        with ExitStack() as stack:
            if self.unaudited:
                stack.enter_context(patch.object(Unit, "seal", _seal_nothing))
            if self.unredacted:
                stack.enter_context(patch.object(Redactor, "text", _as_it_is))
                stack.enter_context(patch.object(Redactor, "json_text", _as_it_is))
            yield


async def _seal_nothing(unit: Unit, trail: Trail) -> None:
    return None


def _as_it_is(redactor: Redactor, text: str) -> str:
    return text


async def measure(way: Way, directory: Path, runs: int) -> None:
    """Drive so many runs one after the other and note what a step took."""
    house = await build(directory, FakeStages())
    try:
        await house.projects.create("demo")
        if way.unsynchronised:
            async with house.store._database.outside() as link:
                await link.rows("PRAGMA synchronous=OFF")
        await drive(house)  # to warm up
        began = time.perf_counter()
        for _ in range(runs):
            await drive(house)
        way.times.append(1000 * (time.perf_counter() - began) / (runs * _STAGES))
    finally:
        await house.orchestrator.close()
        await house.store.close()


async def drive(house: House) -> None:
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    await house.orchestrator.wait(run.id)


async def main(runs: int = 20) -> None:
    """Measure every way in turn, some rounds, and print."""
    ways = [
        Way("as Foredeck works"),
        Way("without synchronous=FULL (OFF)", unsynchronised=True),
        Way("without the audit trail", unaudited=True),
        Way("without redaction", unredacted=True),
        Way("without all three", unsynchronised=True, unaudited=True, unredacted=True),
    ]
    with tempfile.TemporaryDirectory() as name:
        for number in range(_ROUNDS):
            for way in ways:
                with way.taken():
                    await measure(way, Path(name) / f"{way.name} {number}", runs)
    title(f"A trivial step, {_ROUNDS} rounds of {runs} runs of {_STAGES}")
    whole = statistics.median(ways[0].times)
    for way in ways:
        middle = statistics.median(way.times)
        figures = f"{middle:6.2f} ms (best {min(way.times):.2f})"
        print(f"  {way.name:<34} {figures:<26} as Foredeck works ÷ this {whole / middle:.2f}")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:2])))
