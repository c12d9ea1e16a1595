"""The job tools of an agent: what they take, what they answer, and what they leave behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.job_answers import OUTPUT_LIMIT
from foredeck.services.agents.job_tool_specs import JOB_TOOL_NAMES, TASK_TYPES
from foredeck.services.agents.job_tools import JobTools
from foredeck.services.agents.registry import AGENTS, agent
from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.agents.tools import ToolBox
from foredeck.services.domain.errors import Ambiguous, CommandUnconfirmed, Conflict
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.jobs import JobWish, Priority
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.states import JobState
from foredeck.services.workspace.files import WorkspaceFiles
from tests.support.agent_jobs import FakeAgentJobs, job_detail
from tests.support.agent_stage import Stage, open_stage

S = JobState
PATIENCE = 30


@dataclass
class Desk:
    """A stage's tools and the jobs behind them."""

    stage: Stage
    jobs: FakeAgentJobs
    tools: JobTools
    box: ToolBox

    async def call(self, tool: str, call_id: str = "", /, **arguments: Any) -> dict[str, Any]:
        said = await self.box.call(tool, json.dumps(arguments), call_id or f"call-{new_id()}")
        answer: dict[str, Any] = json.loads(said)
        assert isinstance(answer["success"], bool)
        assert answer["success"] or answer["error"]
        return answer

    def with_person(self, said: str | None) -> list[tuple[str, str, tuple[str, ...]]]:
        """Let a person answer so from now on; return what they are asked, as it is asked."""
        asked: list[tuple[str, str, tuple[str, ...]]] = []

        class Somebody:
            async def ask(
                self, call_id: str, question: str, choices: tuple[str, ...]
            ) -> str | None:
                asked.append((call_id, question, choices))
                return said

        task = self.stage.task
        self.tools = JobTools(self.jobs, task, task.role, Somebody())
        self.box._tasks = self.tools
        return asked

    async def submitted(self, **changes: Any) -> str:
        """Submit a task and return its id."""
        given = {"name": "tests", "command": "pytest", **changes}
        return str((await self.call("submit_cli_task", **given))["task_id"])


def desk_of(stage: Stage, jobs: FakeAgentJobs) -> Desk:
    tools = JobTools(jobs, stage.task, stage.task.role)
    files, codex = WorkspaceFiles(stage.workspace), CodexJobs(stage.supervisor, stage.task)
    box = ToolBox(agent("builder"), codex, files, stage.store, tasks=tools)
    return Desk(stage, jobs, tools, box)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_stage(tmp_path) as stage:
        yield desk_of(stage, FakeAgentJobs())


def parameters(name: str) -> dict[str, Any]:
    """Return a tool's parameters with their defaults, `...` for one that must be given."""
    return {p.name: ... if p.required else p.default for p in TOOLS[name].parameters}


def test_the_parameters_are_those_of_the_specification() -> None:
    submission = {
        "name": ...,
        "command": ...,
        "task_type": "shell_command",
        "description": "",
        "timeout_seconds": 3600,
        "priority": "normal",
        "input_json": "",
    }
    assert parameters("submit_cli_task") == submission
    assert parameters("execute_cli_task") == {**submission, "timeout_seconds": 300}
    assert parameters("get_cli_task_status") == {"task_id": ...}
    assert parameters("get_cli_task_result") == {"task_id": ...}
    assert parameters("cancel_cli_task") == {"task_id": ..., "reason": ""}
    assert parameters("list_cli_tasks") == {"status": None, "task_type": None, "limit": 20}
    batch = {"name": ..., "commands": ..., "task_type": ..., "description": ""}
    assert parameters("submit_batch_tasks") == batch
    assert parameters("get_batch_status") == {"parent_task_id": ...}


def test_whoever_has_something_to_check_has_all_of_them_and_the_planner_none() -> None:
    having = {role: set(JOB_TOOL_NAMES) & set(spec.allowed_tools) for role, spec in AGENTS.items()}
    assert having == {
        "planner": set(),
        "builder": set(JOB_TOOL_NAMES),
        "qa_qc": set(JOB_TOOL_NAMES),
        "prod_ready": set(JOB_TOOL_NAMES),
    }
    told = {role for role, spec in AGENTS.items() if "execute_cli_task" in spec.instructions}
    assert told == {"builder", "qa_qc", "prod_ready"}


