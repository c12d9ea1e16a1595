"""Agents submit commands as jobs of their own; their hosts are killed, and leave."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.job_views import JobDetail, JobRow
from foredeck.services.domain.jobs import JobWish, Priority
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import FINAL_JOBS, JobState, RunState, StepState
from foredeck.services.domain.views import QuestionRow
from foredeck.services.host.commands import AnswerQuestion, CancelRun, DeclarePresence, SubmitJob
from foredeck.services.host.queries import GetJob, GetTranscript, ListAudit, ListJobs, ListQuestions
from foredeck.services.rehearsal.exchange import Call
from foredeck.services.rehearsal.plays import Play
from foredeck.services.store.audit import system_user
from tests.integration.end_to_end.test_cancel import stubborn, waiting
from tests.integration.end_to_end.test_host_killed import another_host, kill
from tests.support.crew_script import Crew, CrewScript
from tests.support.house import PATIENCE, House, OpenHouse, until
from tests.support.once import counted, counting
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex

S = JobState
BATCH = {"name": "checks", "task_type": "shell_command"}


@dataclass
class Calls:
    """Tool calls in order; `answers` are what came back, by the place of the call.

    A play is played again for every request, so what it notes it notes again.
    """

    calls: list[tuple[str, dict[str, Any]]]
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __call__(self) -> Play:
        for place, (tool, arguments) in enumerate(self.calls):
            filled = {name: self._filled(value) for name, value in arguments.items()}
            self.answers[place] = json.loads((yield [Call(tool, filled)]))
        return ""

    def _filled(self, value: Any) -> Any:
        """Return the id in an earlier answer for its place, as `{"of": place}`.

        With `child` it is that of a task of the batch.
        """
        if not isinstance(value, dict):
            return value
        answer = self.answers[value["of"]]
        if "child" in value:
            return answer["task_ids"][value["child"]]
        return answer.get("task_id") or answer["parent_task_id"]


def calls(crew: Crew, *made: tuple[str, dict[str, Any]], role: str = "builder") -> Calls:
    """Let the agent of that role make these calls."""
    crew.calls[role] = found = Calls(list(made))
    return found


def task(tool: str, command: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Return the call that submits a command."""
    return f"{tool}_cli_task", {"name": "check", "command": command, **fields}


async def own_jobs(home: OpenHouse) -> list[JobRow]:
    """Return the jobs that belong to no run, oldest first."""
    page = await home.host.ask(ListJobs(limit=100))
    return [job for job in page.items if job.run_id is None][::-1]


async def stored(home: OpenHouse, count: int) -> None:
    """Wait until there are so many jobs that belong to no run."""
    events = home.services.bus.subscribe()
    async with asyncio.timeout(PATIENCE):
        while len(await own_jobs(home)) < count:
            await anext(events)


async def asked(home: OpenHouse, run_id: str) -> QuestionRow:
    """Wait for the question of a run."""
    events = home.services.bus.subscribe()
    async with asyncio.timeout(PATIENCE):
        while not (found := await home.host.ask(ListQuestions(run_id))):
            await anext(events)
    return found[0]


async def ended(home: OpenHouse, job_id: str) -> JobDetail:
    """Wait for the end of a job."""
    events = home.services.bus.subscribe()
    async with asyncio.timeout(PATIENCE):
        while (detail := await home.host.ask(GetJob(job_id))).job.state not in FINAL_JOBS:
            await anext(events)
    return detail


async def test_an_agent_submits_waits_and_reads(house: House, script: CrewScript) -> None:
    made = calls(
        script.crew("one"),
        task("submit", "cat $FOREDECK_INPUT; echo oops >&2; exit 3", input_json='{"n": 1}'),
        task("execute", "pwd; echo written > made.txt", priority="high", description="a check"),
        task("execute", "seq -f %05g 2000"),
        ("get_cli_task_status", {"task_id": {"of": 1}}),
        ("get_cli_task_result", {"task_id": {"of": 2}}),
        ("read_file", {"path": "made.txt"}),
        ("cancel_cli_task", {"task_id": {"of": 1}}),
        ("list_cli_tasks", {}),
        ("get_cli_task_status", {"task_id": "nothing"}),
    )
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        answers = made.answers
        assert [answers[n]["success"] for n in range(9)] == [True] * 6 + [False, True, False]
        assert answers[1]["output"] == f"{Path(detail.workspace)}\n"
        assert (answers[1]["exit_code"], answers[3]["status"]) == (0, "completed")
        assert answers[3]["progress_percentage"] == 100
        assert answers[5]["content"] == "written\n"
        # Codex's sandbox warns on stderr of a home in a temporary directory.
        assert len(answers[4]["output"]) + len(answers[4]["errors"]) == 5_000
        assert answers[4]["output"].endswith("01999\n02000\n")
        assert "read_file with path='job:" in answers[4]["output_rest"]
        assert "nothing to cancel" in answers[6]["error"]
        assert answers[7]["total"] == 3
        assert "There is no task" in answers[8]["error"]
        failed = await ended(home, answers[0]["task_id"])
        assert (failed.job.state, failed.job.exit_code, failed.job.run_id) == (S.FAILED, 3, None)
        assert failed.failure is not None
        assert failed.failure.message.endswith("oops")
        await _hold_whose_it_is(home, row.id, answers[1]["task_id"])


