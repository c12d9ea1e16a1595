"""Turns by `codex exec` with the real codex and a scripted model."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.codex.binary import locate
from foredeck.services.codex.environment import codex_environment
from foredeck.services.codex.exec_command import exec_command
from foredeck.services.codex.exec_process import ExecProcess
from foredeck.services.codex.exec_runner import NOTE, ExecRunner
from foredeck.services.codex.orders import LeftTurn, TurnOrder, TurnReport
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import StepFailed, TurnLost
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import ChangeKind, FailureClass, FileChange, Sandbox
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.jobs.processes import MARK, find_marked, send_signal
from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    Fail,
    ModelRequest,
    ModelServer,
    Say,
    write_codex_config,
)
from foredeck.services.settings import Settings
from tests.support.segments import texts

pytestmark = pytest.mark.codex

WAIT = 60.0
NOBODY = "00000000-0000-7000-8000-000000000000"
STUBBORN = (
    "(setsid sh -c 'trap \"\" TERM INT; touch child; while :; do sleep 1; done' &); "
    "trap '' TERM INT; while [ ! -e child ]; do sleep 0.05; done; touch up; "
    "while :; do sleep 1; done"
)
LIMIT = "You've hit your usage limit. Try again in 3 hours 20 minutes."


def command(text: str) -> Call:
    return Call("exec_command", {"cmd": text, "yield_time_ms": 30_000})


class Bench:
    """An exec runner, a model that answers by prompt, and turns."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.answers: dict[str, list[Sequence[Action]]] = {}
        self.settings = Settings(
            data_dir=directory / "data", codex_home=directory / "home", grace=0.5
        )
        self.runner = ExecRunner(self.settings)
        self.workspace = directory / "workspace"
        self.workspace.mkdir()
        self.writers: list[OutputWriter] = []

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        answers = self.answers.get(request.prompt, [[Say("nothing to do")]])
        return answers[min(len(request.turn_outputs), len(answers) - 1)]

    def order(self, prompt: str, *answers: Sequence[Action], **fields: object) -> TurnOrder:
        self.answers[prompt] = list(answers)
        job_id = new_id()
        writer = OutputWriter(self.directory / f"{job_id}.log")
        self.writers.append(writer)
        order = TurnOrder(job_id, str(self.workspace), prompt, writer, timeout=WAIT)
        return replace(order, **fields)  # type: ignore[arg-type]

    def process(self, order: TurnOrder) -> ExecProcess:
        return ExecProcess(self.settings.data_dir / "codex" / "exec" / order.job_id)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("CODEX_HOME", "CODEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    bench = Bench(tmp_path)
    with ModelServer(bench, pace=0) as server:
        write_codex_config(tmp_path / "home", server.base_url)
        yield bench
    for writer in bench.writers:
        writer.close()


async def test_a_turn_from_its_prompt_to_its_result(bench: Bench) -> None:
    order = bench.order("write", [command("echo hello; echo x > made.txt")], [Say("Written.")])
    known: list[tuple[str, str]] = []

    async def started(thread_id: str, turn_id: str) -> None:
        known.append((thread_id, turn_id))

    report = TurnReport()
    result = await bench.runner.run(order, started=started, report=report)
    assert result.message == "Written."
    assert known == [(result.thread_id, "")]
    assert result.changes == (FileChange("made.txt", ChangeKind.CREATED),)
    assert result.usage.input > 0
    assert result.usage == result.thread_usage
    assert report.model == "gpt-5.5"
    order.output.flush()
    path = order.output.path
    assert texts(path, Kind.PROMPT) == ["write\n"]
    assert texts(path, Kind.COMMAND) == ["$ echo hello; echo x > made.txt\n"]
    assert "hello\n" in texts(path, Kind.OUTPUT)
    assert f"{NOTE}\n" in texts(path, Kind.NOTE)
    assert find_marked(order.job_id) == []


async def test_it_may_work_in_a_directory_of_the_workspace(bench: Bench) -> None:
    order = bench.order("in", [command("touch made.txt")], [Say("Made.")], directory="inner")
    with pytest.raises(StepFailed, match="inner is not there any more"):
        await bench.runner.run(order)

    order.place.mkdir()
    result = await bench.runner.run(replace(order, job_id=new_id()))
    assert result.changes == (FileChange("inner/made.txt", ChangeKind.CREATED),)


async def test_a_resumed_turn_counts_only_its_own_tokens(bench: Bench) -> None:
    first = await bench.runner.run(bench.order("one", [command("true")], [Say("One.")]))
    order = bench.order("two", [Say("Two.")], thread_id=first.thread_id)
    second = await bench.runner.run(order)
    assert second.thread_id == first.thread_id
    assert second.thread_usage == first.usage + second.usage
    assert second.usage.total > 0


async def test_an_unknown_thread_is_an_error(bench: Bench) -> None:
    with pytest.raises(StepFailed) as failed:
        await bench.runner.run(bench.order("x", [Say("no")], thread_id=NOBODY))
    assert f"cannot continue the conversation {NOBODY}" in failed.value.message


@pytest.mark.parametrize("sandbox", [Sandbox.WORKSPACE_WRITE, Sandbox.DANGER_FULL_ACCESS])
async def test_cancelled_it_leaves_nothing(bench: Bench, sandbox: Sandbox) -> None:
    order = bench.order("stay", [command(STUBBORN)], sandbox=sandbox)
    turn = asyncio.create_task(bench.runner.run(order))
    async with asyncio.timeout(WAIT):
        while not (bench.workspace / "up").exists():
            await asyncio.sleep(0.02)
    assert find_marked(order.job_id)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert find_marked(order.job_id) == []


async def test_it_takes_too_long(bench: Bench) -> None:
    order = bench.order("slow", [command("sleep 300")], timeout=2.0)
    with pytest.raises(StepFailed) as failed:
        await bench.runner.run(order)
    assert failed.value.failure.failure_class is FailureClass.TIMEOUT
    assert find_marked(order.job_id) == []


async def test_a_usage_limit_says_when_it_ends(bench: Bench) -> None:
    body = {"error": {"type": "usage_limit_reached", "message": LIMIT, "plan_type": "plus"}}
    with pytest.raises(StepFailed) as failed:
        await bench.runner.run(bench.order("limited", [Fail(429, body)]))
    assert failed.value.failure.failure_class is FailureClass.USAGE_LIMIT


async def test_the_same_job_is_never_started_twice_but_followed_to_its_end(
    bench: Bench,
) -> None:
    """What a host does that takes over: the turn that an earlier one started goes on."""
    order = bench.order("go on", [command("echo once >> runs.txt")], [Say("Went on.")])
    process = bench.process(order)
    process.prepare(order.prompt, None)
    words = exec_command(locate(bench.settings).path, order, None)
    environment = codex_environment(bench.settings) | {MARK: order.job_id}
    await asyncio.to_thread(process.start, words, environment, 0.5)
    result = await bench.runner.run(order)
    assert result.message == "Went on."
    again = await bench.runner.run(order)
    assert (again.message, again.thread_id) == (result.message, result.thread_id)
    assert again.usage == result.usage
    assert (bench.workspace / "runs.txt").read_text() == "once\n"
    order.output.flush()
    assert texts(order.output.path, Kind.PROMPT) == ["go on\n"]
    assert len(texts(order.output.path, Kind.COMMAND)) == 1


async def test_a_turn_that_nobody_follows_is_ended_by_its_job_id(bench: Bench) -> None:
    order = bench.order("stay", [command(STUBBORN)])
    process = bench.process(order)
    process.prepare(order.prompt, None)
    words = exec_command(locate(bench.settings).path, order, None)
    environment = codex_environment(bench.settings) | {MARK: order.job_id}
    await asyncio.to_thread(process.start, words, environment, 0.5)
    async with asyncio.timeout(WAIT):
        while not (bench.workspace / "up").exists():
            await asyncio.sleep(0.02)
    await bench.runner.abandon(order.job_id, None, None)
    assert find_marked(order.job_id) == []
    assert process.ending is not None


async def test_without_an_account_it_says_so_at_once(bench: Bench) -> None:
    (bench.directory / "home/config.toml").write_text("")
    order = bench.order("anything")
    with pytest.raises(StepFailed) as failed:
        await bench.runner.run(order)
    assert failed.value.failure.failure_class is FailureClass.AUTHENTICATION
    assert "codex login" in failed.value.failure.advice
    assert not bench.process(order).was_started


async def test_a_house_that_departs_leaves_its_turn_to_the_next(bench: Bench) -> None:
    hold = command("echo once >> runs.txt; touch up; while [ ! -e go ]; do sleep 0.05; done")
    order = bench.order("hold", [hold], [Say("Held.")])
    departure = Departure()
    turn = asyncio.create_task(ExecRunner(bench.settings, departure).run(order))
    async with asyncio.timeout(WAIT):
        while not (bench.workspace / "up").exists():
            await asyncio.sleep(0.02)
    departure.leaving = True
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert find_marked(order.job_id), "it goes on"

    (bench.workspace / "go").touch()
    result = await bench.runner.run(replace(order, left=LeftTurn()))
    assert result.message == "Held."
    assert (bench.workspace / "runs.txt").read_text() == "once\n"
    assert FileChange("runs.txt", ChangeKind.CREATED) in result.changes
    assert find_marked(order.job_id) == []


async def test_a_turn_that_vanished_is_lost(bench: Bench) -> None:
    order = bench.order("gone", [command("touch up; sleep 300")])
    process = bench.process(order)
    turn = asyncio.create_task(bench.runner.run(order))
    async with asyncio.timeout(WAIT):
        while not (bench.workspace / "up").exists():
            await asyncio.sleep(0.02)
    for found in find_marked(order.job_id):
        send_signal(found, signal.SIGKILL)
    with pytest.raises(TurnLost):
        await turn
    assert process.ending is None
    assert find_marked(order.job_id) == []
