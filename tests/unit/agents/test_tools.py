import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.declaration import PLAN_SECTIONS
from foredeck.services.agents.job_answers import OUTPUT_LIMIT
from foredeck.services.agents.tools import ToolBox
from foredeck.services.codex.supervisor import CodexRequest
from foredeck.services.domain.errors import CodexMissing
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import ChangeKind, Failure, FailureClass, FileChange
from tests.support.agent_stage import Stage, open_stage
from tests.support.codex_desk import Hold, Turn


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        yield stage


async def call(box: ToolBox, name: str, **arguments: Any) -> dict[str, Any]:
    said = await box.call(name, json.dumps(arguments), f"call-{new_id()}")
    answer: dict[str, Any] = json.loads(said)
    assert isinstance(answer["success"], bool)
    assert answer["success"] or answer["error"]
    return answer


async def test_run_codex_tells_how_the_job_ended(stage: Stage) -> None:
    async def work(request: CodexRequest) -> Turn:
        return Turn("Wrote it.", changes=(FileChange("a.py", ChangeKind.CREATED),))

    stage.supervisor.work = work
    answer = await call(stage.box(), "run_codex", prompt="Write a.py")
    assert answer["success"]
    assert answer["exit_code"] == 0
    assert answer["output"] == "Wrote it."
    assert answer["errors"] == []
    assert answer["files_changed"] == ["created a.py"]
    request = stage.supervisor.requests[0]
    assert (request.prompt, request.attempt) == ("Write a.py", 1)
    assert request.name == "builder: Write a.py"


async def test_a_failed_job_is_an_error_in_the_answer(stage: Stage) -> None:
    async def work(request: CodexRequest) -> Turn:
        return Turn("Half", Failure(FailureClass.NETWORK, "It broke off.", "Retry."))

    stage.supervisor.work = work
    box = stage.box()
    answer = await call(box, "run_codex", prompt="go")
    assert not answer["success"]
    assert answer["error"] == "It broke off. Retry."
    assert (answer["exit_code"], answer["output"]) == (1, "Half")
    assert answer["errors"] == ["It broke off."]
    assert box.hopeless is None


async def test_jobs_share_a_thread_until_one_fails(stage: Stage) -> None:
    failure = Failure(FailureClass.MODEL, "No.")
    turns = [Turn(), Turn("", failure), Turn()]

    async def work(request: CodexRequest) -> Turn:
        return turns.pop(0)

    stage.supervisor.work = work
    box = stage.box()
    for prompt in ("one", "two", "three"):
        await call(box, "run_codex", prompt=prompt)
    threads = [request.thread_id for request in stage.supervisor.requests]
    assert threads == [None, "thread-1", None]


@pytest.mark.parametrize(
    "failure_class", [FailureClass.AUTHENTICATION, FailureClass.USAGE_LIMIT, FailureClass.SANDBOX]
)
async def test_what_only_a_person_can_mend_is_remembered(
    stage: Stage, failure_class: FailureClass
) -> None:
    failure = Failure(failure_class, "No.")

    async def work(request: CodexRequest) -> Turn:
        return Turn("", failure)

    stage.supervisor.work = work
    box = stage.box()
    await call(box, "run_codex", prompt="go")
    assert box.hopeless is not None
    assert box.hopeless.failure == failure


async def test_a_missing_codex_is_an_answer_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(request: CodexRequest) -> None:
        raise CodexMissing("There is no codex.", "Install it.")

    monkeypatch.setattr(stage.supervisor, "run", missing)
    box = stage.box()
    answer = await call(box, "run_codex", prompt="go")
    assert answer == {"success": False, "error": "There is no codex. Install it."}
    assert box.hopeless is not None


async def test_long_output_is_cut_and_can_be_read_on(stage: Stage) -> None:
    message = "".join(chr(97 + n % 26) for n in range(12_000))

    async def work(request: CodexRequest) -> Turn:
        return Turn(message)

    stage.supervisor.work = work
    box = stage.box()
    answer = await call(box, "run_codex", prompt="go")
    assert answer["output"] == message[:OUTPUT_LIMIT]
    path = f"codex:{answer['task_id']}"
    assert path in answer["rest"]
    second = await call(box, "read_file", path=path, offset=5000)
    assert second["content"] == message[5000:10_000]
    third = await call(box, "read_file", path=path, offset=10_000)
    assert third["content"] == message[10_000:]
    assert "rest" not in third


async def test_many_changed_files_are_counted(stage: Stage) -> None:
    async def work(request: CodexRequest) -> Turn:
        return Turn(changes=tuple(FileChange(f"{n}", ChangeKind.CREATED) for n in range(150)))

    stage.supervisor.work = work
    answer = await call(stage.box(), "run_codex", prompt="go")
    assert len(answer["files_changed"]) == 101
    assert answer["files_changed"][-1] == "and 50 more"