async def test_what_is_submitted_is_a_job_of_the_run(desk: Desk) -> None:
    answer = await desk.call(
        "submit_cli_task",
        "call-1",
        name="tests",
        command="pytest -q",
        task_type="data_validation",
        description="all of them",
        timeout_seconds=7,
        priority="high",
        input_json='{"a": 1}',
    )
    assert answer["success"]
    assert (answer["status"], answer["priority"], answer["exit_code"]) == ("queued", "high", None)
    assert answer["timeout_seconds"] == 7
    task = desk.stage.task
    assert desk.jobs.wishes == [
        JobWish(
            name="tests",
            command="pytest -q",
            type="data_validation",
            description="all of them",
            priority=Priority.HIGH,
            project=task.project.id,
            directory=task.project.workspace,
            input_data='{"a": 1}',
            timeout=7,
            metadata=(
                ("run", task.run.id),
                ("step", "builder"),
                ("attempt", "1"),
                ("agent", "builder"),
                ("tool_call", "call-1"),
            ),
            sandbox=Sandbox.WORKSPACE_WRITE,
        )
    ]
    asker = desk.jobs.askers[0]
    assert (asker.id, asker.origin) == (task.run.id, "agent builder")


async def test_the_same_call_is_the_same_task_and_another_is_another(desk: Desk) -> None:
    given = {"name": "tests", "command": "pytest"}
    first = await desk.call("submit_cli_task", "call-1", **given)
    again = await desk_of(desk.stage, desk.jobs).call("submit_cli_task", "call-1", **given)
    other = await desk.call("submit_cli_task", "call-2", **given)
    assert first["task_id"] == again["task_id"] != other["task_id"]
    assert len(desk.jobs.wishes) == 2
    stage = replace(desk.stage, task=replace(desk.stage.task, attempt=2))
    retried = await desk_of(stage, desk.jobs).call("submit_cli_task", "call-1", **given)
    assert retried["task_id"] not in (first["task_id"], other["task_id"])


WRONG_SUBMISSIONS = [
    ({"name": ""}, "A job needs a name."),
    ({"name": "n" * 256}, "The name has 256 characters; 255 are possible."),
    ({"command": "  "}, "There is no command."),
    ({"command": "a\0b"}, "holds a NUL character"),
    ({"command": "x" * 100_001}, "100,000 are possible"),
    ({"task_type": "gardening"}, "There is no task_type 'gardening'; there are: shell_command"),
    ({"task_type": "codex"}, "run_codex gives it a prompt"),
    ({"description": "d" * 2001}, "The description is longer"),
    ({"timeout_seconds": 0}, "between 1 and 86400 seconds, not 0"),
    ({"timeout_seconds": 86_401}, "between 1 and 86400 seconds, not 86401"),
    ({"timeout_seconds": "60"}, "must be of type integer"),
    ({"timeout_seconds": True}, "must be of type integer"),
    ({"priority": "urgent"}, "There is no priority 'urgent'; there are: low, normal, high, crit"),
    ({"priority": "HIGH"}, "There is no priority 'HIGH'"),
    ({"input_json": "{"}, "The input data is no JSON"),
    ({"sandbox": "none"}, "has no argument sandbox"),
]


@pytest.mark.parametrize("tool", ["submit_cli_task", "execute_cli_task"])
@pytest.mark.parametrize(("wrong", "words"), WRONG_SUBMISSIONS)
async def test_what_is_wrong_with_a_submission_is_answered(
    desk: Desk, tool: str, wrong: dict[str, Any], words: str
) -> None:
    answer = await desk.call(tool, **{"name": "tests", "command": "pytest", **wrong})
    assert not answer["success"]
    assert words in answer["error"]
    assert "--help" not in answer["error"]
    assert desk.jobs.jobs == {}


@pytest.mark.parametrize("seconds", [1, 86_400])
async def test_the_limits_themselves_are_possible(desk: Desk, seconds: int) -> None:
    given = {"name": "n" * 255, "timeout_seconds": seconds}
    await desk.submitted(**given)
    call, task_id = await executing(desk, **given)
    desk.jobs.end(task_id, S.COMPLETED)
    assert (await call)["success"]
    assert [wish.timeout for wish in desk.jobs.wishes] == [seconds, seconds]


@pytest.mark.parametrize("type_", TASK_TYPES)
async def test_every_type_is_possible(desk: Desk, type_: str) -> None:
    await desk.submitted(task_type=type_)
    assert desk.jobs.wishes[0].type == type_


