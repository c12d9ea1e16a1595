"""Jobs around turns: a real store, a runner that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services import patience
from foredeck.services.codex import failures, turn_usage
from foredeck.services.codex.orders import TurnOrder, TurnReport, TurnResult
from foredeck.services.codex.supervisor import CodexRequest, CodexSupervisor
from foredeck.services.domain.errors import Conflict, NotFound, StepFailed, StorageFull
from foredeck.services.domain.records import (
    ChangeKind,
    FailureClass,
    FileChange,
    Job,
    Project,
    ProjectSettings,
    Sandbox,
    TokenUsage,
)
from foredeck.services.domain.states import JobState
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from tests.support import records

USED = TokenUsage(100, 20, 30, 5)
CHANGES = (FileChange("a.py", ChangeKind.CREATED),)


class FakeRunner:
    """Holds every turn until it is released; `fail` is raised in its place."""

    def __init__(self) -> None:
        self.orders: list[TurnOrder] = []
        self.abandoned: list[tuple[str, str | None, str | None]] = []
        self.release = asyncio.Event()
        self.release.set()
        self.began = asyncio.Semaphore(0)
        self.fail: Exception | None = None
        self.answers_with = ""
        self.on_run: Callable[[TurnOrder], Awaitable[None]] | None = None
        self.most = self._now = 0

    async def run(
        self,
        order: TurnOrder,
        *,
        opened: Callable[[str], Awaitable[None]] | None = None,
        started: Callable[[str, str], Awaitable[None]] | None = None,
        report: TurnReport | None = None,
    ) -> TurnResult:
        assert report is not None
        assert started is not None
        self.orders.append(order)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            if self.on_run:
                await self.on_run(order)
            thread_id = order.thread_id or f"thread-{len(self.orders)}"
            report.thread_id, report.turn_id = thread_id, f"turn-{len(self.orders)}"
            report.model = self.answers_with or report.model
            await started(thread_id, report.turn_id)
            report.usage, report.changes = USED, CHANGES
            report.thread_usage = order.thread_usage + USED
            self.began.release()
            await self.release.wait()
            if self.fail:
                raise self.fail
            report.message = "done"
            return TurnResult(thread_id, report.turn_id, "done")
        finally:
            self._now -= 1

    async def abandon(self, job_id: str, thread_id: str | None, turn_id: str | None) -> None:
        self.abandoned.append((job_id, thread_id, turn_id))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", EventBus())
    yield store
    await store.close()


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
async def supervisor(store: Store, runner: FakeRunner) -> AsyncIterator[CodexSupervisor]:
    supervisor = CodexSupervisor(store, runner, Settings(turn_limit=2, codex_model="from-settings"))
    yield supervisor
    await supervisor.close()


@pytest.fixture
async def project(store: Store) -> Project:
    project = records.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
    return project


@pytest.fixture
def request_(project: Project, writer: OutputWriter) -> CodexRequest:
    return CodexRequest(project, None, None, 1, "build", "Build it", writer)


def elsewhere(request: CodexRequest, workspace: str, **fields: Any) -> CodexRequest:
    return replace(request, project=replace(request.project, workspace=workspace), **fields)


async def stored(store: Store, job_id: str) -> Job:
    async with store.transaction() as tx:
        return await tx.jobs.get(job_id)


async def began(runner: FakeRunner, count: int = 1) -> None:
    for _ in range(count):
        await asyncio.wait_for(runner.began.acquire(), 5)


async def test_a_turn_that_ends_well(
    supervisor: CodexSupervisor, store: Store, request_: CodexRequest
) -> None:
    job = await supervisor.run(request_)
    assert job == await stored(store, job.id)
    assert (job.state, job.exit_code, job.message) == (JobState.COMPLETED, 0, "done")
    assert (job.thread_id, job.turn_id) == ("thread-1", "turn-1")
    assert (job.usage, job.files_changed, job.failure) == (USED, CHANGES, None)
    assert job.queued_at is not None
    assert job.started_at is not None
    assert job.ended_at is not None
    assert job.queued_at <= job.started_at <= job.ended_at
    assert job.output_path == str(request_.output.path)


async def test_tokens_are_stored_while_the_turn_works(
    supervisor: CodexSupervisor,
    store: Store,
    runner: FakeRunner,
    request_: CodexRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turn_usage, "SAVE_SECONDS", 0.01)
    runner.release.clear()
    events = store._bus.subscribe()
    job = await supervisor.start(request_)
    async with asyncio.timeout(5):
        while (now := await stored(store, job.id)).usage != USED:
            await anext(events)
    assert now.state is JobState.IN_PROGRESS
    runner.release.set()
    assert (await supervisor.wait(job.id)).usage == USED


async def test_a_turn_goes_on_though_its_tokens_cannot_be_stored_yet(
    supervisor: CodexSupervisor,
    store: Store,
    runner: FakeRunner,
    request_: CodexRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = asyncio.Event()

    async def fail(*_: Any) -> None:
        tried.set()
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(turn_usage, "SAVE_SECONDS", 0.01)
    monkeypatch.setattr(turn_usage, "_save", fail)
    runner.release.clear()
    job = await supervisor.start(request_)
    await asyncio.wait_for(tried.wait(), 5)
    runner.release.set()
    ended = await supervisor.wait(job.id)
    assert (ended.state, ended.usage) == (JobState.COMPLETED, USED)


@pytest.mark.parametrize(
    ("answered", "stored_model"), [("gpt-answered", "gpt-answered"), ("", "from-settings")]
)
async def test_the_model_is_the_one_that_answers_or_the_one_asked_for(
    supervisor: CodexSupervisor,
    store: Store,
    runner: FakeRunner,
    request_: CodexRequest,
    answered: str,
    stored_model: str,
) -> None:
    runner.answers_with = answered
    runner.release.clear()
    job = await supervisor.start(request_)
    assert job.model == "from-settings"
    await began(runner)
    assert (await stored(store, job.id)).model == stored_model
    runner.release.set()
    assert (await supervisor.wait(job.id)).model == stored_model


async def test_the_job_is_stored_before_the_turn_exists(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, request_: CodexRequest
) -> None:
    seen: list[Job] = []

    async def look(order: TurnOrder) -> None:
        seen.append(await stored(store, order.job_id))

    runner.on_run = look
    runner.release.clear()
    job = await supervisor.start(request_)
    assert job.state is JobState.QUEUED
    await began(runner)
    assert [(found.state, found.turn_id) for found in seen] == [(JobState.IN_PROGRESS, None)]
    assert (await stored(store, job.id)).turn_id == "turn-1"
    runner.release.set()
    assert (await supervisor.wait(job.id)).state is JobState.COMPLETED


@pytest.mark.parametrize(
    ("error", "state", "code", "failure_class"),
    [
        (StepFailed(failures.crashed()), JobState.FAILED, 1, FailureClass.CRASH),
        (StepFailed(failures.timed_out(3)), JobState.TIMEOUT, 124, FailureClass.TIMEOUT),
        (RuntimeError("a bug"), JobState.FAILED, 1, FailureClass.INTERNAL),
    ],
)
async def test_a_turn_that_ends_badly(
    supervisor: CodexSupervisor,
    runner: FakeRunner,
    request_: CodexRequest,
    error: Exception,
    state: JobState,
    code: int,
    failure_class: FailureClass,
) -> None:
    runner.fail = error
    job = await supervisor.run(request_)
    assert (job.state, job.exit_code) == (state, code)
    assert job.failure is not None
    assert job.failure.failure_class is failure_class
    assert (job.usage, job.files_changed) == (USED, CHANGES)


async def test_cancelling_the_caller_cancels_the_job(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    call = asyncio.create_task(supervisor.run(request_))
    await began(runner)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    job = await stored(store, runner.orders[0].job_id)
    assert (job.state, job.exit_code, job.usage) == (JobState.CANCELLED, 130, USED)
    assert supervisor.running_turns == supervisor.queued_turns == 0


async def test_cancel_with_a_reason(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    job = await supervisor.start(request_)
    await began(runner)
    await asyncio.gather(supervisor.cancel(job.id, "not needed"), supervisor.cancel(job.id, "x"))
    assert (await supervisor.wait(job.id)).state is JobState.CANCELLED
    with pytest.raises(Conflict, match="cancelled already"):
        await supervisor.cancel(job.id, "again")
    with pytest.raises(NotFound):
        await supervisor.cancel("nobody", "x")
    with pytest.raises(NotFound):
        await supervisor.wait("nobody")


async def test_cancelled_as_soon_as_it_is_queued(
    supervisor: CodexSupervisor, store: Store, request_: CodexRequest
) -> None:
    job = await supervisor.start(request_)
    await supervisor.cancel(job.id, "at once")
    assert (await stored(store, job.id)).state is JobState.CANCELLED


async def test_the_limit_holds_and_the_rest_waits_in_order(
    supervisor: CodexSupervisor, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    jobs = [await supervisor.start(elsewhere(request_, f"/w{n}")) for n in range(5)]
    await began(runner, 2)
    assert (supervisor.running_turns, supervisor.queued_turns) == (2, 3)
    await supervisor.cancel(jobs[3].id, "out of the queue")
    assert supervisor.queued_turns == 2
    runner.release.set()
    ended = [await supervisor.wait(job.id) for job in jobs]
    assert [job.state for job in ended].count(JobState.COMPLETED) == 4
    assert [order.workspace for order in runner.orders] == ["/w0", "/w1", "/w2", "/w4"]
    assert runner.most == 2


async def test_one_writer_per_workspace_but_readers_beside_it(
    supervisor: CodexSupervisor, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    await supervisor.start(request_)
    second = await supervisor.start(request_)
    reader = await supervisor.start(replace(request_, sandbox=Sandbox.READ_ONLY))
    await began(runner, 2)
    assert [order.sandbox for order in runner.orders] == [
        Sandbox.WORKSPACE_WRITE,
        Sandbox.READ_ONLY,
    ]
    assert supervisor.queued_turns == 1
    runner.release.set()
    await supervisor.wait(second.id)
    await supervisor.wait(reader.id)
    assert len(runner.orders) == 3


async def test_a_project_has_no_more_turns_at_once_than_it_says(
    supervisor: CodexSupervisor, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    wishes = ProjectSettings(concurrency=1)
    project = replace(request_.project, settings=wishes)
    reading = replace(request_, project=project, sandbox=Sandbox.READ_ONLY)
    await supervisor.start(reading)
    await began(runner)
    second = await supervisor.start(reading)
    await supervisor.start(elsewhere(reading, "/elsewhere"))
    await began(runner)
    assert (supervisor.running_turns, supervisor.queued_turns) == (2, 1)
    reading.output.flush()
    assert "as its concurrency (1) allows" in reading.output.path.read_text()
    runner.release.set()
    assert (await supervisor.wait(second.id)).state is JobState.COMPLETED


async def test_what_a_project_puts_around_its_turns_is_in_their_order(
    supervisor: CodexSupervisor, runner: FakeRunner, request_: CodexRequest
) -> None:
    server = McpServer("docs-server", ("-v",))
    wishes = ProjectSettings(environment={"PORT": "80"}, mcp_servers={"docs": server})
    request = replace(request_, project=replace(request_.project, settings=wishes))
    await supervisor.run(request)
    (order,) = runner.orders
    assert (order.environment, order.holds_secrets) == ({"PORT": "80"}, False)
    assert order.config["mcp_servers.docs"]["args"] == ["-v"]
    assert order.config["mcp_servers.docs"]["cwd"] == order.workspace


async def test_the_most_particular_wish_counts(
    supervisor: CodexSupervisor, runner: FakeRunner, request_: CodexRequest
) -> None:
    await supervisor.run(request_)
    wishes = ProjectSettings(model="of-project", sandbox=Sandbox.READ_ONLY)
    of_project = replace(request_, project=replace(request_.project, settings=wishes))
    await supervisor.run(of_project)
    own = replace(of_project, model="own", sandbox=Sandbox.WORKSPACE_WRITE, timeout=7.0)
    job = await supervisor.run(own)
    assert job.timeout == 7.0
    assert [(order.model, order.sandbox.value, order.timeout) for order in runner.orders] == [
        ("from-settings", "workspace-write", 600.0),
        ("of-project", "read-only", 600.0),
        ("own", "workspace-write", 7.0),
    ]


async def test_a_resumed_thread_starts_from_what_it_had_used(
    store: Store, runner: FakeRunner, supervisor: CodexSupervisor, request_: CodexRequest
) -> None:
    run = records.run(request_.project)
    async with store.transaction() as tx:
        await tx.runs.add(run)
    first = await supervisor.run(replace(request_, run_id=run.id))
    again = replace(request_, run_id=run.id, thread_id=first.thread_id)
    await supervisor.run(again)
    fresh = CodexSupervisor(store, runner, Settings())
    await fresh.run(again)
    assert [order.thread_usage for order in runner.orders] == [TokenUsage(), USED, USED + USED]


async def test_status_shows_the_last_lines(
    supervisor: CodexSupervisor, request_: CodexRequest
) -> None:
    request_.output.write("".join(f"line {n}\n" for n in range(100)))
    request_.output.flush()
    job = await supervisor.run(request_)
    status = await supervisor.status(job.id)
    assert status.job.state is JobState.COMPLETED
    assert status.tail.splitlines() == [f"line {n}" for n in range(50, 100)]


async def test_closing_stops_everything(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    jobs = [await supervisor.start(request_) for _ in range(3)]
    await began(runner)
    await supervisor.close()
    states = [(await stored(store, job.id)).state for job in jobs]
    assert states == [JobState.CANCELLED] * 3


async def test_what_an_earlier_host_left_is_lost(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, project: Project
) -> None:
    run = records.run(project.id)
    fields = {"workspace": "/w", "output_path": "/o", "prompt": "p", "name": "n",
              "created_at": records.MOMENT, "updated_at": records.MOMENT}  # fmt: skip
    queued = Job(id="queued", state=JobState.QUEUED, run_id=run.id, **fields)  # type: ignore[arg-type]
    async with store.transaction() as tx:
        await tx.runs.add(run)
        await tx.jobs.add(queued)
        await tx.jobs.add(replace(queued, id="worked", thread_id="thread", turn_id="turn"))
        await tx.move_job("worked", JobState.IN_PROGRESS)
    await supervisor.abandon(run.id)
    assert runner.abandoned == [("worked", "thread", "turn")]
    for job_id in ("queued", "worked"):
        job = await stored(store, job_id)
        assert job.state is JobState.LOST
        assert job.failure is not None
        assert job.ended_at is not None


async def left_by_another(
    supervisor: CodexSupervisor, store: Store, request: CodexRequest
) -> CodexRequest:
    """Store a job at work, as an earlier host leaves it, and return what asks for it again."""
    run = records.run(request.project)
    step = records.step(run)
    asked = replace(request, run_id=run.id, step_id=step.id, key="direct-1")
    left = supervisor._new_job(asked)
    async with store.transaction() as tx:
        await tx.runs.add(run)
        await tx.steps.add(step)
        await tx.jobs.add(replace(left, thread_id="thread", turn_id="turn"))
        await tx.move_job(left.id, JobState.IN_PROGRESS)
    return asked


async def test_a_left_turn_that_is_stopped_before_it_was_taken_up_is_ended(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    await supervisor.start(request_)
    await began(runner)  # it has the workspace
    job = await supervisor.start(await left_by_another(supervisor, store, request_))
    assert supervisor.queued_turns == 1
    await supervisor.cancel(job.id, "changed my mind")
    assert runner.abandoned == [(job.id, "thread", "turn")]
    assert (await stored(store, job.id)).state is JobState.CANCELLED
    assert len(runner.orders) == 1


async def test_a_left_turn_that_was_taken_up_is_stopped_once(
    supervisor: CodexSupervisor, store: Store, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    asked = await left_by_another(supervisor, store, request_)
    job = await supervisor.start(asked)
    await began(runner)
    await supervisor.cancel(job.id, "changed my mind")
    assert runner.abandoned == []
    assert (await stored(store, job.id)).state is JobState.CANCELLED


async def test_a_full_disk_at_the_end_is_waited_out(
    supervisor: CodexSupervisor,
    store: Store,
    request_: CodexRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0)
    end, refused = supervisor._records._end, 0

    async def full_at_first(*arguments: Any) -> Job:
        nonlocal refused
        if refused < 3:
            refused += 1
            raise StorageFull("The disk is full.")
        return await end(*arguments)

    monkeypatch.setattr(supervisor._records, "_end", full_at_first)
    job = await supervisor.run(request_)
    assert refused == 3
    assert (await stored(store, job.id)).state is JobState.COMPLETED


@pytest.mark.parametrize("waits", [True, False])
async def test_a_job_whose_asker_is_cancelled_while_it_is_stored_does_not_run(
    supervisor: CodexSupervisor,
    store: Store,
    runner: FakeRunner,
    request_: CodexRequest,
    *,
    waits: bool,
) -> None:
    runner.release.clear()
    ask = supervisor.run if waits else supervisor.start
    async with store.transaction():  # so that the job cannot be stored yet
        asking = asyncio.create_task(ask(request_))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asking, 5)
    assert (supervisor.running_turns, supervisor.queued_turns) == (0, 0)
    async with store.transaction() as tx:
        assert await tx.jobs.active() == ()


async def test_a_disk_that_is_full_when_a_turn_begins_is_no_fault_of_ours(
    supervisor: CodexSupervisor,
    store: Store,
    request_: CodexRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(_job: Job) -> None:
        raise StorageFull("The disk is full.", "Free some space.")

    monkeypatch.setattr(supervisor._records, "begin", full)
    job = await supervisor.run(request_)
    assert job.failure
    assert job.failure.failure_class is FailureClass.DISK
    assert job.failure.detail == ""


async def test_a_turn_that_has_to_wait_says_for_what(
    supervisor: CodexSupervisor, runner: FakeRunner, request_: CodexRequest
) -> None:
    runner.release.clear()
    jobs = [await supervisor.start(request_)]
    await began(runner)
    assert shown(request_) == ""
    jobs.append(await supervisor.start(request_))
    assert "another codex turn writes in this workspace" in shown(request_)
    jobs.append(await supervisor.start(elsewhere(request_, "/tmp/2")))
    await began(runner)
    jobs.append(await supervisor.start(elsewhere(request_, "/tmp/3")))
    assert "2 codex turns run already, as many as turn_limit allows" in shown(request_)
    runner.release.set()
    assert {(await supervisor.wait(job.id)).state for job in jobs} == {JobState.COMPLETED}


def shown(request: CodexRequest) -> str:
    request.output.flush()
    return request.output.path.read_text()
