"""Tasks in the whole house: kept, changed, executed (SPEC T1–T3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.away import AwayKind
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound, UntrustedWorkflow
from foredeck.services.domain.records import Mode, Sandbox, Trigger
from foredeck.services.domain.schedules import Misfire, Schedule
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import (
    LISTED_ANSWER,
    ExecutionStatus,
    Mistake,
    Task,
    TaskOptions,
    TaskWish,
    wish_of,
)
from foredeck.services.host.commands import CreateWorkflowRun
from foredeck.services.host.notice_requests import GetAway
from foredeck.services.host.task_requests import (
    ActivateTask,
    CheckTask,
    CreateTask,
    DeleteTask,
    ExecuteTask,
    GetExecution,
    GetTask,
    ListExecutions,
    ListTasks,
    PreviewTask,
    RestoreTask,
    UpdateTask,
)
from foredeck.services.workflow import definition
from tests.integration.tasks.conftest import Answers
from tests.support.house import PATIENCE, House, OpenHouse

pytestmark = pytest.mark.codex

_WORKFLOW = """\
name: look
inputs:
  file: {type: string}
  count: {type: integer, default: 3}
steps:
  - id: look
    kind: command
    command: test -n {{inputs.file}} && echo {{inputs.file}}
"""

_AGENT = """\
name: build
steps:
  - id: build
    kind: agent
    role: builder