async def test_a_refusal_of_the_house_is_answered(desk: Desk) -> None:
    desk.jobs.refusal = Conflict("Foredeck is being closed.", "Start it again.")
    answer = await desk.call("execute_cli_task", name="tests", command="pytest")
    assert answer == {"success": False, "error": "Foredeck is being closed. Start it again."}


RISKY = CommandUnconfirmed("The command policy wants a person's word.", "It runs then.")
SUBMISSIONS: dict[str, dict[str, Any]] = {
    "submit_cli_task": {"name": "n", "command": "sudo a"},
    "submit_batch_tasks": {"name": "n", "commands": ["sudo a", "b"], "task_type": "custom_script"},
}


@pytest.mark.parametrize("tool", SUBMISSIONS)
async def test_a_person_is_asked_where_the_policy_wants_it(desk: Desk, tool: str) -> None:
    desk.jobs.unconfirmed = RISKY
    asked = desk.with_person("Run it\n\nbut only today")
    answer = await desk.call(tool, "call-1", **SUBMISSIONS[tool])
    assert answer["success"]
    ((call_id, question, choices),) = asked
    assert call_id == "call-1"
    assert question.startswith(f"{RISKY.message} May the agent builder run it?\n\nsudo a")
    assert choices == ("Run it", "Do not run it")
    assert desk.jobs.wishes[0].confirmed


@pytest.mark.parametrize("tool", SUBMISSIONS)
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Do not run it", "It is not to run; the person said: Do not run it"),
        ("Run it later", "It is not to run; the person said: Run it later"),
        ("", "It is not to run"),
        (None, "Nobody is there to be asked"),
    ],
)
async def test_without_leave_nothing_is_submitted(
    desk: Desk, tool: str, said: str | None, words: str
) -> None:
    desk.jobs.unconfirmed = RISKY
    desk.with_person(said)
    answer = await desk.call(tool, **SUBMISSIONS[tool])
    assert RISKY.message in answer["error"]
    assert words in answer["error"]
    assert desk.jobs.jobs == {}


async def test_where_nobody_can_ever_be_asked_it_is_an_error(desk: Desk) -> None:
    desk.jobs.unconfirmed = RISKY
    answer = await desk.call("execute_cli_task", name="n", command="sudo a")
    assert "command_allow" in answer["error"]
    await desk.tools.close("its stage ended")
    assert desk.jobs.cancelled == []


TASK_TOOLS = ("get_cli_task_status", "get_cli_task_result", "cancel_cli_task")


@pytest.mark.parametrize("tool", TASK_TOOLS)
@pytest.mark.parametrize("task_id", ["", "nothing", "\0", "../etc", "💥", "x" * 5000])
async def test_a_bad_id_is_an_error(desk: Desk, tool: str, task_id: str) -> None:
    answer = await desk.call(tool, task_id=task_id)
    assert not answer["success"]
    assert "There is no task with the task_id" in answer["error"]


@pytest.mark.parametrize("tool", TASK_TOOLS)
async def test_what_belongs_to_others_is_unknown(desk: Desk, tool: str) -> None:
    elsewhere = job_detail("1234", JobWish("theirs", "rm x", project="another"))
    turn = replace(job_detail("5678", JobWish("a codex turn", "go")), order=None)
    desk.jobs.jobs = {"1234": elsewhere, "5678": turn}
    for task_id in desk.jobs.jobs:
        answer = await desk.call(tool, task_id=task_id)
        assert "There is no task with the task_id" in answer["error"]
        read = await desk.call("read_file", path=f"job:{task_id}")
        assert "There is no task with the task_id" in read["error"]
    assert desk.jobs.cancelled == []


@pytest.mark.parametrize("tool", TASK_TOOLS)
async def test_an_abbreviation_tells_nothing_of_others(desk: Desk, tool: str) -> None:
    desk.jobs.mistake = Ambiguous("'1' fits several jobs: 123, 145.")
    answer = await desk.call(tool, task_id="1")
    assert answer["error"].startswith("There is no task with the task_id '1' in this project.")


