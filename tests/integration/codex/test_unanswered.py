"""What the real codex asks outlives the client that was asked, and is asked only once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from foredeck.services.codex.client import CodexClient, ThreadEvents
from foredeck.services.codex.protocol import TurnCompleted
from foredeck.services.codex.server import AppServer
from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.questions import Leave, Question
from foredeck.services.domain.records import Job
from foredeck.services.domain.states import JobState, QuestionState
from foredeck.services.event_bus import EventBus
from foredeck.services.questions.approvals import JobApprover
from foredeck.services.questions.service import QuestionService, Reply
from foredeck.services.rehearsal.model_server import (
    Action,
    Call,
    ModelRequest,
    ModelServer,
    Say,
    write_codex_config,
)
from foredeck.services.settings import Settings
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store

pytestmark = pytest.mark.codex

PATIENCE = 30.0


class Script:
    """Asks for leave once, then ends."""

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if request.turn_outputs:
            return [Say("done")]
        arguments = {
            "cmd": "touch done",
            "yield_time_ms": 30_000,
            "sandbox_permissions": "require_escalated",
            "justification": "to be done",
        }
        return [Call("exec_command", arguments)]


@dataclass
class Bench:
    """A real app-server, a store, and a job on whose behalf codex asks."""

    workspace: Path
    socket: Path
    store: Store
    questions: QuestionService
    job: Job

    @property
    def approver(self) -> JobApprover:
        return JobApprover(self.questions, self.job, lambda: True, deny=False)

    async def client(self) -> CodexClient:
        return await CodexClient.open(self.socket)

    async def begin(self, client: CodexClient) -> tuple[str, str, ThreadEvents]:
        params = {
            "cwd": str(self.workspace),
            "sandbox": "workspace-write",
            "approvalPolicy": "on-request",
        }
        thread_id = (await client.call("thread/start", params))["thread"]["id"]
        events = client.thread_events(thread_id, self.approver)
        text = [{"type": "text", "text": "Do it."}]
        answer = await client.call("turn/start", {"threadId": thread_id, "input": text})
        return thread_id, answer["turn"]["id"], events

    async def resume(self, client: CodexClient, thread_id: str) -> ThreadEvents:
        events = client.thread_events(thread_id, self.approver)
        await client.call("thread/resume", {"threadId": thread_id, "excludeTurns": True})
        return events

    async def asked(self) -> Question:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.store.transaction() as tx:
                    if found := await tx.questions.all_open():
                        return found[0]
                await asyncio.sleep(0.02)

    async def all_questions(self) -> list[QuestionState]:
        async with self.store.transaction() as tx:
            rows = await tx._unit.link.rows("SELECT state FROM question ORDER BY asked_at")
        return [QuestionState(row[0]) for row in rows]


@asynccontextmanager
async def bench(directory: Path) -> AsyncIterator[Bench]:
    workspace = directory / "workspace"
    workspace.mkdir()
    with ModelServer(Script(), pace=0) as model:
        write_codex_config(directory / "home", model.base_url)
        settings = Settings(data_dir=directory / "data", codex_home=directory / "home", grace=0.5)
        server = AppServer(settings)
        bus = EventBus()
        store = await Store.open(directory / "data", bus)
        job = Job(
            id=new_id(),
            name="a job",
            state=JobState.QUEUED,
            prompt="Do it.",
            workspace=str(workspace),
            output_path=str(directory / "log"),
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        async with store.transaction() as tx:
            await tx.jobs.add(job)
        try:
            socket = await server.ensure()
            yield Bench(workspace, socket, store, QuestionService(store, bus, StageClock()), job)
        finally:
            await server.stop()
            await server.close()
            await store.close()


async def ended(events: ThreadEvents) -> str:
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, TurnCompleted):
                return event.status
    raise AssertionError("the turn did not end")


async def test_asked_again_by_codex_it_is_the_same_question(tmp_path: Path) -> None:
    async with bench(tmp_path) as home:
        first = await home.client()
        thread_id, _turn, _events = await home.begin(first)
        question = await home.asked()
        await first.close()
        assert (await home.asked()).id == question.id

        second = await home.client()
        events = await home.resume(second, thread_id)
        await home.questions.answer(Reply(question=question.id, answer=Leave.ONCE))
        assert await ended(events) == "completed"
        assert (home.workspace / "done").exists()
        assert await home.all_questions() == [QuestionState.ANSWERED]
        await second.close()


async def test_answered_while_no_client_was_there(tmp_path: Path) -> None:
    async with bench(tmp_path) as home:
        first = await home.client()
        thread_id, _turn, _events = await home.begin(first)
        question = await home.asked()
        await first.close()
        await home.questions.answer(Reply(question=question.id, answer=Leave.DENY))

        second = await home.client()
        assert await ended(await home.resume(second, thread_id)) == "completed"
        assert not (home.workspace / "done").exists()
        assert await home.all_questions() == [QuestionState.ANSWERED]
        await second.close()


async def test_two_clients_ask_one_question(tmp_path: Path) -> None:
    async with bench(tmp_path) as home:
        first, second = await home.client(), await home.client()
        thread_id, _turn, events = await home.begin(first)
        question = await home.asked()
        others = await home.resume(second, thread_id)
        await home.questions.answer(Reply(question=question.id, answer=Leave.ONCE))
        assert await ended(events) == await ended(others) == "completed"
        assert await home.all_questions() == [QuestionState.ANSWERED]
        await first.close()
        await second.close()


async def test_what_codex_resolves_by_itself_is_withdrawn(tmp_path: Path) -> None:
    async with bench(tmp_path) as home:
        client = await home.client()
        thread_id, turn_id, events = await home.begin(client)
        await home.asked()
        await client.call("turn/interrupt", {"threadId": thread_id, "turnId": turn_id})
        assert await ended(events) == "interrupted"
        async with asyncio.timeout(PATIENCE):
            while await home.all_questions() != [QuestionState.WITHDRAWN]:
                await asyncio.sleep(0.02)
        await client.close()
