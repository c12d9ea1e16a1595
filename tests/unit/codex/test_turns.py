"""Turns against an app-server that plays captured streams."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.codex.orders import TurnOrder, TurnReport
from foredeck.services.codex.turns import TurnRunner
from foredeck.services.domain.errors import CodexMissing, StepFailed
from foredeck.services.domain.records import (
    ChangeKind,
    FailureClass,
    FileChange,
    Sandbox,
    TokenUsage,
)
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.jobs.processes import MARK, find_marked
from foredeck.services.settings import Settings
from tests.support.fake_app_server import (
    THREAD,
    TURN,
    FakeAppServer,
    last_turn,
    notification,
    turn_completed,
)
from tests.support.segments import parts, texts

COMMAND = notification(
    "item/started", item={"type": "commandExecution", "id": "c", "command": "sleep 300"}
)


@pytest.fixture
def runner(fake: FakeAppServer) -> TurnRunner:
    return TurnRunner(fake, Settings(grace=0.2))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def order(workspace: Path, writer: OutputWriter) -> TurnOrder:
    return TurnOrder(f"job-{os.getpid()}", str(workspace), "Do it", writer)


@pytest.fixture
def marked(order: TurnOrder) -> Iterator[subprocess.Popen[bytes]]:
    """A process that carries the order's mark and does not mind SIGTERM."""
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}; time.sleep(300)"],
        env={**os.environ, MARK: order.job_id},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def with_fields(order: TurnOrder, **fields: Any) -> TurnOrder:
    return TurnOrder(**{**vars(order), **fields})


async def failure(runner: TurnRunner, order: TurnOrder) -> FailureClass:
    with pytest.raises(StepFailed) as caught:
        await asyncio.wait_for(runner.run(order), 20)
    assert caught.value.message
    return caught.value.failure.failure_class


async def test_a_turn(fake: FakeAppServer, runner: TurnRunner, order: TurnOrder) -> None:
    fake.script = last_turn("multi")
    known: list[tuple[str, str]] = []

    async def started(thread_id: str, turn_id: str) -> None:
        known.append((thread_id, turn_id))

    result = await runner.run(order, started=started)
    assert known == [(THREAD, TURN)]
    assert (result.thread_id, result.turn_id) == (THREAD, TURN)
    assert result.message
    assert result.usage == result.thread_usage == TokenUsage(800, 380, 160, 28)
    assert "exit 1, 0.0 s: false" in result.errors
    order.output.flush()
    assert parts(order.output.path)[0] == (Kind.PROMPT, "Do it\n")