async def test_the_status_tells_where_a_task_stands(desk: Desk) -> None:
    task_id = await desk.submitted()
    status = await desk.call("get_cli_task_status", task_id=task_id)
    assert (status["status"], status["completed_at"]) == ("queued", None)
    assert "error_message" not in status
    desk.jobs.end(task_id, S.FAILED, errors="no such file", code=2)
    status = await desk.call("get_cli_task_status", task_id=task_id)
    assert status["success"], "that the task failed is no mistake of the call"
    assert (status["status"], status["exit_code"]) == ("failed", 2)
    assert status["completed_at"]
    assert status["error_message"] == "no such file"


async def test_the_result_of_a_task_that_works_is_what_it_has_printed(desk: Desk) -> None:
    task_id = await desk.submitted()
    desk.jobs.printed_by[task_id] = ("half\n", "")
    answer = await desk.call("get_cli_task_result", task_id=task_id)
    assert answer["success"]
    assert (answer["output"], answer["status"]) == ("half\n", "queued")
    assert "has not ended yet" in answer["hint"]
    desk.jobs.end(task_id, S.COMPLETED, "whole\n", "a warning\n")
    answer = await desk.call("get_cli_task_result", task_id=task_id)
    assert (answer["output"], answer["errors"]) == ("whole\n", "a warning\n")
    assert "hint" not in answer


@pytest.mark.parametrize(
    ("output", "errors", "cut"),
    [
        (5_000, 0, ()),
        (5_001, 0, ("output",)),
        (3_500, 1_500, ()),
        (3_501, 1_500, ("output",)),
        (0, 1_501, ("errors",)),
        (50_000, 50_000, ("output", "errors")),
    ],
)
async def test_output_is_cut_to_its_end_and_the_rest_can_be_read(
    desk: Desk, output: int, errors: int, cut: tuple[str, ...]
) -> None:
    task_id = await desk.submitted()
    printed = {"output": letters(output), "errors": letters(errors)}
    desk.jobs.end(task_id, S.COMPLETED, printed["output"], printed["errors"])
    answer = await desk.call("get_cli_task_result", task_id=task_id)
    assert len(answer["output"]) + len(answer["errors"]) <= OUTPUT_LIMIT
    for name, text in printed.items():
        assert text.endswith(answer[name])
        assert (f"{name}_rest" in answer) == (name in cut)
        path = f"job:{task_id}" + (":errors" if name == "errors" else "")
        if name in cut:
            assert repr(path) in answer[f"{name}_rest"]
        assert await read_whole(desk, path) == text


async def test_escape_sequences_do_not_reach_the_model(desk: Desk) -> None:
    task_id = await desk.submitted()
    desk.jobs.end(task_id, S.COMPLETED, "\x1b[31mred\x1b[0m\n")
    assert (await desk.call("get_cli_task_result", task_id=task_id))["output"] == "red\n"
    assert (await desk.call("read_file", path=f"job:{task_id}"))["content"] == "red\n"


def letters(count: int) -> str:
    return "".join(chr(97 + n % 26) for n in range(count))


async def read_whole(desk: Desk, path: str) -> str:
    text = ""
    while True:
        part = await desk.call("read_file", path=path, offset=len(text))
        text += str(part["content"])
        if "rest" not in part:
            return text
        assert f"path={path!r} and offset={len(text)}" in part["rest"]


async def executing(desk: Desk, **changes: Any) -> tuple[asyncio.Task[dict[str, Any]], str]:
    """Begin `execute_cli_task`; return the call and the task that it waits for."""
    given = {"name": "tests", "command": "pytest", **changes}
    call = asyncio.create_task(desk.call("execute_cli_task", **given))
    await asyncio.wait_for(desk.jobs.waiting.wait(), PATIENCE)
    return call, list(desk.jobs.jobs)[-1]


async def test_execute_waits_for_the_end(desk: Desk) -> None:
    call, task_id = await executing(desk)
    assert desk.jobs.wishes[0].timeout == 300
    assert not call.done()
    desk.jobs.end(task_id, S.COMPLETED, "12 passed\n")
    answer = await call
    assert answer["success"]
    assert (answer["task_id"], answer["status"]) == (task_id, "completed")
    assert (answer["exit_code"], answer["output"]) == (0, "12 passed\n")


@pytest.mark.parametrize(
    ("state", "errors", "error"),
    [
        (S.FAILED, "boom", "boom"),
        (S.CANCELLED, "", "The task did not complete: it is cancelled."),
        (S.LOST, "", "The task did not complete: it is lost."),
        (S.TIMEOUT, "", "The task did not complete: it is timeout."),
    ],
)
async def test_a_task_that_did_not_complete_is_no_success(
    desk: Desk, state: JobState, errors: str, error: str
) -> None:
    call, task_id = await executing(desk)
    desk.jobs.end(task_id, state, "half", errors, code=1)
    answer = await call
    assert not answer["success"]
    assert (answer["error"], answer["status"], answer["output"]) == (error, state.value, "half")


