"""Codex runs and their files, on a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.codex.binary import CodexBinary
from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, InvalidInput, StoreError
from foredeck.services.domain.records import (
    Failure,
    FailureClass,
    Mode,
    Run,
    Sandbox,
    StepKind,
    TokenUsage,
    Trigger,
)
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.pricing import Price
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workflow import definition
from foredeck.services.workflow.builtin import four_agents
from foredeck.services.workflow.codex_runs import CodexRuns, CodexWish
from foredeck.services.workflow.runs import RunService, RunWish
from foredeck.services.workspace.projects import ProjectService
from tests.support import records

SESSION = "01a1fb36-1491-7ff0-b740-dda1ccfcf0cc"
BINARY = CodexBinary(Path("/usr/bin/codex"), "0.169.0", "PATH")
USED = TokenUsage(100, 20, 30, 5)


@dataclass
class Desk:
    """A store with one project, and codex runs in it."""

    store: Store
    bus: EventBus
    runs: RunService
    codex: CodexRuns
    settings: Settings

    async def stored(self, run_id: str) -> Run:
        async with self.store.transaction() as tx:
            return await tx.runs.get(run_id)

    async def end(
        self, run_id: str, state: RunState, failure: Failure | None = None, turn: str | None = "t"
    ) -> None:
        """Store that a turn was had and how the run ended."""
        moment = clock.now()
        async with self.store.transaction() as tx:
            (step,) = await tx.steps.of_run(run_id)
            job = records.job(step, thread_id=SESSION, turn_id=turn, model="m", usage=USED)
            await tx.jobs.add(job)
            await tx.move_run(run_id, RunState.RUNNING, started_at=moment)
            await tx.move_step(step.id, StepState.RUNNING)
            to = StepState.FAILED if state is RunState.FAILED else StepState(state.value)
            await tx.move_step(step.id, to, failure=failure)
            await tx.move_run(run_id, state, ended_at=moment)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(data_dir=tmp_path / "data", prices={"m": Price(1.0, 0.5, 10.0)})
    bus = EventBus()
    store = await Store.open(settings.data_dir, bus)
    runs = RunService(store, lambda _project, _request: four_agents(), lambda _: Mode.AGENT)
    await ProjectService(store, tmp_path / "work", settings.data_dir).create("demo")
    yield Desk(store, bus, runs, CodexRuns(store, runs, settings), settings)
    await store.close()


def document(path: str) -> dict[str, Any]:
    return dict(json.loads(Path(path).read_text()))


async def test_a_run_is_stored_with_all_that_was_asked_for(desk: Desk) -> None:
    wish = CodexWish(
        "demo", " Do it. ", SESSION.upper(), "m", Sandbox.READ_ONLY, ("a=1",), timeout=30.0
    )
    made = await desk.codex.create(wish)
    run = await desk.stored(made.run_id)
    assert (run.workflow, run.trigger, run.state) == ("codex", Trigger.CLI, RunState.CREATED)
    assert (run.request, run.title) == ("Do it.", "Do it.")
    (step,) = definition.from_json(run.definition).steps
    assert (step.kind, step.prompt, step.thread_id) == (StepKind.CODEX, "Do it.", SESSION)
    assert (step.model, step.sandbox, step.codex_config) == ("m", Sandbox.READ_ONLY, ("a=1",))
    assert step.turn_timeout == 30.0
    assert step.timeout > 30.0
    assert made.resume_session == SESSION
    assert made.log_file == f"{desk.settings.data_dir}/codex-runs/codex-run-{made.run_id}.log"
    assert (made.exit_code, made.session_id) == (None, None)


async def test_a_session_goes_on_without_a_task(desk: Desk) -> None:
    made = await desk.codex.create(CodexWish("demo", thread_id=SESSION))
    run = await desk.stored(made.run_id)
    assert run.title == "Continue 01a1fb36"
    assert definition.from_json(run.definition).steps[0].prompt == run.request != ""


@pytest.mark.parametrize(
    "wish",
    [
        CodexWish("demo"),
        CodexWish("demo", "x", "last"),
        CodexWish("demo", "x", timeout=-1.0),
        CodexWish("demo", "x", timeout=90_000.0),
        CodexWish("demo", "x", codex_config=("=",)),
        CodexWish("demo", "x", log_dir="/proc/nowhere"),
        CodexWish("demo", "x", log_dir="/tmp/a\nb"),
    ],
)
async def test_a_wish_that_makes_no_sense(desk: Desk, wish: CodexWish) -> None:
    with pytest.raises(InvalidInput):
        await desk.codex.create(wish)
    assert (await desk.store.queries.runs()).total == 0


async def test_another_kind_of_run_has_no_such_files(desk: Desk) -> None:
    run = await desk.runs.create(RunWish("demo", "Build it"))
    with pytest.raises(Conflict, match="codex run"):
        await desk.codex.get(run.id)


@pytest.mark.parametrize(
    ("state", "failure", "code"),
    [
        (RunState.SUCCESS, None, 0),
        (RunState.FAILED, Failure(FailureClass.CODEX, "no"), 1),
        (RunState.FAILED, Failure(FailureClass.TIMEOUT, "late"), 124),
        (RunState.CANCELLED, None, 130),
    ],
)
async def test_every_end_has_its_summary(
    desk: Desk, state: RunState, failure: Failure | None, code: int
) -> None:
    made = await desk.codex.create(CodexWish("demo", "Do it"))
    await desk.codex.open(made.run_id, BINARY)
    meta = document(made.meta_file)
    assert (meta["codex_bin"], meta["codex_version"]) == ("/usr/bin/codex", "0.169.0")
    unknown = ("session_id", "exit_code", "success", "token_usage")
    assert [name for name in unknown if meta[name] is not None] == []
    await desk.end(made.run_id, state, failure)
    ended = await desk.codex.conclude(made.run_id)
    assert (ended.exit_code, ended.session_id, ended.usage) == (code, SESSION, USED)
    summary = document(made.summary_file)
    assert (summary["exit_code"], summary["success"]) == (code, code == 0)
    assert summary["codex_version"] == "0.169.0"
    assert summary["token_usage"]["total_tokens"] == 130
    assert summary["cost"] == pytest.approx(0.00039)
    assert summary["elapsed_seconds"] is not None


async def test_a_session_that_was_only_asked_for_is_none(desk: Desk) -> None:
    made = await desk.codex.create(CodexWish("demo", thread_id=SESSION))
    await desk.codex.open(made.run_id, BINARY)
    await desk.end(made.run_id, RunState.FAILED, Failure(FailureClass.CODEX, "no"), turn=None)
    assert (await desk.codex.conclude(made.run_id)).session_id is None


async def test_a_run_that_goes_on_has_no_summary(desk: Desk) -> None:
    made = await desk.codex.create(CodexWish("demo", "Do it"))
    await desk.codex.open(made.run_id, None)
    await desk.codex.conclude(made.run_id)
    assert not Path(made.summary_file).exists()
    assert document(made.meta_file)["codex_bin"] is None


async def test_a_run_that_waits_for_a_person_says_that_it_has_not_ended(desk: Desk) -> None:
    made = await desk.codex.create(CodexWish("demo", "Do it"))
    await desk.codex.open(made.run_id, BINARY)
    await desk.end(made.run_id, RunState.WAITING)
    await desk.codex.conclude(made.run_id)
    summary = document(made.summary_file)
    assert (summary["exit_code"], summary["success"]) == (None, None)


async def test_the_next_host_writes_what_the_last_one_did_not_come_to(desk: Desk) -> None:
    first = await desk.codex.create(CodexWish("demo", "Do it"))
    second = await desk.codex.create(CodexWish("demo", "Do more"))
    for made in (first, second):
        await desk.codex.open(made.run_id, BINARY)
        Path(made.log_file).write_text("what codex said\n")
    await desk.end(first.run_id, RunState.SUCCESS)
    pending = desk.settings.data_dir / "codex-runs/pending"
    (pending / "not-a-run").touch()

    later = CodexRuns(desk.store, desk.runs, desk.settings)
    await later.catch_up()
    assert document(first.summary_file)["success"] is True
    assert not Path(second.summary_file).exists()
    assert [entry.name for entry in pending.iterdir()] == [second.run_id]
    await later.catch_up()
    log = Path(first.log_file).read_text()
    assert log.startswith("what codex said\n")
    assert log.count("codex_exit_code=0\n") == 1


async def test_a_run_that_comes_to_rest_is_noticed(desk: Desk) -> None:
    events = desk.bus.subscribe()
    following = asyncio.create_task(desk.codex.follow(events))
    made = await desk.codex.create(CodexWish("demo", "Do it"))
    await desk.codex.open(made.run_id, BINARY)
    await desk.end(made.run_id, RunState.SUCCESS)
    async with asyncio.timeout(20):
        while not Path(made.summary_file).exists():
            await asyncio.sleep(0.01)
    await events.aclose()
    await following


async def test_a_retried_run_writes_its_summary_again(desk: Desk) -> None:
    made = await desk.codex.create(CodexWish("demo", "Do it"))
    await desk.codex.open(made.run_id, BINARY)
    await desk.end(made.run_id, RunState.FAILED, Failure(FailureClass.NETWORK, "no"))
    await desk.codex.conclude(made.run_id)
    async with desk.store.transaction() as tx:
        await tx.move_run(made.run_id, RunState.RUNNING, ended_at=None)
    await desk.codex.open(made.run_id, BINARY)
    async with desk.store.transaction() as tx:
        run = await tx.move_run(made.run_id, RunState.SUCCESS, ended_at=clock.now())
        await tx.runs.save(replace(run, summary="done"))
    await desk.codex.conclude(made.run_id)
    assert document(made.summary_file)["exit_code"] == 0


async def test_a_run_that_was_cancelled_before_codex_began_has_a_summary(desk: Desk) -> None:
    made = await desk.codex.create(CodexWish("demo", "Do it"))
    async with desk.store.transaction() as tx:
        await tx.move_run(made.run_id, RunState.CANCELLED, ended_at=clock.now())
    await desk.codex.catch_up()
    assert document(made.summary_file)["exit_code"] == 130


async def test_a_directory_that_went_away_is_told(desk: Desk, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    made = await desk.codex.create(CodexWish("demo", "Do it", log_dir=str(logs)))
    await desk.end(made.run_id, RunState.SUCCESS)
    logs.rmdir()
    with pytest.raises(StoreError, match="cannot be written"):
        await desk.codex.conclude(made.run_id)
    await desk.codex.catch_up()