async def test_a_job_in_the_background_can_be_watched(stage: Stage) -> None:
    hold = Hold(Turn("All green."))
    stage.supervisor.work = hold
    jobs_box = stage.box()
    answer = await call(jobs_box, "run_codex", prompt="test", wait=False)
    task_id = answer["task_id"]
    await hold.started.wait()
    status = await call(jobs_box, "check_codex_status", task_id=task_id)
    assert (status["state"], status["completed"]) == ("in_progress", None)
    assert status["started"]
    assert "result" not in status
    handoff = await call(jobs_box, "handoff", summary="done", next_agent="qa_qc")
    assert task_id in handoff["error"]
    hold.release.set()
    await jobs_box._jobs.wait_for_one()
    [notice] = jobs_box._jobs.take_notices()
    assert notice.task_id == task_id
    assert jobs_box._jobs.take_notices() == []
    status = await call(jobs_box, "check_codex_status", task_id=task_id)
    assert status["state"] == "completed"
    assert status["completed"]
    assert "All green." in status["last_lines"]
    assert status["result"]["output"] == "All green."
    assert (await call(jobs_box, "handoff", summary="done", next_agent="qa_qc"))["success"]


async def test_closing_ends_the_jobs_in_the_background(stage: Stage) -> None:
    hold = Hold()
    stage.supervisor.work = hold
    box = stage.box()
    answer = await call(box, "run_codex", prompt="test", wait=False)
    await hold.started.wait()
    await box._jobs.close("the stage ended")
    assert stage.supervisor.cancelled == [answer["task_id"]]
    status = await call(box, "check_codex_status", task_id=answer["task_id"])
    assert status["state"] == "cancelled"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("run_codex", {"prompt": "  "}, "prompt must not be empty"),
        ("run_codex", {"prompt": "go", "speed": 9}, "no argument speed"),
        ("check_codex_status", {"task_id": "nope"}, "no codex job"),
        ("read_file", {"path": "codex:nope"}, "no codex job"),
        ("read_file", {"path": "absent.txt"}, "absent.txt"),
        ("read_file", {"path": "../secret"}, "../secret"),
        ("read_file", {"path": "/etc/passwd"}, "/etc/passwd"),
        ("read_file", {"path": "a", "offset": -1}, "offset must be from 0"),
        ("list_files", {"directory": "absent"}, "absent"),
        ("list_files", {"directory": ".."}, ".."),
        ("get_agents_md", {}, "AGENTS.md"),
        ("save_agents_md", {"content": "x"}, "no tool save_agents_md here"),
        ("handoff", {"summary": "", "next_agent": "qa_qc"}, "summary must not be empty"),
        ("handoff", {"summary": "s", "next_agent": "gardener"}, "no agent 'gardener'"),
        ("handoff", {"summary": "s", "next_agent": "builder"}, "no agent 'builder'"),
        ("ask_user", {"question": ""}, "question must not be empty"),
        ("teleport", {}, "no tool teleport here"),
        ("call", {}, "no tool call here"),
    ],
)
async def test_every_mistake_is_an_error_in_the_answer(
    stage: Stage, name: str, arguments: dict[str, Any], words: str
) -> None:
    answer = await call(stage.box(), name, **arguments)
    assert not answer["success"]
    assert words in answer["error"]


async def test_files_are_read_in_parts(stage: Stage) -> None:
    text = "é" * 7_000 + "end"
    (stage.workspace / "long.txt").write_text(text)
    box = stage.box()
    first = await call(box, "read_file", path="long.txt")
    assert first["content"] == text[:OUTPUT_LIMIT]
    assert "offset=5000" in first["rest"]
    second = await call(box, "read_file", path="long.txt", offset=5000)
    assert first["content"] + second["content"] == text
    assert "rest" not in second


async def test_directories_are_listed_in_parts(stage: Stage) -> None:
    (stage.workspace / "src").mkdir()
    for number in range(120):
        (stage.workspace / f"{number:03}.txt").touch()
    first = await call(stage.box(), "list_files")
    assert (len(first["files"]), first["total"]) == (100, 121)
    second = await call(stage.box(), "list_files", offset=100)
    assert "src/" in second["files"]
    assert "rest" not in second


async def test_the_planner_saves_the_plan(stage: Stage) -> None:
    box = stage.box("planner")
    refused = await call(box, "handoff", summary="planned", next_agent="builder")
    assert "AGENTS.md is not there yet" in refused["error"]
    answer = await call(box, "save_agents_md", content="# Plan\n## Overview\n")
    assert answer["success"]
    assert answer["missing_sections"] == list(PLAN_SECTIONS[1:])
    whole = "\n".join(f"## {title}\ntext" for title in PLAN_SECTIONS)
    answer = await call(box, "save_agents_md", content=whole)
    assert "missing_sections" not in answer
    assert (stage.workspace / "AGENTS.md").read_text() == whole
    assert (await call(box, "get_agents_md"))["content"] == whole
    assert (await call(box, "handoff", summary="planned", next_agent="builder"))["success"]
    assert box.handed_on == "planned"
    assert "must not be empty" in (await call(box, "save_agents_md", content=" "))["error"]
    assert "200,000" in (await call(box, "save_agents_md", content="x" * 200_001))["error"]


async def test_nobody_answers_a_question_yet(stage: Stage) -> None:
    answer = await call(stage.box(), "ask_user", question="Which?", choices=["a", "b"])
    assert answer["success"]
    assert "assumption" in answer["answer"]


async def test_a_job_that_somebody_cancelled_is_no_success(stage: Stage) -> None:
    hold = Hold()
    stage.supervisor.work = hold
    asking = asyncio.create_task(call(stage.box(), "run_codex", prompt="test"))
    await asyncio.wait_for(hold.started.wait(), 10)
    await stage.supervisor.cancel(next(iter(stage.supervisor._tasks)), "enough")
    answer = await asking
    assert not answer["success"]
    assert answer["error"] == "The codex job was cancelled."
