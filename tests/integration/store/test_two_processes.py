"""Two processes, several tasks each, all changing the same rows: nothing is lost."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from foredeck.services.domain.states import JobState
from foredeck.services.event_bus import EventBus
from foredeck.services.store.store import Store
from tests.support import records as make

_TASKS, _TURNS = 4, 25
_PROCESSES = 2
_ROOT = Path(__file__).parents[3]


async def count_up(data_dir: Path, job_id: str) -> int:
    """Add to a number in a row again and again; return how many commits there were."""
    store = await Store.open(data_dir, EventBus())
    commits = 0

    async def task() -> None:
        nonlocal commits
        for _ in range(_TURNS):
            async with store.transaction() as tx:
                job = await tx.jobs.get(job_id)
                await asyncio.sleep(0)
                await tx.jobs.save(replace(job, exit_code=(job.exit_code or 0) + 1))
            commits += 1

    try:
        await asyncio.gather(*(task() for _ in range(_TASKS)))
    finally:
        await store.close()
    return commits


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    program = f"import asyncio, sys\nfrom pathlib import Path\n{code}"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_no_update_is_lost_between_processes(tmp_path: Path) -> None:
    job = make.job(state=JobState.IN_PROGRESS)
    store = await Store.open(tmp_path, EventBus())
    async with store.transaction() as tx:
        await tx.jobs.add(job)
    code = (
        "from tests.integration.store.test_two_processes import count_up\n"
        "print(asyncio.run(count_up(Path(sys.argv[1]), sys.argv[2])))"
    )
    others = [start(code, str(tmp_path), job.id) for _ in range(_PROCESSES)]
    answers = [await asyncio.to_thread(other.communicate, timeout=120) for other in others]
    assert [int(answer) for answer, _ in answers] == [_TASKS * _TURNS] * _PROCESSES
    async with store.transaction() as tx:
        assert (await tx.jobs.get(job.id)).exit_code == _PROCESSES * _TASKS * _TURNS
    await store.close()


async def test_a_blank_database_can_be_opened_by_several_at_once(tmp_path: Path) -> None:
    code = (
        "from foredeck.services.store.store import Store\n"
        "from foredeck.services.event_bus import EventBus\n"
        "async def main():\n"
        "    store = await Store.open(Path(sys.argv[1]), EventBus())\n"
        "    print((await store.queries.runs()).total)\n"
        "    await store.close()\n"
        "asyncio.run(main())"
    )
    others = [start(code, str(tmp_path / "data")) for _ in range(4)]
    answers = [(await asyncio.to_thread(other.communicate, timeout=120))[0] for other in others]
    assert answers == ["0\n"] * 4


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    code = (
        "from foredeck.services.store.store import Store\n"
        "from foredeck.services.event_bus import EventBus\n"
        "from tests.support import records as make\n"
        "async def main():\n"
        "    store = await Store.open(Path(sys.argv[1]), EventBus())\n"
        "    while True:\n"
        "        job = make.job()\n"
        "        async with store.transaction() as tx:\n"
        "            await tx.jobs.add(job)\n"
        "        print(job.id, flush=True)\n"
        "asyncio.run(main())"
    )
    other = start(code, str(tmp_path))
    assert other.stdout
    told = [(await asyncio.to_thread(other.stdout.readline)).strip() for _ in range(30)]
    other.kill()
    rest = await asyncio.to_thread(other.stdout.read)
    other.wait()
    other.stdout.close()
    told += [line for line in rest.splitlines() if len(line) == len(told[0])]
    store = await Store.open(tmp_path, EventBus())
    async with store.transaction() as tx:
        stored = {job.id for job in await tx.jobs._select("run_id IS NULL")}
    await store.close()
    assert set(told) <= stored
    assert len(stored) <= len(told) + 1