async def test_cancelling_gives_a_reason(desk: Desk) -> None:
    first, second = await desk.submitted(), await desk.submitted()
    answer = await desk.call("cancel_cli_task", task_id=first, reason="not needed\nany more")
    assert (answer["success"], answer["status"]) == (True, "cancelled")
    await desk.call("cancel_cli_task", task_id=second)
    reasons = [reason for _id, reason in desk.jobs.cancelled]
    assert reasons == ["not needed ↵ any more", "cancelled by the agent builder"]


async def test_what_has_ended_is_not_cancelled(desk: Desk) -> None:
    task_id = await desk.submitted()
    desk.jobs.end(task_id, S.CANCELLED)
    assert "nothing to cancel" in (await desk.call("cancel_cli_task", task_id=task_id))["error"]


async def test_a_cancellation_that_was_made_before_a_crash_is_one(desk: Desk) -> None:
    task_id = await desk.submitted()
    desk.jobs.end(task_id, S.CANCELLED)
    stage = replace(desk.stage, task=replace(desk.stage.task, resumed=True))
    answer = await desk_of(stage, desk.jobs).call("cancel_cli_task", task_id=task_id)
    assert (answer["success"], answer["status"]) == (True, "cancelled")


async def test_the_list_is_of_the_project(desk: Desk) -> None:
    ids = [await desk.submitted(name="n" * 200) for _ in range(3)]
    answer = await desk.call("list_cli_tasks", status="queued", task_type="export_data", limit=2)
    assert desk.jobs.asked == [(desk.stage.task.project.id, "queued", "export_data", 2)]
    assert [task["task_id"] for task in answer["tasks"]] == ids[:2]
    assert answer["total"] == 3
    assert len(answer["tasks"][0]["name"]) == 80
    await desk.call("list_cli_tasks")
    assert desk.jobs.asked[-1][1:] == (None, None, 20)
    await desk.call("list_cli_tasks", limit=100)
    assert desk.jobs.asked[-1][3] == 100


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"status": "done"}, "There is no status 'done'; there are: pending, queued"),
        ({"status": ""}, "There is no status ''"),
        ({"task_type": "codex"}, "There is no task_type 'codex'; there are: shell_command"),
        ({"task_type": "x\x1b[2J"}, "There is no task_type 'x'"),
        ({"limit": 0}, "The limit has to be between 1 and 100, not 0."),
        ({"limit": 101}, "The limit has to be between 1 and 100, not 101."),
        ({"limit": "all"}, "must be of type integer"),
    ],
)
async def test_what_is_wrong_with_a_list_is_answered(
    desk: Desk, wrong: dict[str, Any], words: str
) -> None:
    answer = await desk.call("list_cli_tasks", **wrong)
    assert words in answer["error"]
    assert desk.jobs.asked == []


BATCH_FIELDS = {
    "parent_task_id",
    "name",
    "total_tasks",
    "completed",
    "failed",
    "cancelled",
    "timeout",
    "lost",
    "running",
    "pending",
    "progress_percentage",
    "is_complete",
    "has_failures",
}