async def test_what_the_thread_is_given(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    fake.script = [turn_completed()]
    schema = {"type": "object"}
    given = with_fields(order, model="gpt-x", sandbox=Sandbox.READ_ONLY, output_schema=schema)
    await runner.run(given)
    (params,) = fake.called("thread/start")
    assert params["cwd"] == order.workspace
    assert (params["sandbox"], params["model"]) == ("read-only", "gpt-x")
    assert params["approvalPolicy"] == "never"
    assert params["config"] == {
        "shell_environment_policy.inherit": "core",
        "shell_environment_policy.set": {MARK: order.job_id, "SHLVL": "1"},
        "features.unbounded_connection_retries": False,
        "allow_login_shell": False,
    }
    (turn,) = fake.called("turn/start")
    assert turn["outputSchema"] == schema
    assert turn["input"] == [{"type": "text", "text": "Do it"}]


async def test_where_codex_works_may_be_a_directory_of_the_workspace(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    fake.script = [turn_completed()]
    inner = with_fields(order, directory="inner")
    assert await failure(runner, inner) is FailureClass.WORKSPACE
    assert fake.called("thread/start") == []

    inner.place.mkdir()
    await runner.run(inner)
    (params,) = fake.called("thread/start")
    assert params["cwd"] == f"{order.workspace}/inner"


async def test_resume_says_everything_again(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    fake.answers["thread/resume"] = lambda params: {"thread": {"id": params["threadId"]}}
    fake.script = last_turn("cut")
    before = TokenUsage(30, 0, 0, 0)
    result = await runner.run(with_fields(order, thread_id=THREAD, thread_usage=before))
    (params,) = fake.called("thread/resume")
    assert params["threadId"] == THREAD
    assert params["config"]["shell_environment_policy.set"][MARK] == order.job_id
    assert params["sandbox"] == "workspace-write"
    methods = [method for method, _ in fake.calls]
    assert methods.index("thread/unsubscribe") < methods.index("thread/resume")
    assert methods[-1] == "thread/unsubscribe"
    assert result.message == "recovered after cuts"


@pytest.mark.parametrize("resumed", [None, THREAD])
@pytest.mark.parametrize(
    ("answer", "model"),
    [({"model": "gpt-real"}, "gpt-real"), ({}, "asked"), ({"model": 7}, "asked")],
)
async def test_the_model_that_answers_is_reported(
    fake: FakeAppServer,
    runner: TurnRunner,
    order: TurnOrder,
    resumed: str | None,
    answer: dict[str, Any],
    model: str,
) -> None:
    for method in ("thread/start", "thread/resume"):
        fake.answers[method] = lambda _: {"thread": {"id": THREAD}, **answer}
    fake.script = [turn_completed()]
    report = TurnReport(model="asked")
    await runner.run(with_fields(order, thread_id=resumed), report=report)
    assert report.model == model


async def test_another_thread_answers(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    fake.answers["thread/resume"] = lambda _: {"thread": {"id": "somebody-else"}}
    assert await failure(runner, with_fields(order, thread_id=THREAD)) is FailureClass.CODEX
    assert fake.called("turn/start") == []


async def test_a_thread_that_is_unknown(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    def unknown(_: object) -> dict[str, Any]:
        raise ValueError("no rollout found for thread id x")

    fake.answers["thread/resume"] = unknown
    assert await failure(runner, with_fields(order, thread_id=THREAD)) is FailureClass.CODEX


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("refused", FailureClass.NETWORK),
        ("http500", FailureClass.NETWORK),
        ("http400", FailureClass.MODEL),
        ("approval-cancel", FailureClass.CODEX),
    ],
)
async def test_bad_ends(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder, name: str, expected: FailureClass
) -> None:
    fake.script = last_turn(name)
    assert await failure(runner, order) is expected


async def test_the_report_knows_what_a_failed_turn_used_and_changed(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder, workspace: Path
) -> None:
    def start(_: object) -> dict[str, Any]:
        (workspace / "new.txt").write_text("x")
        return {"turn": {"id": TURN}}

    fake.answers["turn/start"] = start
    fake.script = last_turn("approval-cancel")
    report = TurnReport()
    with pytest.raises(StepFailed):
        await runner.run(order, report=report)
    assert report.usage == TokenUsage(100, 20, 30, 5)
    assert report.changes == (FileChange("new.txt", ChangeKind.CREATED),)
    assert (report.thread_id, report.turn_id) == (THREAD, TURN)


async def test_the_workspace_is_gone(runner: TurnRunner, order: TurnOrder) -> None:
    gone = with_fields(order, workspace="/nowhere/at/all")
    assert await failure(runner, gone) is FailureClass.WORKSPACE


async def test_there_is_no_codex(order: TurnOrder) -> None:
    class Nowhere:
        async def connect(self) -> Any:
            raise CodexMissing("There is no codex.", "Install it.")

    with pytest.raises(StepFailed, match="There is no codex"):
        await TurnRunner(Nowhere(), Settings()).run(order)


async def test_the_app_server_dies(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder, marked: subprocess.Popen[bytes]
) -> None:
    fake.script = [notification("turn/started"), COMMAND]
    turn = asyncio.create_task(runner.run(order))
    await asyncio.wait_for(fake.started.wait(), 5)
    await fake.die()
    with pytest.raises(StepFailed) as caught:
        await asyncio.wait_for(turn, 20)
    assert caught.value.failure.failure_class is FailureClass.CRASH
    assert find_marked(order.job_id) == []
    assert marked.wait(5)
    # It may only have been the connection: the turn is interrupted over a new one.
    assert {"threadId": THREAD, "turnId": TURN} in fake.called("turn/interrupt")


async def test_too_long(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder, marked: subprocess.Popen[bytes]
) -> None:
    interruptible(fake)
    fake.script = [COMMAND]
    slow = with_fields(order, timeout=0.3, stall_timeout=0.05)
    assert await failure(runner, slow) is FailureClass.TIMEOUT
    assert fake.called("turn/interrupt") == [{"threadId": THREAD, "turnId": TURN}]
    assert find_marked(order.job_id) == []


async def test_silence_without_a_command_is_a_stall(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    interruptible(fake)
    fake.script = [notification("turn/started")]
    with pytest.raises(StepFailed, match=r"no sign of life for 0.1 s"):
        await asyncio.wait_for(runner.run(with_fields(order, stall_timeout=0.1)), 20)


def interruptible(fake: FakeAppServer) -> None:
    """Let turn/interrupt and the clean-up have the effects that codex gives them."""
    end = {
        "type": "commandExecution", "id": "c", "command": "sleep 300", "status": "failed",
        "aggregatedOutput": "killed", "exitCode": 137,
    }  # fmt: skip
    pending: set[asyncio.Task[None]] = set()

    def say(*messages: dict[str, Any]) -> dict[str, Any]:
        pending.add(asyncio.create_task(fake.say(*messages)))
        return {}

    fake.answers["turn/interrupt"] = lambda _: say(turn_completed("interrupted"))
    fake.answers["thread/backgroundTerminals/clean"] = lambda _: say(
        notification("item/completed", item=end)
    )


@pytest.mark.parametrize("cancels", [1, 5])
async def test_cancelled(
    fake: FakeAppServer,
    runner: TurnRunner,
    order: TurnOrder,
    marked: subprocess.Popen[bytes],
    cancels: int,
) -> None:
    interruptible(fake)
    fake.script = [COMMAND]
    turn = asyncio.create_task(runner.run(order))
    await asyncio.wait_for(fake.started.wait(), 5)
    for _ in range(cancels):
        turn.cancel()
        await asyncio.sleep(0.02)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(turn, 20)
    assert find_marked(order.job_id) == []
    assert marked.wait(5) == -9
    methods = [method for method, _ in fake.calls]
    assert methods.index("turn/interrupt") < methods.index("thread/backgroundTerminals/clean")
    order.output.flush()
    assert "exit 137: sleep 300\n" in texts(order.output.path, Kind.ERROR)
    assert texts(order.output.path, Kind.NOTE) == [
        "Ended 1 process that the turn had left running.\n"
    ]


async def test_cancelled_while_the_turn_is_being_started(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    interruptible(fake)
    turn = asyncio.create_task(runner.run(order))

    def cancel_now(_: object) -> dict[str, Any]:
        turn.cancel()
        return {"turn": {"id": TURN}}

    fake.answers["turn/start"] = cancel_now
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(turn, 20)
    assert fake.called("turn/interrupt") == [{"threadId": THREAD, "turnId": TURN}]


async def test_what_a_finished_turn_left_running_is_ended(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder, marked: subprocess.Popen[bytes]
) -> None:
    fake.script = [turn_completed()]
    await runner.run(order)
    assert marked.wait(5) == -9
    order.output.flush()
    assert "Ended 1 process" in texts(order.output.path, Kind.NOTE)[0]
    assert fake.called("turn/interrupt") == []


async def test_sub_agents_count_and_are_interrupted(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder
) -> None:
    spawn = {"type": "collabAgentToolCall", "id": "s", "tool": "spawnAgent",
             "status": "completed", "receiverThreadIds": ["child"]}  # fmt: skip
    used = {"total": {"inputTokens": 50}, "last": {"inputTokens": 50}}
    words = {"type": "agentMessage", "id": "m", "text": "words of the child"}
    child = {"threadId": "child", "turnId": "child-turn"}
    fake.script = [
        notification("item/completed", item=spawn),
        {"method": "turn/started", "params": {**child, "turn": {"id": "child-turn"}}},
        {"method": "thread/tokenUsage/updated", "params": {**child, "tokenUsage": used}},
        {"method": "item/completed", "params": {**child, "item": words}},
        turn_completed(),
    ]
    result = await runner.run(order)
    assert result.usage == TokenUsage(50)
    assert result.message == ""
    assert fake.called("turn/interrupt") == [child]


async def test_abandoned_turns(
    fake: FakeAppServer, runner: TurnRunner, order: TurnOrder, marked: subprocess.Popen[bytes]
) -> None:
    await runner.abandon(order.job_id, THREAD, TURN)
    assert fake.called("turn/interrupt") == [{"threadId": THREAD, "turnId": TURN}]
    assert fake.called("thread/backgroundTerminals/clean") == [{"threadId": THREAD}]
    assert marked.wait(5) == -9
