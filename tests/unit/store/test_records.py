"""Records come back as they went in, and what must not happen to them does not."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foredeck.services.domain.errors import Ambiguous, Conflict, InvalidInput, NotFound
from foredeck.services.domain.records import (
    ChangeKind,
    DefaultWorkflow,
    Failure,
    FailureClass,
    FileChange,
    Mode,
    ProjectSettings,
    Requirement,
    Role,
    Sandbox,
    TokenUsage,
    Verdict,
)
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.store.codecs import SETTINGS
from foredeck.services.store.store import Store
from tests.support import records as make
from tests.support.records import MOMENT

_FAILURE = Failure(FailureClass.NETWORK, "It is away.", "Try again.", "Traceback …\n\x00\x1b[2J")
_USAGE = TokenUsage(10, 4, 3, 2)
_VERDICT = Verdict(
    "NEEDS_WORK",
    (Requirement("R1", "fail", "no test"), Requirement("R2", "pass")),
    tests_passed=3,
    tests_failed=1,
    security=("none",),
    blocking=("R1",),
    items=("write the test", "run it"),
)


async def test_every_field_of_every_record_survives(store: Store) -> None:
    project = make.project(
        description="höflich\n",
        settings=ProjectSettings(
            "gpt-5.5",
            Sandbox.READ_ONLY,
            Mode.AGENT,
            verify="pytest -q",
            workflow=DefaultWorkflow.CODEX,
            concurrency=2,
            memory_cap=512,
            environment={"PORT": "80"},
            mcp_servers={"docs": McpServer("docs-server", ("-v",), {"A": "env:B"})},
        ),
        archived_at=MOMENT,
        workspace="/tmp/not-utf8-\udcff",
    )
    parent = make.run(project)
    run = make.run(
        project,
        started_at=MOMENT,
        ended_at=MOMENT,
        current_stage="builder#2",
        summary="done",
        error="none",
        parent_run_id=parent.id,
        usage=_USAGE,
    )
    step = make.step(
        run,
        "builder#2",
        3,
        needs=("planner", "builder"),
        critical=False,
        round=2,
        attempt=2,
        max_attempts=4,
        retry_at=MOMENT,
        reason="backing off",
        failure=_FAILURE,
        summary="s",
        verdict=_VERDICT,
        usage=_USAGE,
        started_at=MOMENT,
        ended_at=MOMENT,
    )
    attempt = make.attempt(step, 2, ended_at=MOMENT, failure=_FAILURE, usage=_USAGE)
    job = make.job(
        step,
        timeout=1.5,
        thread_id="t",
        turn_id="u",
        model="gpt",
        exit_code=-9,
        message="m",
        failure=_FAILURE,
        files_changed=(FileChange("a/\udcff.py", ChangeKind.DELETED),),
        usage=_USAGE,
        queued_at=MOMENT,
        started_at=MOMENT,
        ended_at=MOMENT,
    )
    message = make.message(
        step,
        role=Role.TOOL,
        model="gpt",
        usage=_USAGE,
        tool="run_codex",
        call_id="c",
        arguments="{}",
        duration=0.25,
        complete=False,
    )
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(parent)
        await tx.runs.add(run)
        await tx.steps.add(step)
        await tx.attempts.add(attempt)
        await tx.jobs.add(job)
        message = await tx.messages.add(message)
    async with store.transaction() as tx:
        assert await tx.projects.get(project.id) == project
        assert await tx.projects.by_workspace(project.workspace) == project
        all_used = _USAGE + job.usage + message.usage
        assert await tx.runs.get(run.id) == replace(run, usage=all_used)
        assert await tx.steps.get(step.id) == replace(step, usage=all_used)
        assert await tx.attempts.latest(step.id) == attempt
        assert await tx.attempts.of_step(step.id) == (attempt,)
        assert await tx.jobs.get(job.id) == job
        assert await tx.jobs.of_run(run.id) == await tx.jobs.of_step(step.id) == (job,)
        assert await tx.messages.get(message.id) == message


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(), max_size=50))
async def test_any_text_can_be_stored(store: Store, text: str) -> None:
    project = make.project(name=text, description=text)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        stored = await tx.projects.get(project.id)
    if any("\ud800" <= character <= "\udfff" for character in text):
        assert "\ufffd" in stored.name
    else:
        assert stored.name == stored.description == text


async def test_save_changes_everything_but_the_state(store: Store) -> None:
    project = make.project()
    run = make.run(project)
    step, job = make.step(run), make.job()
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
        await tx.jobs.add(job)
        await tx.projects.save(replace(project, name="other"))
        await tx.runs.save(replace(run, summary="so far", state=RunState.SUCCESS))
        await tx.steps.save(replace(step, summary="so far", state=StepState.SUCCESS))
        await tx.jobs.save(replace(job, message="so far", state=JobState.FAILED))
        assert (await tx.projects.get(project.id)).name == "other"
        assert await tx.runs.get(run.id) == replace(run, summary="so far")
        assert await tx.steps.get(step.id) == replace(step, summary="so far")
        assert await tx.jobs.get(job.id) == replace(job, message="so far")


async def test_messages_get_their_position_in_the_step(store: Store) -> None:
    project = make.project()
    run = make.run(project)
    one, two = make.step(run, "planner", 0), make.step(run, "builder", 1)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(one)
        await tx.steps.add(two)
        added = [await tx.messages.add(make.message(s)) for s in (one, two, one)]
        assert [m.position for m in added] == [1, 1, 2]
        await tx.messages.save(replace(added[0], content="more", position=77))
        assert [m.content for m in await tx.messages.of_step(one.id)] == ["more", "Hello."]
        assert [m.id for m in await tx.messages.of_run(run.id)] == [m.id for m in added]


async def test_sessions_keep_items_in_order(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.sessions.append("a", [{"n": 1}, {"n": 2, "text": "\ud800"}])
        await tx.sessions.append("b", [{"n": 9}])
        await tx.sessions.append("a", [])
        await tx.sessions.append("a", [{"n": 3}])
        assert [i["n"] for i in await tx.sessions.items("a")] == [1, 2, 3]
        assert [i["n"] for i in await tx.sessions.items("a", 2)] == [2, 3]
        assert await tx.sessions.pop("a") == {"n": 3}
        await tx.sessions.clear("a")
        assert await tx.sessions.pop("a") is None
        assert await tx.sessions.items("b") == [{"n": 9}]


async def test_refs_are_ids_beginnings_and_names(store: Store) -> None:
    first = make.project("demo", id="abc100000000")
    second = make.project("other", id="abc200000000")
    gone = make.project("other", id="zzz300000000", archived_at=MOMENT)
    run = make.run(first, id="run100000000")
    async with store.transaction() as tx:
        for project in (first, second, gone):
            await tx.projects.add(project)
        await tx.runs.add(run)
        assert await tx.projects.find("abc100000000") == first
        assert await tx.projects.find(" ABC2 ") == second
        assert await tx.projects.find("demo") == first
        assert await tx.projects.find("other") == await tx.projects.by_name("other") == second
        assert await tx.runs.find("run") == run
        for ref in ("abc", "a"):
            with pytest.raises(Ambiguous, match="several projects"):
                await tx.projects.find(ref)
        for ref in ("nothing", "%", "abc%", "\ud800", "é", "'; DROP TABLE run; --"):
            with pytest.raises(NotFound):
                await tx.projects.find(ref)
        with pytest.raises(InvalidInput):
            await tx.projects.find("  ")
        with pytest.raises(NotFound, match="no run"):
            await tx.runs.find("xyz")
        with pytest.raises(NotFound):
            await tx.steps.get("xyz")
        assert await tx.projects.by_name("none") is None


async def test_a_workspace_belongs_to_one_project(store: Store) -> None:
    project = make.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
    with pytest.raises(Conflict, match="belongs to demo"):
        async with store.transaction() as tx:
            await tx.projects.add(make.project("second", workspace=project.workspace))
    assert (await store.queries.projects()).total == 1


async def test_what_belongs_to_nothing_is_refused(store: Store) -> None:
    with pytest.raises(Conflict):
        async with store.transaction() as tx:
            await tx.runs.add(make.run("nobody"))


async def test_active_ones_are_found(store: Store) -> None:
    project = make.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
        for state in ("created", "running", "waiting", "retry", "success"):
            run = make.run(project, title=state, state=RunState(state))
            await tx.runs.add(run)
        for name in JobState:
            await tx.jobs.add(make.job(name=name.value, state=name, run_id=run.id))
            await tx.jobs.add(make.job(name=f"no run's {name.value}", state=name))
        active = {run.title for run in await tx.runs.active()}
        jobs = {job.name for job in await tx.jobs.active()}
    assert active == {"running", "waiting", "retry"}
    assert jobs == {"pending", "queued", "in_progress"}


def test_settings_of_a_project_from_before_there_were_more_are_read() -> None:
    old = '{"model":"gpt-5.5","sandbox":null,"mode":"direct"}'
    assert SETTINGS.decode(old) == ProjectSettings("gpt-5.5", mode=Mode.DIRECT)
