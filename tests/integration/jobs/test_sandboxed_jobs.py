"""Jobs in codex's own sandbox, with the real codex: what they may touch, and how they end."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.services.domain.errors import CodexMissing, InvalidInput
from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.domain.records import FailureClass, Sandbox
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.processes import find_marked
from tests.support.house import PATIENCE, until
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex

S = JobState
READ_ONLY, WRITE = Sandbox.READ_ONLY, Sandbox.WORKSPACE_WRITE
NOWHERE = {"codex_path": Path("/nowhere/codex")}


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a directory where the sandbox forbids to write: the temporary one is free for all.

    It is the home, too: codex does not make its helpers in a temporary directory, and says so.
    """
    place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="foredeck-"))
    monkeypatch.setenv("HOME", str(place))
    yield place
    shutil.rmtree(place)
    assert mentioning(str(tmp_path)) == []


async def test_it_writes_in_its_workspace_and_not_elsewhere(tmp_path: Path, outside: Path) -> None:
    async with open_jobs(tmp_path) as house:
        text = f"echo in > made && echo ok; echo out > {outside}/made; echo done; exit 7"
        done = await house.ran(text, sandbox=WRITE)
        assert (done.job.state, done.job.exit_code) == (S.FAILED, 7)
        result = await house.result(done.job.id)
        assert result.output == "ok\ndone\n"
        assert "Read-only file system" in result.errors
        assert (house.workspace / "made").read_text() == "in\n"
        assert not (outside / "made").exists()
        assert done.order is not None
        assert done.order.sandbox is WRITE
        free = await house.ran(f"echo out > {outside}/made")
        assert free.job.state is S.COMPLETED
        assert (outside / "made").exists()


async def test_a_configuration_in_the_workspace_widens_nothing(
    tmp_path: Path, outside: Path
) -> None:
    async with open_jobs(tmp_path) as house:
        (outside / ".codex").mkdir()
        trust = f'[projects."{house.workspace}"]\ntrust_level = "trusted"\n'
        wide = f'[sandbox_workspace_write]\nwritable_roots = ["{outside}"]\nnetwork_access = true\n'
        (outside / ".codex/config.toml").write_text(f'sandbox_mode = "danger-full-access"\n{trust}')
        (house.workspace / ".codex").mkdir()
        (house.workspace / ".codex/config.toml").write_text(wide)
        done = await house.ran(f"echo out > {outside}/made", sandbox=WRITE)
        assert done.job.state is S.FAILED
        assert not (outside / "made").exists()


async def test_each_job_of_a_batch_has_its_sandbox(tmp_path: Path, outside: Path) -> None:
    async with open_jobs(tmp_path) as house:
        texts = tuple(f"echo in > made-{n}; echo out > {outside}/made-{n}" for n in range(3))
        wish = BatchWish(JobWish("work", project="demo", sandbox=WRITE), texts)
        batch = (await house.jobs.submit_batch(wish)).id
        assert (await house.ended(batch)).job.state is S.FAILED
        assert len(list(house.workspace.glob("made-*"))) == 3
        assert list(outside.glob("made-*")) == []


async def test_read_only_writes_nowhere(tmp_path: Path, outside: Path) -> None:
    async with open_jobs(tmp_path) as house:
        text = f"echo in > made; echo out > {outside}/made; echo tmp > {tmp_path}/made; cat given"
        (house.workspace / "given").write_text("given\n")
        done = await house.ran(text, sandbox=READ_ONLY)
        assert (done.job.state, (await house.result(done.job.id)).output) == (
            S.COMPLETED,
            "given\n",
        )
        places = (house.workspace, outside, tmp_path)
        assert [place for place in places if (place / "made").exists()] == []


