"""The stage's prompt straight to codex."""

import json
from pathlib import Path

import pytest

from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.agents.verdict import SUMMARY_SCHEMA, VERDICT_SCHEMA
from foredeck.services.codex.supervisor import CodexRequest
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Mode, Role, TokenUsage
from foredeck.services.settings import Settings
from tests.integration.agents.test_agent_mode import verdict
from tests.support.agent_stage import Stage, open_stage
from tests.support.codex_desk import Turn


def runner_of(stage: Stage, tmp_path: Path) -> AgentStageRunner:
    return AgentStageRunner(stage.store, stage.supervisor, Settings(data_dir=tmp_path))


async def test_codex_does_the_stage_and_its_words_are_kept(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "builder", Mode.DIRECT) as stage:

        async def work(request: CodexRequest) -> Turn:
            return Turn(json.dumps({"summary": "FR-1: as planned"}))

        stage.supervisor.work = work
        (stage.workspace / "AGENTS.md").write_text("the plan")
        outcome = await runner_of(stage, tmp_path).run(stage.task)
        assert outcome.summary == "FR-1: as planned"
        assert outcome.usage == TokenUsage(input=100, output=10)
        [request] = stage.supervisor.requests
        assert request.output_schema == SUMMARY_SCHEMA
        assert "Build a word counter" in request.prompt
        assert "the plan" in request.prompt
        user, answer = await stage.messages()
        assert (user.role, user.content) == (Role.USER, request.prompt)
        assert answer.role is Role.ASSISTANT
        assert answer.usage == TokenUsage(), "the job has them, and nothing counts twice"


async def test_the_verdict_comes_from_codex(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "prod_ready", Mode.DIRECT) as stage:
        answers = ["It is fine.", verdict("APPROVED")]

        async def work(request: CodexRequest) -> Turn:
            return Turn(answers.pop(0))

        stage.supervisor.work = work
        outcome = await runner_of(stage, tmp_path).run(stage.task)
        assert outcome.verdict is not None
        assert outcome.verdict.approved
        first, second = stage.supervisor.requests
        assert first.output_schema == VERDICT_SCHEMA
        assert second.thread_id == "thread-1"
        assert "cannot be read" in second.prompt


async def test_the_plan_that_codex_wrote_is_kept_with_the_run(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "planner", Mode.DIRECT) as stage:

        async def work(request: CodexRequest) -> Turn:
            (stage.workspace / "AGENTS.md").write_text("## Overview\nby codex")
            return Turn('{"summary": "Planned."}')

        stage.supervisor.work = work
        await runner_of(stage, tmp_path).run(stage.task)
        assert (stage.workspace / "AGENTS.md").read_text() == "## Overview\nby codex"
        last = (await stage.messages())[-1]
        assert (last.role, last.content.endswith("by codex")) == (Role.SYSTEM, True)


async def test_a_plan_that_was_only_returned_is_saved(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "planner", Mode.DIRECT) as stage:

        async def work(request: CodexRequest) -> Turn:
            return Turn(json.dumps({"summary": "## Overview\nreturned"}))

        stage.supervisor.work = work
        await runner_of(stage, tmp_path).run(stage.task)
        assert (stage.workspace / "AGENTS.md").read_text() == "## Overview\nreturned\n"


async def test_a_failed_turn_fails_the_stage(tmp_path: Path) -> None:
    failure = Failure(FailureClass.NETWORK, "It broke off.", "Retry.")
    async with open_stage(tmp_path, "builder", Mode.DIRECT) as stage:

        async def work(request: CodexRequest) -> Turn:
            return Turn("I had begun", failure)

        stage.supervisor.work = work
        with pytest.raises(StepFailed) as caught:
            await runner_of(stage, tmp_path).run(stage.task)
        assert caught.value.failure == failure
        contents = [message.content for message in await stage.messages()]
        assert contents[1:] == ["I had begun", "It broke off. Retry."]


async def test_a_plan_that_is_a_link_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "builder", Mode.DIRECT) as stage:
        (stage.workspace / "AGENTS.md").symlink_to("/etc/hostname")
        with pytest.raises(StepFailed) as caught:
            await runner_of(stage, tmp_path).run(stage.task)
        assert caught.value.failure.failure_class is FailureClass.WORKSPACE
        assert stage.supervisor.requests == []