async def _hold_whose_it_is(home: OpenHouse, run_id: str, task_id: str) -> None:
    """Hold that job, tool call and audit trail name the agent and its run."""
    (call,) = [
        entry
        for entry in await home.host.ask(GetTranscript(run_id))
        if entry.tool == "execute_cli_task" and task_id in entry.content
    ]
    found = await home.host.ask(GetJob(task_id))
    assert found.order is not None
    assert found.order.created_by == f"{system_user()}/agent builder"
    assert found.order.trace_id == run_id
    assert (found.order.priority, found.order.description) == (Priority.HIGH, "a check")
    metadata = dict(found.order.metadata)
    assert (metadata["run"], metadata["step"], metadata["attempt"]) == (run_id, "builder", "1")
    assert metadata["agent"] == "builder"
    assert metadata["tool_call"]
    assert call.complete
    rows = (await home.host.ask(ListAudit(resource=f"job:{task_id}"))).items
    submitted = rows[-1]
    assert submitted.actor == f"{system_user()}/agent builder"
    assert {audited.trace_id for audited in rows} == {run_id}


async def test_an_agent_submits_a_batch(house: House, script: CrewScript) -> None:
    commands = ["echo one", "exit 3", "echo three"]
    batch = {"name": "checks", "commands": commands, "task_type": "data_validation"}
    made = calls(
        script.crew("one"),
        ("submit_batch_tasks", batch),
        task("execute", waiting("batch")),
        ("get_batch_status", {"parent_task_id": {"of": 0}}),
        ("get_cli_task_result", {"task_id": {"of": 0, "child": 1}}),
        ("list_cli_tasks", {}),
        ("list_cli_tasks", {"task_type": "data_validation", "status": "failed"}),
    )
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        await until(lambda: 0 in made.answers, "the batch")
        parent = made.answers[0]["parent_task_id"]
        assert (await ended(home, parent)).job.state is S.FAILED
        (Path((await home.detail(row.id)).workspace) / "go").touch()
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        status, result = made.answers[2], made.answers[3]
        told = ("total_tasks", "completed", "failed", "progress_percentage", "is_complete")
        assert [status[name] for name in told] == [3, 2, 1, 100, True]
        assert status["failed_task_ids"] == [made.answers[0]["task_ids"][1]]
        assert (result["name"], result["exit_code"]) == ("checks (2/3)", 3)
        assert [one["task_id"] for one in made.answers[4]["tasks"]][-1] == parent
        assert made.answers[4]["total"] == 2, "the tasks of a batch are not listed by themselves"
        assert [one["total_tasks"] for one in made.answers[5]["tasks"]] == [3]
        children = (await home.host.ask(ListJobs(batch=parent))).items
        orders = [(await home.host.ask(GetJob(job.id))).order for job in children]
        assert {order.trace_id for order in orders if order} == {row.id}


async def test_a_batch_is_cancelled_with_its_run(house: House, script: CrewScript) -> None:
    commands = ["touch first; sleep 600", *["echo never > never"] * 5]
    batch = {**BATCH, "commands": commands}
    calls(script.crew("one"), ("submit_batch_tasks", batch), task("execute", "true"))
    async with house.open(job_limit=1) as home:
        row = await home.begin("one", Mode.AGENT)
        workspace = Path((await home.detail(row.id)).workspace)
        await until((workspace / "first").exists, "the first command")
        await stored(home, 2)
        await home.host.do(CancelRun(row.id))
        assert mentioning(str(workspace)) == []
        (alone, parent) = sorted(await own_jobs(home), key=lambda job: job.name == "checks")
        assert (alone.state, parent.state) == (S.CANCELLED, S.CANCELLED)
        children = (await home.host.ask(ListJobs(batch=parent.id))).items
        assert [job.state for job in children] == [S.CANCELLED] * 6
        assert not (workspace / "never").exists()


