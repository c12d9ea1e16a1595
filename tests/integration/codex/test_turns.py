"""Turns of the real codex, with a scripted model."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.orders import TurnOrder, TurnReport, TurnResult
from foredeck.services.codex.protocol import CommandItem
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.server_record import read_record
from foredeck.services.codex.turns import TurnRunner
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import ChangeKind, FailureClass, FileChange, Sandbox
from foredeck.services.domain.segments import SegmentKind as Kind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.jobs.processes import find_marked, send_signal
from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    CustomCall,
    CutStream,
    Fail,
    ModelRequest,
    ModelServer,
    Pause,
    Say,
    write_codex_config,
)
from foredeck.services.settings import Settings
from tests.support.segments import texts

pytestmark = pytest.mark.codex

WAIT = 60.0
BOTH = [Sandbox.WORKSPACE_WRITE, Sandbox.DANGER_FULL_ACCESS]
STUBBORN = (
    "(setsid sh -c 'trap \"\" TERM; touch child; while :; do sleep 1; done' &); "
    "trap '' TERM; while [ ! -e child ]; do sleep 0.05; done; touch up; "
    "while :; do sleep 1; done"
)
WAITING = "echo one; sleep 0.4; echo two; while [ ! -e go ]; do sleep 0.05; done; echo three"


def command(text: str) -> Call:
    return Call("exec_command", {"cmd": text, "yield_time_ms": 30_000})


class Script:
    """For each prompt the answers of the model, one per request of the turn."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Sequence[Action]]] = {}
        self.hold: dict[str, Path] = {}

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        for prompt, answers in self.answers.items():
            if prompt in request.last_user_text:
                self._wait(prompt, request)
                return answers[min(len(request.turn_outputs), len(answers) - 1)]
        return [Say("nothing to do")]

    def _wait(self, prompt: str, request: ModelRequest) -> None:
        """Answer a tool's output only when the file to hold for is there."""
        deadline = time.monotonic() + WAIT
        held = self.hold.get(prompt) if request.turn_outputs else None
        while held and not held.exists() and time.monotonic() < deadline:
            time.sleep(0.02)


class Bench:
    """A real app-server, its model, and turns on it."""

    def __init__(self, directory: Path, model: ModelServer, script: Script) -> None:
        self.directory = directory
        self.script = script
        self.codex_home = directory / "home"
        write_codex_config(self.codex_home, model.base_url)
        self.settings = Settings(data_dir=directory / "data", codex_home=self.codex_home, grace=0.5)
        self.server = AppServer(self.settings)
        self.runner = TurnRunner(self.server, self.settings)
        self.writers: list[OutputWriter] = []

    def workspace(self, name: str = "workspace") -> Path:
        path = self.directory / name
        path.mkdir(exist_ok=True)
        return path

    def order(
        self,
        prompt: str,
        *answers: Sequence[Action],
        workspace: str = "workspace",
        thread_id: str | None = None,
        sandbox: Sandbox = Sandbox.WORKSPACE_WRITE,
        timeout: float = WAIT,
    ) -> TurnOrder:
        self.script.answers[prompt] = list(answers)
        job_id = new_id()
        writer = OutputWriter(self.directory / f"{job_id}.log")
        self.writers.append(writer)
        place = str(self.workspace(workspace))
        return TurnOrder(job_id, place, prompt, writer, thread_id, sandbox=sandbox, timeout=timeout)

    async def close(self) -> None:
        await self.server.stop()
        await self.server.close()
        for writer in self.writers:
            writer.close()


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(Script(), pace=0) as server:
        yield server


