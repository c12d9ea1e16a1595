"""Agents of the real SDK against a scripted model service."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.agents.session import StoredConversation
from foredeck.services.agents.transcript import Transcript
from foredeck.services.codex.supervisor import CodexRequest
from foredeck.services.domain.errors import StepFailed, StorageFull
from foredeck.services.domain.records import Failure, FailureClass, Message, Role, TokenUsage
from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    CutStream,
    Fail,
    Garbage,
    ModelServer,
    Pause,
    Say,
    Script,
    Think,
)
from foredeck.services.settings import Settings
from tests.support.agent_stage import Stage, open_stage
from tests.support.codex_desk import Hold, Turn
from tests.support.model_scripts import Always, InOrder

PATIENCE = 30


@contextmanager
def serving(script: Script, pace: float = 0) -> Iterator[ModelServer]:
    with ModelServer(script, pace=pace) as server:
        yield server


def settings_for(server: ModelServer, tmp_path: Path, **changes: Any) -> Settings:
    settings = Settings(data_dir=tmp_path, base_url=server.base_url, rehearsal=True)
    return replace(settings, **changes)


@asynccontextmanager
async def at_work(
    tmp_path: Path, role: str, *answers: Sequence[Action], **changes: Any
) -> AsyncIterator[tuple[Stage, AgentStageRunner, ModelServer]]:
    """Open a stage and a model service that gives these answers in order."""
    async with open_stage(tmp_path, role, **changes) as stage:
        with serving(InOrder(list(answers))) as server:
            settings = settings_for(server, tmp_path)
            yield stage, AgentStageRunner(stage.store, stage.supervisor, settings), server


def told(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(m.role.value, m.tool or m.content) for m in messages]


async def test_an_agent_works_with_its_tools_and_hands_on(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "builder",
        [Think("hm"), Say("I begin."), Call("list_files", {})],
        [Call("run_codex", {"prompt": "Write it"})],
        [Say("Done."), Call("handoff", {"summary": "Built it.", "next_agent": "qa_qc"})],
        summaries=(("planner", "The plan"),),
    ) as (stage, runner, server):
        (stage.workspace / "AGENTS.md").write_text("## Overview\nA counter\n")
        outcome = await runner.run(stage.task)
        messages = await stage.messages()
        assert outcome.summary == "Built it."
        assert outcome.verdict is None
        assert told(messages)[1:] == [
            ("assistant", "I begin."),
            ("tool", "list_files"),
            ("tool", "run_codex"),
            ("assistant", "Done."),
            ("tool", "handoff"),
        ]
        assert "## Overview\nA counter" in messages[0].content
        assert "## planner\nThe plan" in messages[0].content
        assert all(message.complete for message in messages)
        assert json.loads(messages[2].content)["files"] == ["AGENTS.md"]
        assert json.loads(messages[3].content)["output"] == "Done."
        assert messages[3].duration is not None
        shown = stage.shown()
        assert shown.index("I begin.") < shown.index("→ list_files()")
        assert '→ run_codex("Write it")' in shown
        assert len(server.requests) == 3, "the handoff ends the stage"
        assert server.requests[0].streaming
        assert "run_codex" in server.requests[0].tools
        assert "save_agents_md" not in server.requests[0].tools
        models = sum((m.usage for m in messages), TokenUsage())
        jobs = TokenUsage(input=100, output=10)
        assert models.total > 0
        assert outcome.usage == models + jobs
        record = await StoredConversation.open(stage.store, stage.task.step.id, 1)
        kinds = [item.get("type", "message") for item in record.items]
        assert kinds.count("function_call") == kinds.count("function_call_output") == 3


async def test_words_alone_are_a_summary_too(tmp_path: Path) -> None:
    async with at_work(tmp_path, "qa_qc", [Say("All criteria pass.")]) as (stage, runner, _):
        assert (await runner.run(stage.task)).summary == "All criteria pass."


async def test_text_is_stored_while_the_model_still_speaks(tmp_path: Path) -> None:
    script = Always([Say("It is begun. "), Pause(60), Say("Never said.")])
    async with open_stage(tmp_path) as stage:
        with serving(script) as server:
            runner = AgentStageRunner(stage.store, stage.supervisor, settings_for(server, tmp_path))
            work = asyncio.create_task(runner.run(stage.task))
            async with asyncio.timeout(PATIENCE):
                while not any("begun" in m.content for m in await stage.messages()):
                    await asyncio.sleep(0.02)
            work.cancel()
            async with asyncio.timeout(5):
                await asyncio.wait({work})
            assert work.cancelled()
        user, answer = await stage.messages()
        assert user.role is Role.USER
        assert answer.content == "It is begun. "
        assert answer.complete
        assert "It is begun." in stage.shown()


async def test_cancelling_ends_the_codex_job_and_the_tool_call(tmp_path: Path) -> None:
    async with at_work(tmp_path, "builder", [Call("run_codex", {"prompt": "long"})]) as (
        stage,
        runner,
        _,
    ):
        hold = Hold()
        stage.supervisor.work = hold
        work = asyncio.create_task(runner.run(stage.task))
        async with asyncio.timeout(PATIENCE):
            await hold.started.wait()
        work.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({work})
        assert work.cancelled()
        assert len(stage.supervisor.cancelled) == 1
        async with stage.store.transaction() as tx:
            assert await tx.jobs.active() == ()
        messages = await stage.messages()
        assert messages[-1].tool == "run_codex"
        assert messages[-1].complete


async def test_a_second_cancel_does_not_leave_the_tool_call_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, cancelled_again = asyncio.Event(), asyncio.Event()
    close = CodexJobs.close

    async def close_slowly(jobs: CodexJobs, reason: str) -> None:
        closing.set()
        await cancelled_again.wait()
        await close(jobs, reason)

    monkeypatch.setattr(CodexJobs, "close", close_slowly)
    async with at_work(tmp_path, "builder", [Call("run_codex", {"prompt": "long"})]) as (
        stage,
        runner,
        _,
    ):
        hold = Hold()
        stage.supervisor.work = hold
        work = asyncio.create_task(runner.run(stage.task))
        async with asyncio.timeout(PATIENCE):
            await hold.started.wait()
            work.cancel()
            await closing.wait()
            work.cancel()
            await asyncio.sleep(0)
            cancelled_again.set()
            await asyncio.wait({work})
        assert work.cancelled()
        assert (await stage.messages())[-1].complete


async def test_mistakes_of_the_model_are_answered_and_it_goes_on(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "builder",
        [Call("run_codex", {"promt": "typo"})],
        [Call("teleport", {})],
        [Call("handoff", {"summary": "Built it.", "next_agent": "nobody"})],
        [Call("handoff", {"summary": "Built it.", "next_agent": "qa_qc"})],
    ) as (stage, runner, server):
        assert (await runner.run(stage.task)).summary == "Built it."
        answers = [json.loads(output) for output in server.requests[-1].tool_outputs]
        assert [answer["success"] for answer in answers] == [False] * 3
        assert "has no argument promt" in answers[0]["error"]
        assert "no tool teleport" in answers[1]["error"]
        assert "no agent 'nobody'" in answers[2]["error"]


async def test_the_end_of_a_job_is_told_once_before_the_next_turn(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "builder",
        [Call("run_codex", {"prompt": "slow", "wait": False})],
        [Call("run_codex", {"prompt": "quick"})],
        [Call("list_files", {})],
        [Call("handoff", {"summary": "Built it.", "next_agent": "qa_qc"})],
    ) as (stage, runner, server):
        slow = Hold()

        async def quick_after_slow(request: CodexRequest) -> Turn:
            if request.prompt == "slow":
                return await slow(request)
            slow.release.set()
            first = next(iter(stage.supervisor._tasks.values()))
            await asyncio.wait({first})
            await asyncio.sleep(0)
            return Turn()

        stage.supervisor.work = quick_after_slow
        await runner.run(stage.task)
        notices = [
            [str(i.get("content")) for i in r.inputs if i.get("role") == "system"]
            for r in server.requests
        ]
        assert [len(each) for each in notices] == [0, 0, 1, 1]
        assert notices[2] == notices[3]
        inputs = server.requests[3].inputs
        place = [i.get("role") for i in inputs].index("system")
        assert inputs[place - 1]["type"] == "function_call_output"
        assert inputs[place + 1]["type"] == "function_call"
        system = [m for m in await stage.messages() if m.role is Role.SYSTEM]
        assert len(system) == 1
        assert "completed" in system[0].content


async def test_an_agent_that_has_nothing_to_do_is_woken_by_its_job(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "builder",
        [Call("run_codex", {"prompt": "slow", "wait": False})],
        [Say("I wait.")],
        [Call("handoff", {"summary": "Built it.", "next_agent": "qa_qc"})],
    ) as (stage, runner, server):
        hold = Hold()
        stage.supervisor.work = hold
        work = asyncio.create_task(runner.run(stage.task))
        async with asyncio.timeout(PATIENCE):
            while not any(m.content == "I wait." for m in await stage.messages()):
                await asyncio.sleep(0.02)
            hold.release.set()
            assert (await work).summary == "Built it."
        assert "has ended: completed" in server.requests[2].last_user_text


async def test_codex_without_a_login_ends_the_stage(tmp_path: Path) -> None:
    async with at_work(tmp_path, "builder", [Call("run_codex", {"prompt": "go"})]) as (
        stage,
        runner,
        server,
    ):
        failure = Failure(FailureClass.AUTHENTICATION, "Codex is logged out.", "Log in.")

        async def work(request: CodexRequest) -> Turn:
            return Turn("", failure)

        stage.supervisor.work = work
        with pytest.raises(StepFailed) as caught:
            await runner.run(stage.task)
        assert caught.value.failure == failure
        assert len(server.requests) == 1
        assert (await stage.messages())[-1].content == "Codex is logged out. Log in."


def verdict(word: str, items: Sequence[str] = ()) -> str:
    return json.dumps(
        {
            "requirements": [{"id": "FR-1", "status": "pass", "evidence": "ran it"}],
            "tests": {"passed": 3, "failed": 0, "skipped": 0},
            "security": [],
            "blocking": [],
            "recommendations": [],
            "deployment_checklist": [],
            "verdict": word,
            "items": list(items),
        }
    )


async def test_the_last_stage_returns_a_verdict(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "prod_ready",
        [Call("run_codex", {"prompt": "Run the tests"})],
        [Say(verdict("NEEDS_WORK", ["a README"]))],
    ) as (stage, runner, server):
        outcome = await runner.run(stage.task)
        assert outcome.verdict is not None
        assert outcome.verdict.items == ("a README",)
        assert outcome.summary.startswith("NEEDS_WORK: 1 of 1 requirements met")
        schema = server.requests[0].output_schema
        assert schema is not None
        assert "requirements" in schema["properties"]
        assert "- a README" in stage.shown()


async def test_an_unreadable_verdict_is_asked_for_once_more(tmp_path: Path) -> None:
    async with at_work(
        tmp_path, "prod_ready", [Say("Looks fine to me.")], [Say(verdict("APPROVED"))]
    ) as (stage, runner, server):
        outcome = await runner.run(stage.task)
        assert outcome.verdict is not None
        assert outcome.verdict.approved
        assert "cannot be read" in server.requests[1].last_user_text


async def test_two_unreadable_verdicts_fail_the_stage(tmp_path: Path) -> None:
    async with at_work(tmp_path, "prod_ready", [Say("Fine.")], [Say("Really.")]) as (
        stage,
        runner,
        _,
    ):
        with pytest.raises(StepFailed, match="verdict cannot be read"):
            await runner.run(stage.task)


async def test_the_plan_is_kept_with_the_run(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "planner",
        [Call("save_agents_md", {"content": "## Overview\nA counter"})],
        [Call("handoff", {"summary": "Planned.", "next_agent": "builder"})],
    ) as (stage, runner, _):
        await runner.run(stage.task)
        assert (stage.workspace / "AGENTS.md").read_text() == "## Overview\nA counter"
        last = (await stage.messages())[-1]
        assert last.role is Role.SYSTEM
        assert last.content.endswith("## Overview\nA counter")


async def test_a_planner_without_a_plan_is_reminded_and_then_fails(tmp_path: Path) -> None:
    async with at_work(tmp_path, "planner", [Say("I planned.")], [Say("I did.")]) as (
        stage,
        runner,
        server,
    ):
        with pytest.raises(StepFailed, match=r"without leaving AGENTS\.md"):
            await runner.run(stage.task)
        assert "save_agents_md" in server.requests[1].last_user_text


FAULTS: list[tuple[str, Sequence[Action], FailureClass, str]] = [
    (
        "wrong key",
        [Fail(401, {"error": {"message": "Incorrect API key provided"}})],
        FailureClass.AUTHENTICATION,
        "did not accept",
    ),
    ("forbidden", [Fail(403, {"error": {"message": "no"}})], FailureClass.AUTHENTICATION, "403"),
    (
        "unknown model",
        [Fail(404, {"error": {"message": "The model gpt-0 does not exist"}})],
        FailureClass.MODEL,
        "gpt-0 does not exist",
    ),
    (
        "rate limit",
        [Fail(429, {"error": {"message": "Rate limit reached"}}, {"retry-after-ms": "1"})],
        FailureClass.NETWORK,
        "too many requests",
    ),
    (
        "quota",
        [
            Fail(
                429,
                {"error": {"message": "You exceeded your current quota"}},
                {"retry-after-ms": "1"},
            )
        ],
        FailureClass.USAGE_LIMIT,
        "quota",
    ),
    (
        "broken service",
        [Fail(500, {"error": {"message": "oops"}}, {"retry-after-ms": "1"})],
        FailureClass.NETWORK,
        "fault of its own",
    ),
    ("cut in the middle", [Say("I beg"), CutStream()], FailureClass.NETWORK, "broke off"),
    ("nonsense", [Garbage()], FailureClass.MODEL, "cannot be understood"),
    ("cut at once", [CutStream()], FailureClass.NETWORK, ""),
    (
        "failure within the answer",
        [Say("I beg"), Fail(500, {"error": {"code": "server_error", "message": "oops"}})],
        FailureClass.NETWORK,
        "fault of its own",
    ),
]


@pytest.mark.parametrize(
    ("actions", "failure_class", "words"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
async def test_a_failing_service_is_a_sentence(
    tmp_path: Path, actions: Sequence[Action], failure_class: FailureClass, words: str
) -> None:
    async with open_stage(tmp_path) as stage:
        with serving(Always(actions)) as server:
            settings = settings_for(server, tmp_path)
            runner = AgentStageRunner(stage.store, stage.supervisor, settings)
            with pytest.raises(StepFailed) as caught:
                await runner.run(stage.task)
        failure = caught.value.failure
        assert failure.failure_class is failure_class, failure
        assert words in failure.message
        assert "Traceback" not in failure.message
        assert failure.advice
        messages = await stage.messages()
        assert messages[-1].content.startswith(failure.message)
        assert all(message.complete for message in messages)


async def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    with serving(Always([])) as server:
        settings = settings_for(server, tmp_path)
    async with open_stage(tmp_path) as stage:
        with pytest.raises(StepFailed) as caught:
            await AgentStageRunner(stage.store, stage.supervisor, settings).run(stage.task)
    assert caught.value.failure.failure_class is FailureClass.NETWORK
    assert "127.0.0.1" in caught.value.failure.message
    assert "cannot be reached" in caught.value.failure.message


async def test_a_service_that_falls_silent(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        with serving(Always([Say("I beg"), Pause(60)])) as server:
            settings = settings_for(server, tmp_path, stall_timeout=0.3)
            with pytest.raises(StepFailed) as caught:
                await AgentStageRunner(stage.store, stage.supervisor, settings).run(stage.task)
    assert caught.value.failure.failure_class is FailureClass.NETWORK
    assert "was silent for 0.3 s" in caught.value.failure.message


async def test_a_full_disk_comes_out_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(Transcript, "begin_tool", full)
    async with at_work(tmp_path, "builder", [Call("list_files", {})]) as (stage, runner, _):
        with pytest.raises(StorageFull):
            await runner.run(stage.task)


async def test_a_plan_that_was_there_before_is_kept_with_the_run(tmp_path: Path) -> None:
    async with at_work(
        tmp_path,
        "planner",
        [Call("save_agents_md", {"content": "new"})],
        [Call("handoff", {"summary": "Planned.", "next_agent": "builder"})],
    ) as (stage, runner, _):
        (stage.workspace / "AGENTS.md").write_text("by a person")
        await runner.run(stage.task)
        messages = await stage.messages()
        assert messages[0].content.endswith("by a person")
        assert messages[-1].content.endswith("new")


async def test_an_agent_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foredeck.services.agents import sdk

    monkeypatch.setattr(sdk, "MAX_TURNS", 3)
    async with open_stage(tmp_path) as stage:
        with serving(Always([Call("list_files", {})])) as server:
            settings = settings_for(server, tmp_path)
            with pytest.raises(StepFailed, match="did not finish within 3 turns"):
                await AgentStageRunner(stage.store, stage.supervisor, settings).run(stage.task)
            assert len(server.requests) == 3