async def test_a_batch_is_submitted_whole_and_tells_how_it_stands(desk: Desk) -> None:
    given = {"name": "checks", "commands": ["a", "b", "c", "d"], "task_type": "data_validation"}
    answer = await desk.call("submit_batch_tasks", "call-1", **given, description="all")
    assert answer["success"]
    assert set(answer) >= BATCH_FIELDS
    (wish,) = desk.jobs.batches
    assert wish.commands == ("a", "b", "c", "d")
    assert (wish.job.name, wish.job.type, wish.job.command) == ("checks", "data_validation", "")
    assert (wish.job.description, wish.job.sandbox) == ("all", Sandbox.WORKSPACE_WRITE)
    assert wish.job.project == desk.stage.task.project.id
    for task_id, state in zip(answer["task_ids"], (S.COMPLETED, S.FAILED, S.LOST), strict=False):
        desk.jobs.end(task_id, state)
    parent = answer["parent_task_id"]
    status = await desk.call("get_batch_status", parent_task_id=parent)
    assert {name: status[name] for name in BATCH_FIELDS} == {
        "parent_task_id": parent,
        "name": "checks",
        "total_tasks": 4,
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
        "timeout": 0,
        "lost": 1,
        "running": 0,
        "pending": 1,
        "progress_percentage": 75,
        "is_complete": False,
        "has_failures": True,
    }
    assert status["failed_task_ids"] == answer["task_ids"][1:3]
    again = await desk.call("submit_batch_tasks", "call-1", **given)
    assert again["parent_task_id"] == parent
    assert len(desk.jobs.batches) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"commands": []}, "The batch has 0 commands; 1 to 100 are possible."),
        ({"commands": ["true"] * 101}, "The batch has 101 commands; 1 to 100 are possible."),
        ({"commands": "true"}, "must be of type array of strings"),
        ({"commands": ["true", 1]}, "must be of type array of strings"),
        ({"task_type": None}, "needs the argument task_type"),
        ({"task_type": "gardening"}, "There is no task_type 'gardening'"),
        ({"task_type": "codex"}, "run_codex gives it a prompt"),
        ({"name": " "}, "A batch needs a name."),
        ({"name": "n" * 250}, "The name has 250 characters; 249 are possible."),
        ({"priority": "high"}, "has no argument priority"),
    ],
)
async def test_what_is_wrong_with_a_batch_is_answered(
    desk: Desk, wrong: dict[str, Any], words: str
) -> None:
    given = {"name": "checks", "commands": ["true"], "task_type": "shell_command", **wrong}
    answer = await desk.call("submit_batch_tasks", **given)
    assert not answer["success"]
    assert words in answer["error"]
    assert "--help" not in answer["error"]
    assert desk.jobs.jobs == {}


@pytest.mark.parametrize("count", [1, 100])
async def test_the_limits_of_a_batch_are_possible(desk: Desk, count: int) -> None:
    given = {"name": "checks", "commands": ["true"] * count, "task_type": "shell_command"}
    answer = await desk.call("submit_batch_tasks", **given)
    assert (answer["total_tasks"], len(answer["task_ids"])) == (count, count)


async def test_the_status_of_a_batch_needs_one(desk: Desk) -> None:
    alone = await desk.submitted()
    answer = await desk.call("get_batch_status", parent_task_id=alone)
    assert answer["error"] == f"The task {alone} is no batch: get_cli_task_status tells of it."
    answer = await desk.call("get_batch_status", parent_task_id="nothing")
    assert "There is no task with the task_id 'nothing'" in answer["error"]


async def test_closing_ends_what_is_waited_for_and_leaves_the_rest(desk: Desk) -> None:
    goes_on = await desk.submitted()
    call, task_id = await executing(desk)
    call.cancel()
    await asyncio.wait({call})
    await desk.tools.close("its stage ended")
    assert desk.jobs.cancelled == [(task_id, "its stage ended")]
    assert desk.jobs.jobs[goes_on].job.state is S.QUEUED


async def test_letting_go_ends_nothing(desk: Desk) -> None:
    call, _task_id = await executing(desk)
    call.cancel()
    await asyncio.wait({call})
    await desk.tools.let_go()
    assert desk.jobs.cancelled == []


async def test_what_was_just_about_to_be_submitted_is_ended_too(desk: Desk) -> None:
    desk.jobs.gate.clear()
    given = {"name": "tests", "command": "pytest"}
    call = asyncio.create_task(desk.call("execute_cli_task", **given))
    await desk.jobs.submitting.wait()
    call.cancel()
    await asyncio.wait({call})
    closing = asyncio.create_task(desk.tools.close("its stage ended"))
    desk.jobs.gate.set()
    await asyncio.wait_for(closing, PATIENCE)
    assert [reason for _id, reason in desk.jobs.cancelled] == ["its stage ended"]


async def test_closing_after_a_refusal_has_nothing_to_end(desk: Desk) -> None:
    desk.jobs.refusal = Conflict("No.")
    await desk.call("execute_cli_task", name="tests", command="pytest")
    await desk.tools.close("its stage ended")
    assert desk.jobs.cancelled == []


async def test_without_jobs_the_tools_say_so(desk: Desk) -> None:
    answer = json.loads(await desk.stage.box().call("list_cli_tasks", "{}", "call-1"))
    assert answer == {"success": False, "error": "No tasks can be submitted here."}