async def test_an_agent_knows_nothing_of_other_projects(house: House, script: CrewScript) -> None:
    async with house.open() as home:
        other = await home.project("two")
        theirs = await home.host.do(SubmitJob(JobWish("theirs", "true", project=other.id)))
        made = calls(
            script.crew("one"),
            ("get_cli_task_status", {"task_id": theirs.id}),
            ("get_cli_task_result", {"task_id": theirs.id}),
            ("cancel_cli_task", {"task_id": theirs.id}),
            ("list_cli_tasks", {}),
        )
        row = await home.begin("one", Mode.AGENT)
        assert (await home.rest(row.id)).run.state is RunState.SUCCESS
        assert [made.answers[n]["success"] for n in range(4)] == [False, False, False, True]
        assert made.answers[3]["tasks"] == []
        assert (await ended(home, theirs.id)).job.state is S.COMPLETED


@pytest.fixture
def outside() -> Iterator[Path]:
    """Yield a directory where the sandbox forbids to write: the temporary one is free for all."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="foredeck-") as place:
        yield Path(place)


async def test_a_task_writes_only_in_the_workspace(
    house: House, script: CrewScript, outside: Path
) -> None:
    made = calls(
        script.crew("one"),
        task("execute", f"echo in > inside; echo out > {outside}/made"),
        ("submit_batch_tasks", {**BATCH, "commands": [f"echo out > {outside}/made"]}),
    )
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert "Read-only file system" in made.answers[0]["error"]
        assert (await ended(home, made.answers[1]["parent_task_id"])).job.state is S.FAILED
        assert (Path(detail.workspace) / "inside").read_text() == "in\n"
        assert list(outside.iterdir()) == []


@pytest.mark.parametrize(("choice", "runs"), [(1, True), (2, False)])
async def test_a_person_is_asked_about_a_risky_command(
    house: House, script: CrewScript, choice: int, runs: bool
) -> None:
    made = calls(script.crew("one"), task("execute", "touch made; chmod 777 made"))
    confirm = {Rule.WORLD_WRITABLE: PolicyAction.CONFIRM}
    async with house.open(command_policy=confirm) as home:
        await home.host.do(DeclarePresence("a test"))
        row = await home.begin("one", Mode.AGENT)
        question = await asked(home, row.id)
        assert "chmod 777" in question.question.details
        assert await own_jobs(home) == []
        await home.host.do(AnswerQuestion(row.id, choice=choice))
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert made.answers[0]["success"] is runs
        assert (Path(detail.workspace) / "made").exists() is runs
        rows = (await home.host.ask(ListAudit(action="command_policy"))).items
        who = {(audited.actor, audited.trace_id) for audited in rows}
        assert who == {(f"{system_user()}/agent builder", row.id)}


@pytest.mark.parametrize("action", [PolicyAction.CONFIRM, PolicyAction.DENY])
async def test_a_risky_command_is_an_error_where_nobody_is_there(
    house: House, script: CrewScript, action: PolicyAction
) -> None:
    made = calls(script.crew("one"), task("submit", "touch made; chmod 777 made"))
    async with house.open(command_policy={Rule.WORLD_WRITABLE: action}) as home:
        row = await home.begin("one", Mode.AGENT)
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert "world_writable" in made.answers[0]["error"]
        assert "command_allow" in made.answers[0]["error"]
        assert await own_jobs(home) == []


async def test_what_is_only_submitted_goes_on_after_the_run(
    house: House, script: CrewScript
) -> None:
    calls(script.crew("one"), task("submit", waiting("later")))
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        (job,) = await own_jobs(home)
        assert job.state not in FINAL_JOBS
        with pytest.raises(Exception, match="nothing to stop"):
            await home.host.do(CancelRun(row.id))
        assert (await home.host.ask(GetJob(job.id))).job.state not in FINAL_JOBS
        (Path(detail.workspace) / "go").touch()
        assert (await ended(home, job.id)).job.state is S.COMPLETED


async def test_a_run_that_is_cancelled_takes_its_tasks_along(
    house: House, script: CrewScript
) -> None:
    calls(
        script.crew("one"),
        task("submit", "touch first; sleep 600"),
        task("submit", stubborn("second")),
        task("execute", "echo never > never"),
    )
    async with house.open(job_limit=2) as home:
        row = await home.begin("one", Mode.AGENT)
        workspace = Path((await home.detail(row.id)).workspace)
        stands = ("first", "command.pid")
        await until(lambda: all((workspace / name).exists() for name in stands), "both commands")
        await stored(home, 3)

        await home.host.do(CancelRun(row.id, "wrong plan"))

        assert mentioning(str(workspace)) == []
        detail = await home.detail(row.id)
        assert detail.run.state is RunState.CANCELLED
        assert detail.steps[1].state is StepState.CANCELLED
        assert [job.state for job in await own_jobs(home)] == [S.CANCELLED] * 3
        assert not (workspace / "never").exists()
        assert all(entry.complete for entry in await home.host.ask(GetTranscript(row.id)))


async def test_a_task_of_a_killed_host_is_waited_for_by_the_next(
    house: House, script: CrewScript
) -> None:
    made = calls(script.crew("one"), task("execute", counting("task", "go")))
    workspace = house.settings.workspaces_root / "one"
    async with another_host(house, Mode.AGENT) as (process, run_id):
        await until((workspace / "effects").exists, "the command")
        await kill(process)
    async with house.open() as home:
        assert (await home.detail(run_id)).run.state is RunState.RUNNING
        (workspace / "go").touch()
        detail = await home.rest(run_id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert [step.attempt for step in detail.steps] == [1, 1, 1, 1]
        (job,) = await own_jobs(home)
        assert (workspace / "effects").read_text() == "task\n"
        answer = made.answers[0]
        assert (answer["task_id"], answer["status"], answer["success"]) == (
            job.id,
            "completed",
            True,
        )
        last = int((workspace / "last").read_text())
        assert answer["output"].splitlines()[-1:] == counted("task", last)[-1:]


async def test_a_house_that_departs_leaves_the_task_to_the_next(
    house: House, script: CrewScript
) -> None:
    calls(script.crew("one"), task("execute", counting("task", "go")))
    workspace = house.settings.workspaces_root / "one"
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        await until((workspace / "effects").exists, "the command")
        home.services.departure.leaving = True
    async with house.open() as home:
        (workspace / "go").touch()
        assert (await home.rest(row.id)).run.state is RunState.SUCCESS
        (job,) = await own_jobs(home)
        assert job.state is S.COMPLETED
        assert (workspace / "effects").read_text() == "task\n"


async def test_a_house_that_closes_cancels_the_run_with_its_tasks(
    house: House, script: CrewScript
) -> None:
    calls(
        script.crew("one"),
        task("submit", "touch first; sleep 600"),
        task("execute", counting("task", "go")),
    )
    workspace = house.settings.workspaces_root / "one"
    stands = ("first", "effects")
    async with house.open() as home:
        row = await home.begin("one", Mode.AGENT)
        await until(lambda: all((workspace / name).exists() for name in stands), "the commands")
    assert mentioning(str(workspace)) == []
    async with house.open() as home:
        assert (await home.detail(row.id)).run.state is RunState.CANCELLED
        assert [job.state for job in await own_jobs(home)] == [S.CANCELLED] * 2


MOVES = ("JobSaved+queued", "JobSaved/in_progress", "JobSaved/completed")
STORED = "after JobSaved+queued"
DRILLS = [
    *((f"{when} {what}", "execute") for what in MOVES for when in ("before", "after")),
    *((STORED, tool) for tool in ("submit", "batch")),
]


@pytest.mark.parametrize(("point", "tool"), DRILLS)
async def test_a_host_killed_at_any_point_submits_once(
    house: House, script: CrewScript, point: str, tool: str
) -> None:
    command = "echo task >> effects"
    many = ("submit_batch_tasks", {**BATCH, "commands": [command]})
    calls(script.crew("one"), many if tool == "batch" else task(tool, command))
    arguments = (str(house.base), str(house.settings.base_url), Mode.AGENT.value, point)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.kill_program", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
        env={**os.environ},
    )
    async with asyncio.timeout(PATIENCE):
        await process.wait()
    assert process.returncode == -signal.SIGKILL
    async with house.open() as home:
        (run_id,) = home.services.orchestrator.driven_runs
        detail = await home.rest(run_id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        (job,) = await own_jobs(home)
        assert (await ended(home, job.id)).job.state is S.COMPLETED
        assert (Path(detail.workspace) / "effects").read_text() == "task\n"