@pytest.fixture
async def bench(
    tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    for name in ("CODEX_HOME", "CODEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(model.script, Script)
    bench = Bench(tmp_path, model, model.script)
    yield bench
    await bench.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():
            await asyncio.sleep(0.02)


def written(order: TurnOrder) -> str:
    order.output.flush()
    return order.output.path.read_text()


@asynccontextmanager
async def running(bench: Bench, order: TurnOrder) -> AsyncIterator[asyncio.Task[TurnResult]]:
    turn = asyncio.create_task(bench.runner.run(order))
    try:
        yield turn
    finally:
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)


async def failure(bench: Bench, order: TurnOrder) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        await asyncio.wait_for(bench.runner.run(order), WAIT)
    assert find_marked(order.job_id) == []
    return caught.value


async def test_output_comes_while_the_command_runs(bench: Bench) -> None:
    order = bench.order("watch", [command(WAITING)], [Say("the end")])
    async with running(bench, order) as turn:
        await until(lambda: "\ntwo\n" in order.output.path.read_text())
        assert not turn.done()
        assert "three" not in order.output.path.read_text().splitlines()
        (bench.workspace() / "go").touch()
        result = await asyncio.wait_for(turn, WAIT)
    assert result.message == "the end"
    order.output.flush()
    (output,) = texts(order.output.path, Kind.OUTPUT)
    # A shell may say something of its own first; ours is whole, its first chunk included.
    assert output.endswith("one\ntwo\nthree\n")
    assert texts(order.output.path, Kind.COMMAND) == [f"$ {WAITING}\n"]
    assert texts(order.output.path, Kind.PROMPT) == ["watch\n"]
    assert texts(order.output.path, Kind.MESSAGE) == ["the end\n"]


async def test_more_output_than_codex_sends_live(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends 10,000 deltas of a command at most; the rest comes from its report.

    On a loaded machine codex loses output by itself, so its report is the measure here.
    """
    reports: list[str] = []
    end_command = Narrator._end_command

    def spy(narrator: Narrator, item: CommandItem) -> None:
        reports.append(item.output)
        end_command(narrator, item)

    monkeypatch.setattr(Narrator, "_end_command", spy)
    loop = "for i in $(seq 1 15000); do echo line $i; done"
    order = bench.order("long", [command(loop)], [Say("the end")])
    await bench.runner.run(order)
    order.output.flush()
    (report,) = reports
    assert report.endswith("line 15000\n")
    assert "".join(texts(order.output.path, Kind.OUTPUT)).endswith(report)


async def test_two_turns_of_one_thread(bench: Bench) -> None:
    """Tokens are differences, and the second turn has its own mark and sandbox."""
    first_order = bench.order("first", [command("echo $FOREDECK_JOB_ID > mark")], [Say("1")])
    first = await bench.runner.run(first_order)
    mark = bench.workspace() / "mark"
    assert mark.read_text().strip() == first_order.job_id
    assert first.usage == first.thread_usage
    assert first.changes == (FileChange("mark", ChangeKind.CREATED),)
    second_order = bench.order(
        "second", [command("echo $FOREDECK_JOB_ID > mark")], [Say("2")], thread_id=first.thread_id
    )
    second = await bench.runner.run(second_order)
    assert second.thread_id == first.thread_id
    assert second.message == "2"
    assert second.usage.total > 0
    assert second.thread_usage == first.usage + second.usage
    assert mark.read_text().strip() == second_order.job_id
    read_only = bench.order(
        "third",
        [command("echo no > mark || echo refused")],
        [Say("3")],
        thread_id=first.thread_id,
        sandbox=Sandbox.READ_ONLY,
    )
    assert (await bench.runner.run(read_only)).changes == ()
    assert mark.read_text().strip() == second_order.job_id


async def test_a_thread_is_continued_by_a_new_app_server(bench: Bench) -> None:
    first = await bench.runner.run(bench.order("first", [Say("1")]))
    await bench.server.stop()
    second = await bench.runner.run(bench.order("second", [Say("2")], thread_id=first.thread_id))
    assert second.thread_usage == first.usage + second.usage


async def test_patches_and_failing_commands(bench: Bench) -> None:
    patch = "*** Begin Patch\n*** Add File: new.py\n+print('hi')\n*** End Patch"
    order = bench.order(
        "patch", [CustomCall("apply_patch", patch)], [command("echo no; exit 3")], [Say("done")]
    )
    result = await bench.runner.run(order)
    assert result.changes == (FileChange("new.py", ChangeKind.CREATED),)
    assert any(error.startswith("exit 3") for error in result.errors), written(order)
    order.output.flush()
    assert texts(order.output.path, Kind.FILES)[0] == "created  new.py\n"


async def test_commands_do_not_see_our_keys(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    order = bench.order("keys", [command("env")], [Say("done")])
    await bench.runner.run(order)
    assert f"FOREDECK_JOB_ID={order.job_id}" in written(order)
    assert "sk-secret" not in written(order)


@pytest.mark.parametrize("sandbox", BOTH)
async def test_cancel_leaves_nothing_and_touches_nobody_else(
    bench: Bench, sandbox: Sandbox
) -> None:
    order = bench.order("stubborn", [command(STUBBORN)], [Say("never")], sandbox=sandbox)
    other = bench.order(
        "other", [command(WAITING)], [Say("well")], workspace="other", sandbox=sandbox
    )
    async with running(bench, other) as neighbour, running(bench, order) as turn:
        await until((bench.workspace() / "up").exists)
        await until(lambda: "\ntwo\n" in other.output.path.read_text())
        assert len(find_marked(order.job_id)) >= 2
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(turn, WAIT)
        assert find_marked(order.job_id) == []
        assert find_marked(other.job_id) != []
        (bench.workspace("other") / "go").touch()
        result = await asyncio.wait_for(neighbour, WAIT)
    assert result.message == "well"
    assert written(other).count("\nthree\n") == 1
    assert find_marked(other.job_id) == []


async def test_cancel_while_the_model_thinks(bench: Bench) -> None:
    order = bench.order("think", [Pause(300), Say("never")])
    async with running(bench, order) as turn:
        report_file = order.output.path
        await until(lambda: "think" in report_file.read_text())
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(turn, WAIT)
    again = bench.order("again", [Say("fine")])
    assert (await bench.runner.run(again)).message == "fine"


async def test_too_long(bench: Bench) -> None:
    order = bench.order("stubborn", [command(STUBBORN)], timeout=3.0)
    error = await failure(bench, order)
    assert error.failure.failure_class is FailureClass.TIMEOUT
    assert "3 s" in error.message


async def test_a_killed_app_server(bench: Bench) -> None:
    order = bench.order("stubborn", [command(STUBBORN)], sandbox=Sandbox.DANGER_FULL_ACCESS)
    async with running(bench, order) as turn:
        await until((bench.workspace() / "up").exists)
        record = read_record(bench.server._place)
        assert record is not None
        for process in record.processes():
            send_signal(process, signal.SIGKILL)
        with pytest.raises(StepFailed) as caught:
            await asyncio.wait_for(turn, WAIT)
    assert caught.value.failure.failure_class is FailureClass.CRASH
    assert find_marked(order.job_id) == []
    again = bench.order("again", [Say("fine")])
    assert (await bench.runner.run(again)).message == "fine"


@pytest.mark.parametrize("sandbox", BOTH)
async def test_what_the_model_left_running_is_ended(bench: Bench, sandbox: Sandbox) -> None:
    daemon = "setsid sh -c 'touch child; exec sleep 300' >/dev/null 2>&1 & "
    wait = "while [ ! -e child ]; do sleep 0.05; done"
    order = bench.order("daemon", [command(daemon + wait)], [Say("done")], sandbox=sandbox)
    await bench.runner.run(order)
    assert find_marked(order.job_id) == []


async def test_a_command_still_running_at_the_end_of_the_turn(bench: Bench) -> None:
    text = "echo begun; touch up; sleep 300"
    call = Call("exec_command", {"cmd": text, "yield_time_ms": 300})
    order = bench.order("yield", [call], [Say("I am done")])
    bench.script.hold["yield"] = bench.workspace() / "up"
    assert (await bench.runner.run(order)).message == "I am done"
    assert find_marked(order.job_id) == []
    order.output.flush()
    assert "begun\n" in "".join(texts(order.output.path, Kind.OUTPUT))


async def test_what_an_earlier_host_left_is_abandoned(bench: Bench) -> None:
    """The connection goes, the turn goes on in the app-server, and another host ends it."""
    order = bench.order("stubborn", [command(STUBBORN)], [Say("never")])
    report = TurnReport()
    turn = asyncio.create_task(bench.runner.run(order, report=report))
    try:
        await until((bench.workspace() / "up").exists)
        server = AppServer(bench.settings)
        await TurnRunner(server, bench.settings).abandon(
            order.job_id, report.thread_id, report.turn_id
        )
        await server.close()
        assert find_marked(order.job_id) == []
        with pytest.raises(StepFailed, match="interrupted from outside"):
            await asyncio.wait_for(turn, WAIT)
    finally:
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)


def error(status: int, **fields: str) -> Fail:
    return Fail(status, {"error": {"message": "as scripted", **fields}})


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (error(401, code="invalid_api_key"), FailureClass.AUTHENTICATION, "login or the key"),
        (error(403), FailureClass.AUTHENTICATION, "may not use"),
        (error(429, type="usage_limit_reached"), FailureClass.USAGE_LIMIT, "usage limit"),
        (error(429, code="insufficient_quota"), FailureClass.USAGE_LIMIT, "quota"),
        (error(400, code="invalid_value"), FailureClass.MODEL, "as scripted"),
        (error(404, code="model_not_found"), FailureClass.MODEL, "model"),
        (error(500), FailureClass.NETWORK, "fault"),
        (error(503, code="server_is_overloaded"), FailureClass.NETWORK, "capacity"),
        (CutStream(), FailureClass.NETWORK, "broke off"),
    ],
)
async def test_failures(bench: Bench, answer: Action, expected: FailureClass, words: str) -> None:
    failed = await failure(bench, bench.order("fail", [answer]))
    assert (failed.failure.failure_class, failed.failure.message) == (expected, failed.message)
    assert words in failed.message
    assert failed.advice
    assert "\n" not in failed.message


async def test_context_length(bench: Bench) -> None:
    # The service says so within the stream, as `response.failed`.
    code = "context_length_exceeded"
    answers: list[Action] = [
        Say("so far"),
        Fail(400, {"error": {"code": code, "message": "too long"}}),
    ]
    failed = await failure(bench, bench.order("fail", answers))
    assert failed.failure.failure_class is FailureClass.CONTEXT_LENGTH


async def test_nobody_listens(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    write_codex_config(bench.codex_home, f"http://127.0.0.1:{port}/v1")
    failed = await failure(bench, bench.order("fail", [Say("never")]))
    assert failed.failure.failure_class is FailureClass.NETWORK
    assert "cannot be reached" in failed.message


async def test_an_unknown_thread(bench: Bench) -> None:
    unknown = "01a1fb2f-a95e-7c20-a33d-49fa448bab23"
    failed = await failure(bench, bench.order("x", [Say("never")], thread_id=unknown))
    assert failed.failure.failure_class is FailureClass.CODEX
    assert unknown in failed.message