async def test_it_has_its_environment_and_no_network(tmp_path: Path) -> None:
    code = (
        "import os, socket\nprint(os.environ['OWN'], open(os.environ['FOREDECK_INPUT']).read())\n"
        "try: socket.create_connection(('127.0.0.1', 9), 2)\n"
        "except PermissionError: print('no network')"
    )
    async with open_jobs(tmp_path) as house:
        fields = {"environment": (("OWN", "mine"),), "input_data": "[1]"}
        done = await house.ran("", words=(sys.executable, "-c", code), sandbox=WRITE, **fields)
        assert (await house.result(done.job.id)).output == "mine [1]\nno network\n"


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("no_such_program", "a b"), 127, "no_such_program: not found"),
        (("sh", "-c", "kill -9 $$"), 137, ""),
        (("printf", "%s|", "a b", "$HOME"), 0, ""),
    ],
)
async def test_how_it_ends_by_itself(
    tmp_path: Path, words: tuple[str, ...], code: int, error: str
) -> None:
    async with open_jobs(tmp_path) as house:
        done = await house.ran("", words=words, sandbox=WRITE)
        result = await house.result(done.job.id)
        assert (done.job.exit_code, result.output) == (code, "" if code else "a b|$HOME|")
        assert error in result.errors
        assert "panicked" not in result.errors


SAVING = "trap 'sleep 0.3; echo saved > saved; exit 3' TERM; touch up; sleep 300 & wait"
DEAF = "trap '' TERM; (setsid sleep 300 &); touch up; sleep 300"


@pytest.mark.parametrize(("text", "saves"), [(SAVING, True), (DEAF, False)])
async def test_cancelled_it_has_time_to_end_and_nothing_is_left(
    tmp_path: Path, text: str, saves: bool
) -> None:
    async with open_jobs(tmp_path, grace=5.0 if saves else 0.3) as house:
        job_id = await house.submit(text, sandbox=WRITE)
        await until((house.workspace / "up").exists, "the job")
        assert (await house.jobs.cancel(job_id, "enough")).state is S.CANCELLED
        assert find_marked(job_id) == []
        # Nor what codex has put there meanwhile to be read-only.
        left = {path.name for path in house.workspace.iterdir()}
        assert left == ({"up", "saved"} if saves else {"up"})


async def test_it_is_stopped_when_its_time_is_over(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, grace=0.3) as house:
        text = DEAF.replace("touch up; ", "")
        done = await house.ran(text, sandbox=WRITE, timeout=1)
        assert (done.job.state, done.job.exit_code) == (S.TIMEOUT, 124)
        assert find_marked(done.job.id) == []
        assert list(house.workspace.iterdir()) == []


@pytest.mark.parametrize("cancels", [False, True])
async def test_it_outlives_its_host_and_the_next_one_follows_it(
    tmp_path: Path, cancels: bool
) -> None:
    text = "echo begun >> made; until test -e go; do sleep 0.02; done; echo end >> made"
    words = (sys.executable, "-m", "tests.support.job_house", str(tmp_path), text, WRITE.value)
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert process.stdout is not None
    job_id = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode().strip()
    await until((tmp_path / "workspaces/demo/made").exists, "the job")
    process.kill()
    await process.wait()
    async with open_jobs(tmp_path) as house:
        assert await house.state(job_id) is S.IN_PROGRESS
        if cancels:
            assert (await house.jobs.cancel(job_id, "enough")).state is S.CANCELLED
        else:
            (house.workspace / "go").touch()
            assert (await house.ended(job_id)).job.state is S.COMPLETED
        made = (house.workspace / "made").read_text()
        assert made == ("begun\n" if cancels else "begun\nend\n")
        assert find_marked(job_id) == []


async def test_without_codex_it_is_not_submitted(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, settings=NOWHERE) as house:
        with pytest.raises(CodexMissing, match="/nowhere/codex cannot be read"):
            await house.submit("true", sandbox=WRITE)
        assert (await house.store.queries.jobs()).total == 0
        assert (await house.ran("true")).job.state is S.COMPLETED


async def test_when_codex_has_gone_it_does_not_start_without_its_sandbox(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        held = await house.submit("touch made", sandbox=WRITE, hold=True)
    async with open_jobs(tmp_path, settings=NOWHERE) as house:
        await house.jobs.execute(held)
        done = await house.ended(held)
        assert done.failure is not None
        assert (done.job.state, done.failure.failure_class) == (S.FAILED, FailureClass.SANDBOX)
        assert "/nowhere/codex cannot be read" in done.failure.message
        assert not made(house)


def made(house: JobHouse) -> bool:
    return (house.workspace / "made").exists()


async def test_a_job_has_no_sandbox_that_forbids_nothing(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        with pytest.raises(InvalidInput, match="read-only or workspace-write, not danger-full"):
            await house.submit("true", sandbox=Sandbox.DANGER_FULL_ACCESS)