"""


def _wish(prompt: str = "Review {{file}}", **fields: Any) -> TaskWish:
    options = fields.pop("options", TaskOptions(mode=Mode.DIRECT))
    return TaskWish("review", prompt, project="shop", options=options, **fields)


async def _made(house: OpenHouse, **fields: Any) -> Task:
    await house.project("shop")
    return (await house.host.do(CreateTask(_wish(**fields)))).task


async def _executed(house: OpenHouse, ref: str, **variables: str) -> ExecutionStatus:
    status = await house.host.do(ExecuteTask(ref, variables))
    await house.rest(status.id)
    return await house.host.ask(GetExecution(status.id))


async def test_an_execution_fills_the_template_in_and_says_what_came_of_it(
    house: House, answers: Answers
) -> None:
    answers.answer = '{"ok": true}'
    async with house.open() as here:
        task = await _made(
            here, variables=(("goal", "bugs"),), prompt="Review {{file}} for {{goal}}"
        )
        begun = await here.host.do(ExecuteTask("review", {"file": "a {{goal}}", "odd": "1"}))
        await here.rest(begun.id)
        status = await here.host.ask(GetExecution(begun.id))
        row = await here.host.ask(GetTask("review"))

    assert answers.requests[0].prompt == "Review a {{goal}} for bugs"
    assert begun.state is RunState.RUNNING
    assert begun.warnings == ("The template does not use odd.",)
    assert status.state is RunState.SUCCESS
    assert status.trigger is Trigger.MANUAL
    assert status.result_data == '{"ok": true}'
    assert status.tokens > 0
    assert status.thread_id
    assert dict(status.variables) == {"file": "a {{goal}}", "goal": "bugs"}
    assert (row.task.executions, row.task.successes, row.task.failures) == (1, 1, 0)
    assert row.task.last_executed_at is not None
    assert row.id == task.id


async def test_each_execution_is_a_run_of_its_own(house: House) -> None:
    async with house.open() as here:
        await _made(here, prompt="Look around")
        first = await _executed(here, "review")
        second = await _executed(here, "review")
        page = await here.host.ask(ListExecutions("review"))

    assert [item.id for item in page.items] == [second.id, first.id]
    assert first.conversation_id != second.conversation_id
    assert first.thread_id != second.thread_id


async def test_a_value_that_is_no_unicode_does_not_end_codex(
    house: House, answers: Answers
) -> None:
    async with house.open() as here:
        await _made(here)
        status = await _executed(here, "review", file="caf\udce9")

    assert status.state is RunState.SUCCESS, status.error
    assert answers.requests[0].prompt == "Review caf?"


async def test_an_answer_that_is_json_is_told_as_data(house: House, answers: Answers) -> None:
    long = f'{{"text": "{"x" * LISTED_ANSWER}"}}'
    told = {
        "```json\n[1, 2]\n```": "[1, 2]",
        "42": "42",
        '{"a": NaN}': "",  # Python alone takes it for JSON
        'It is:\n{"a": 1}': "",
        long: long,
    }
    answers.command = ""
    async with house.open() as here:
        await _made(here, prompt="Answer")
        for answer, data in told.items():
            answers.answer = answer
            assert (await _executed(here, "review")).result_data == data
        listed = (await here.host.ask(ListExecutions("review"))).items

    assert listed[0].result_message == f"{long[:LISTED_ANSWER]}…"
    assert [one.result_data for one in listed] == ["", "", "", "42", "[1, 2]"]


async def test_a_missing_variable_is_refused_and_nothing_is_stored(house: House) -> None:
    async with house.open() as here:
        await _made(here, prompt="{{one}} {{two}} {{three}}")
        with pytest.raises(InvalidInput, match="one, two and three have no value"):
            await here.host.do(ExecuteTask("review"))
        preview = await here.host.ask(PreviewTask("review", {"two": "2", "four": "4"}))

        assert (await here.host.ask(ListExecutions())).total == 0
        assert (await here.host.ask(GetTask("review"))).task.executions == 0
    assert preview.prompt == "{{one}} 2 {{three}}"
    assert preview.mistakes == (Mistake("variables", "one and three have no value."),)
    assert preview.missing == ("one", "three")
    assert preview.warnings == ("The template does not use four.",)
    assert preview.variables == (("one", None), ("two", "2"), ("three", None))


async def test_options_tools_and_directory_reach_the_turn(
    house: House, answers: Answers, tmp_path: Path
) -> None:
    answers.command = "pwd; touch new.txt || echo refused"
    workspace = tmp_path / "shop"
    (workspace / "src").mkdir(parents=True)
    async with house.open() as here:
        await here.project("shop", workspace)
        wish = _wish(
            "Look",
            allowed_tools=("Read",),
            directory=str(workspace / "src"),
            options=TaskOptions("gpt-special", Sandbox.WORKSPACE_WRITE, Mode.DIRECT, 60.0, 5, 1.0),
        )
        row = await here.host.do(CreateTask(wish))
        status = await _executed(here, row.id)
        async with here.services.store.transaction() as tx:
            run = await tx.runs.get(status.id)

    (step,) = definition.from_json(run.definition).steps
    assert row.task.directory == "src"
    assert answers.requests[0].model == "gpt-special"
    assert f"{workspace}/src" in answers.requests[-1].turn_outputs[0]
    assert "refused" in answers.requests[-1].turn_outputs[0]
    assert step.turn_timeout == 60.0
    assert (run.budget_tokens, run.budget_cost) == (5, 1.0)


async def test_jobs_of_an_agent_are_where_codex_is_and_may_no_more(
    house: House, answers: Answers, tmp_path: Path
) -> None:
    workspace = tmp_path / "shop"
    folder = workspace / ".foredeck" / "workflows"
    folder.mkdir(parents=True)
    (workspace / "src").mkdir()
    (folder / "build.yaml").write_text(_AGENT)
    answers.agent_command = "pwd; touch new.txt || echo refused"
    async with house.open() as here:
        await here.project("shop", workspace)
        wish = _wish(
            "Build it",
            workflow="build",
            disallowed_tools=("Write",),
            directory="src",
            options=TaskOptions(mode=Mode.AGENT),
        )
        await here.host.do(CreateTask(wish))
        file = str(folder / "build.yaml")
        free = await here.host.do(CreateWorkflowRun("shop", _AGENT, file, {}, trust=True))
        await here.rest(free.id)
        assert (workspace / "new.txt").exists()

        status = await _executed(here, "review")

    assert status.state is RunState.SUCCESS, status.error
    printed = answers.requests[-1].tool_outputs[-1]
    assert f"{workspace}/src" in printed
    assert "refused" in printed
    assert not (workspace / "src" / "new.txt").exists()


async def test_every_mistake_is_told_at_once_and_nothing_is_stored(house: House) -> None:
    async with house.open() as here:
        await _made(here)
        wish = _wish(
            "{{open",
            allowed_tools=("Bsh",),
            schedule=Schedule("61 * * * *"),
            workflow="nothing",
            directory="absent",
            report_format="doc",
        )
        with pytest.raises(InvalidInput) as refused:
            await here.host.do(CreateTask(wish))
        checked = await here.host.ask(CheckTask(wish))
        again = await here.host.ask(CheckTask(_wish(), "review"))

        assert (await here.host.ask(ListTasks())).total == 1
    said = refused.value.message
    for words in ("{{", "Bsh", "minute '61'", "no workflow nothing", "absent", "'doc'"):
        assert words in said
    assert "There is a task review already" in checked[0].text
    assert [mistake.field for mistake in checked] == [
        "name",
        "prompt",
        "allowed_tools",
        "cron",
        "report_format",
        "directory",
        "workflow",
    ]
    assert again == ()  # its own name is not taken


async def test_an_execution_that_waits_for_its_workspace_says_so(
    house: House, answers: Answers, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    answers.command = f"until test -e {go}; do sleep 0.05; done"
    async with house.open() as here:
        await _made(here, prompt="Look")
        first = await here.host.do(ExecuteTask("review"))
        await here.output(first.id, "codex")
        second = await here.host.do(ExecuteTask("review"))
        async with asyncio.timeout(PATIENCE):
            while not (waits := (await here.host.ask(GetExecution(second.id))).waits):
                await asyncio.sleep(0.02)
        listed = (await here.host.ask(ListExecutions("review"))).items
        go.touch()
        await here.rest(second.id)
        ended = await here.host.ask(ListExecutions("review"))

    assert waits == "Waits for the runs before it in this workspace, first “review”"
    assert [one.waits for one in listed] == [waits, ""]
    assert [(one.waits, one.state) for one in ended.items] == [("", RunState.SUCCESS)] * 2


async def test_tools_of_codex_s_own_servers_can_be_named(house: House) -> None:
    config = house.base / "codex-home" / "config.toml"
    config.write_text(config.read_text() + '\n[mcp_servers.own]\ncommand = "true"\n')
    async with house.open() as here:
        await here.project("shop")
        named = _wish(allowed_tools=("Bash", "mcp__own__look"), disallowed_tools=("mcp__other",))
        (mistake,) = await here.host.ask(CheckTask(named))

    assert (mistake.field, "'other'" in mistake.text) == ("disallowed_tools", True)


async def test_a_workflow_file_takes_variables_as_its_inputs(house: House, tmp_path: Path) -> None:
    workspace = tmp_path / "shop"
    folder = workspace / ".foredeck" / "workflows"
    folder.mkdir(parents=True)
    (folder / "look.yaml").write_text(_WORKFLOW)
    async with house.open() as here:
        await here.project("shop", workspace)
        await here.host.do(CreateTask(_wish("Look at a file", workflow="look")))
        with pytest.raises(InvalidInput, match="file has no value"):
            await here.host.do(ExecuteTask("review"))
        assert (await here.host.ask(PreviewTask("review"))).missing == ("file",)
        with pytest.raises(UntrustedWorkflow, match="look"):
            await here.host.do(ExecuteTask("review", {"file": "a.txt"}))
        preview = await here.host.ask(PreviewTask("review", {"file": "a.txt"}))
        assert [mistake.field for mistake in preview.mistakes] == ["workflow"]
        by_hand = await here.host.do(
            CreateWorkflowRun(
                "shop",
                _WORKFLOW,
                str(folder / "look.yaml"),
                {"file": "b.txt"},
                trust=True,
            )
        )
        await here.rest(by_hand.id)

        assert not (await here.host.ask(PreviewTask("review", {"file": "a.txt"}))).mistakes
        wrong = await here.host.ask(PreviewTask("review", {"file": "a.txt", "count": "many"}))
        assert "whole number" in wrong.mistakes[0].text
        status = await _executed(here, "review", file="a b; echo")

        output = (await here.output(status.id, "look")).read_text()
        assert status.state is RunState.SUCCESS
        assert status.warnings == ()
        assert "a b; echo" in output


async def test_a_task_that_rests_or_is_deleted_is_not_executed(house: House) -> None:
    async with house.open() as here:
        task = await _made(here, prompt="Look")
        await here.host.do(ActivateTask("review", active=False))
        with pytest.raises(Conflict, match="disabled"):
            await here.host.do(ExecuteTask("review"))
        await here.host.do(DeleteTask("review"))
        with pytest.raises(Conflict, match="deleted"):
            await here.host.do(ExecuteTask(task.id))
        with pytest.raises(NotFound):
            await here.host.ask(GetTask("review"))
        with pytest.raises(Conflict, match="restore"):
            await here.host.do(ActivateTask(task.id))
        assert (await here.host.ask(ListTasks())).total == 0
        assert (await here.host.ask(ListTasks(deleted=True))).total == 1

        other = (await here.host.do(CreateTask(_wish("Look")))).task
        with pytest.raises(Conflict, match=f"tasks update {other.id} --name NAME"):
            await here.host.do(RestoreTask(task.id))
        await here.host.do(UpdateTask(other.id, replace(wish_of(other), name="other")))
        await here.host.do(RestoreTask(task.id))
        await here.host.do(ActivateTask("review"))

        assert (await _executed(here, "review")).state is RunState.SUCCESS


async def test_a_schedule_begins_and_stops_with_its_task(house: House) -> None:
    async with house.open(recover=False) as here:
        task = await _made(here, prompt="Look", schedule=Schedule("0 3 1 1 *"))
        assert task.next_at is not None
        assert task.next_at > clock.now()
        rested = await here.host.do(ActivateTask("review", active=False))
        again = await here.host.do(ActivateTask("review"))
        gone = await here.host.do(DeleteTask("review"))
        back = await here.host.do(RestoreTask(task.id))
        without = await here.host.do(UpdateTask("review", _wish("Look")))

    assert rested.task.next_at is None
    assert again.task.next_at == task.next_at
    assert gone.task.next_at is None
    assert back.task.next_at == task.next_at
    assert without.task.next_at is None
    assert without.task.schedule is None


async def test_a_change_leaves_what_was_counted_and_the_runs_that_are_there(house: House) -> None:
    async with house.open() as here:
        task = await _made(here, prompt="Look")
        status = await _executed(here, "review")
        changed = await here.host.do(UpdateTask("review", _wish("Look twice", tags=("x",))))

        found = await here.detail(status.id)
        assert found.request == "Look"
    assert changed.task.prompt == "Look twice"
    assert changed.task.executions == 1
    assert changed.task.created_at == task.created_at
    assert wish_of(changed.task).tags == ("x",)


async def test_what_a_host_stored_and_did_not_come_to_start_the_next_one_starts(
    house: House,
) -> None:
    async with house.open(recover=False) as here:
        task = await _made(here, prompt="Look")
        executions = here.services.executions
        prepared = await executions.prepare(task, {}, Trigger.SCHEDULE)
        async with here.services.store.transaction() as tx:
            execution = await executions.add(tx, task, prepared, clock.now())
        assert (await here.detail(execution.id)).run.state is RunState.CREATED

    async with house.open() as here:
        detail = await here.rest(execution.id)
        status = await here.host.ask(GetExecution(execution.id))

    assert detail.run.state is RunState.SUCCESS
    assert status.trigger is Trigger.SCHEDULE
    assert status.due_at == execution.due_at


async def test_the_morning_view_knows_at_once_what_was_missed(house: House) -> None:
    # One moment has come meanwhile, whatever time of the day it is now.
    missed = clock.now().replace(second=0, microsecond=0) - timedelta(hours=2)
    async with house.open(recover=False) as here:
        rule = Schedule(f"{missed.minute} {missed.hour} * * *", misfire=Misfire.SKIP)
        task = await _made(here, prompt="Look", schedule=rule)
        async with here.services.store.transaction() as tx:
            await tx.attention.seen(missed - timedelta(hours=1))
            await tx.tasks.save(replace(task, next_at=missed))

    async with house.open() as here:
        away = await here.host.ask(GetAway())

    (item,) = away.items
    assert item.kind is AwayKind.MISSED
    assert item.what == "review"


async def test_a_secret_is_not_stored_in_a_task(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter22-hunter22-hunter22")
    async with house.open() as here:
        await here.project("shop")
        with pytest.raises(InvalidInput, match="secret"):
            await here.host.do(CreateTask(_wish("Use sk-hunter22-hunter22-hunter22")))
        await here.host.do(CreateTask(_wish("Use {{key}}")))
        with pytest.raises(InvalidInput, match="secret"):
            await here.host.do(ExecuteTask("review", {"key": "sk-hunter22-hunter22-hunter22"}))
