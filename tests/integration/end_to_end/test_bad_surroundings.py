"""Bad requests and broken surroundings: each is told in a sentence, and soon."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.errors import Conflict, InvalidInput, NewerDatabase, NotFound
from foredeck.services.domain.records import FailureClass, Mode, Sandbox
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.commands import CreateRun, RetryRun, StartRun
from foredeck.services.host.queries import ListRuns
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
# Nothing here may need a codex that tries in vain; seconds on a loaded machine.
SOON = 30.0


def hold_failure(detail: RunDetail, key: str, failure_class: FailureClass, words: str) -> None:
    step = next(step for step in detail.steps if step.key == key)
    assert detail.run.state is RunState.FAILED
    assert step.state is StepState.FAILED
    assert step.failure is not None
    assert step.failure.failure_class is failure_class, step.failure
    assert words in step.failure.message
    assert step.failure.advice
    assert step.attempt == 1


async def test_bad_requests_leave_nothing_behind(house: House) -> None:
    async with house.open() as home:
        project = await home.project("shop")
        with pytest.raises(InvalidInput, match="request is empty"):
            await home.host.do(CreateRun(project.id, " \n\t"))
        with pytest.raises(NotFound, match="nowhere"):
            await home.host.do(CreateRun("nowhere", "Build it"))
        shutil.rmtree(project.workspace)
        with pytest.raises(Conflict, match="not there any more"):
            await home.host.do(CreateRun(project.id, "Build it"))
        assert (await home.host.ask(ListRuns())).total == 0


@BOTH
async def test_a_workspace_that_vanishes_before_the_start(house: House, mode: Mode) -> None:
    async with house.open() as home:
        project = await home.project("shop")
        row = await home.host.do(CreateRun(project.id, "Build [run one]", mode=mode, start=False))
        shutil.rmtree(project.workspace)
        await home.host.do(StartRun(row.id))
        detail = await home.rest(row.id)
        hold_failure(detail, "planner", FailureClass.WORKSPACE, "not there any more")
        assert not Path(project.workspace).exists()
        Path(project.workspace).mkdir()
        await home.host.do(RetryRun(row.id))
        assert (await home.rest(row.id)).run.state is RunState.SUCCESS


@BOTH
async def test_a_workspace_that_vanishes_in_the_middle(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands('cd ..; mv "$OLDPWD" away; echo gone')
    script.crew("one").codex["qa_qc"] = commands("echo checked")
    async with house.open(sandbox=Sandbox.DANGER_FULL_ACCESS) as home:
        row = await home.begin("one", mode)
        detail = await home.rest(row.id)
        hold_failure(detail, "qa_qc", FailureClass.WORKSPACE, "not there any more")
        (house.settings.workspaces_root / "away").rename(detail.workspace)
        await home.host.do(RetryRun(row.id))
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS
        assert [step.attempt for step in detail.steps] == [1, 1, 2, 1]


@BOTH
@pytest.mark.parametrize(
    ("broken", "failure_class", "words"),
    [
        ({"codex_path": "nowhere"}, FailureClass.CODEX, "nowhere"),
        ({"codex_home": "empty"}, FailureClass.AUTHENTICATION, "not logged in"),
    ],
    ids=["no codex", "no login"],
)
async def test_a_codex_that_cannot_work(
    house: House,
    script: CrewScript,
    mode: Mode,
    broken: dict[str, str],
    failure_class: FailureClass,
    words: str,
) -> None:
    """The stage ends at once: no prompt of an agent could mend it."""
    script.crew("one").codex["builder"] = commands("echo built")
    key = "builder" if mode is Mode.AGENT else "planner"
    changes: dict[str, Any] = {name: house.base / value for name, value in broken.items()}
    async with asyncio.timeout(SOON), house.open(**changes) as home:
        row = await home.begin("one", mode)
        detail = await home.rest(row.id)
        hold_failure(detail, key, failure_class, words)
        assert [job.state for job in await home.jobs(row.id)] == [JobState.FAILED]
    async with house.open() as home:
        await home.host.do(RetryRun(row.id))
        assert (await home.rest(row.id)).run.state is RunState.SUCCESS


async def test_agents_without_a_key(house: House) -> None:
    async with house.open(rehearsal=False, api_key="env:NOBODY_SET_THIS") as home:
        row = await home.begin("one", Mode.AGENT)
        detail = await home.rest(row.id)
        hold_failure(detail, "planner", FailureClass.AUTHENTICATION, "no API key")


async def test_a_database_from_a_newer_version_is_not_touched(house: House) -> None:
    async with house.open() as home:
        await home.project("shop")
    database = house.settings.data_dir / "foredeck.db"
    with sqlite3.connect(database) as link:
        link.execute("PRAGMA user_version = 9999")
    link.close()
    before = database.read_bytes()
    with pytest.raises(NewerDatabase) as raised:
        async with house.open():
            pass
    assert raised.value.advice
    assert database.read_bytes() == before


async def test_exit_codes_and_sentences_without_a_screen(house: House) -> None:
    async with house.open() as home:
        shop, gone = await home.project("shop"), await home.project("gone")
    shutil.rmtree(gone.workspace)
    newer = house.base / "newer"
    shutil.copytree(house.settings.data_dir, newer)
    with sqlite3.connect(newer / "foredeck.db") as link:
        link.execute("PRAGMA user_version = 9999")
    link.close()
    no_codex = {"FOREDECK_CODEX_PATH": str(house.base / "nowhere"), "FOREDECK_MODE": "direct"}
    cases: list[tuple[int, str, dict[str, str], list[str]]] = [
        (2, "request is empty", {}, ["run", " ", "--project", "shop"]),
        (2, "nowhere", {}, ["run", "Build it", "--project", "nowhere"]),
        (1, "not there any more", {}, ["run", "Build it", "--project", "gone"]),
        (1, "nowhere", no_codex, ["run", "Build it [run x]", "--project", "shop"]),
        (1, "newer", {"FOREDECK_DATA_DIR": str(newer)}, ["projects", "list"]),
    ]
    for code, words, environment, arguments in cases:
        found, said = await foredeck(house, environment, *arguments)
        assert (found, words in said) == (code, True), f"{arguments}: {found}: {said}"
        assert "Traceback" not in said
    assert os.listdir(shop.workspace) == []


async def foredeck(house: House, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run the command line; return its exit code and what it says on stderr."""
    settings = {
        "FOREDECK_DATA_DIR": str(house.settings.data_dir),
        "FOREDECK_CODEX_HOME": str(house.settings.codex_home),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from foredeck.app.cli.main import main; main()", *arguments),
        env={**os.environ, **settings, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()
