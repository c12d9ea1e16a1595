"""Talking with an agent: the real codex and the real SDK, with a scripted model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from foredeck.services.domain.chat import ChatState, ConversationDetail
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound
from foredeck.services.domain.records import Mode, Role
from foredeck.services.host.commands import CreateRun, SendChat, StopChat
from foredeck.services.host.queries import GetConversation, GetProject, ListConversations
from foredeck.services.jobs.processes import find_marked
from foredeck.services.rehearsal.exchange import Action, Call, ModelRequest, Pause, Say
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.house import PATIENCE, House, OpenHouse, until

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


class Talker:
    """Answers each question as the test says; `requests` are what the model was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[ModelRequest], Sequence[Action]]] = {}
        self.requests: list[ModelRequest] = []

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        self.requests.append(request)
        for question, answer in self.answers.items():
            if request.last_user_text.rstrip().endswith(question):
                return answer(request)
        return [Say("I do not know.")]


def say(text: str) -> Callable[[ModelRequest], Sequence[Action]]:
    return lambda _request: [Say(text)]


def look_first(request: ModelRequest) -> Sequence[Action]:
    """Look into a file, then say what it says."""
    outputs = request.turn_outputs if request.from_codex else request.tool_outputs
    if outputs:
        return [Say("It says hello.")]
    if request.from_codex:
        return [Call("exec_command", {"cmd": "cat notes.txt", "yield_time_ms": 10_000})]
    return [Call("read_file", {"path": "notes.txt", "offset": None})]


def hang(_request: ModelRequest) -> Sequence[Action]:
    return [Say("It begins"), Pause(PATIENCE)]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def talker() -> Talker:
    return Talker()


@pytest.fixture
def house(tmp_path: Path, talker: Talker) -> Iterator[House]:
    with ModelServer(talker, pace=0) as server:
        yield House(tmp_path, server.base_url)


async def settled(home: OpenHouse, ref: str) -> ConversationDetail:
    async with asyncio.timeout(PATIENCE):
        while (detail := await home.host.ask(GetConversation(ref))).answering:
            await asyncio.sleep(0.02)
    return detail


def said(detail: ConversationDetail) -> list[tuple[Role, str]]:
    return [(entry.role, entry.content) for entry in detail.entries]


@BOTH
async def test_a_conversation_about_a_project(house: House, talker: Talker, mode: Mode) -> None:
    talker.answers |= {"What is in it?": look_first, "And then?": say("Nothing more.")}
    workspace = house.base / "workspace"
    workspace.mkdir()
    (workspace / "notes.txt").write_text("hello\n")
    async with house.open(mode=mode) as home:
        project = await home.project("shop", workspace)
        row = await home.host.do(SendChat("planner", "What is in it?", project=project.id))
        assert (row.agent, row.mode, row.title, row.last) == (
            "planner",
            mode,
            "What is in it?",
            ChatState.GROWING,
        )
        first = await settled(home, row.id)
        question, look, answer = first.entries
        assert (question.role, question.content) == (Role.USER, "What is in it?")
        assert (look.role, look.complete) == (Role.TOOL, True)
        assert (answer.role, answer.content.strip()) == (Role.ASSISTANT, "It says hello.")
        assert "Planner" in talker.requests[0].instructions + talker.requests[0].prompt
        await home.host.do(SendChat(text="And then?", conversation=row.id[:8]))
        second = await settled(home, row.id)
        assert second.entries[-1].content.strip() == "Nothing more."
        heard = "\n".join(talker.requests[-1].user_texts)
        assert "What is in it?" in heard
        assert "And then?" in heard
        used = second.row.usage
        assert used.total > first.row.usage.total > 0
        assert (await home.host.ask(GetProject(project.id))).usage == used
        total = await home.services.store.queries.tokens_total()
        assert total == used
        assert sum(entry.usage.total for entry in second.entries) == used.total
        page = await home.host.ask(ListConversations(project=project.id))
        assert [item.id for item in page.items] == [row.id]
        assert (page.items[0].messages, page.items[0].last) == (5, ChatState.COMPLETE)


@BOTH
async def test_it_goes_on_after_a_restart(house: House, talker: Talker, mode: Mode) -> None:
    talker.answers |= {"The word is lemon.": say("Understood."), "The word?": say("Lemon.")}
    async with house.open(mode=mode) as home:
        project = await home.project("shop")
        row = await home.host.do(SendChat("qa_qc", "The word is lemon.", project=project.id))
        await settled(home, row.id)
    async with house.open(mode=mode) as home:
        await home.host.do(SendChat(text="The word?", conversation=row.id))
        detail = await settled(home, row.id)
    assert detail.entries[-1].content.strip() == "Lemon."
    heard = talker.requests[-1]
    assert any("The word is lemon." in text for text in heard.user_texts)


@BOTH
async def test_an_answer_appears_while_it_is_produced_and_can_be_stopped(
    house: House, talker: Talker, mode: Mode
) -> None:
    talker.answers |= {"Go on": hang}
    async with house.open(mode=mode) as home:
        project = await home.project("shop")
        row = await home.host.do(SendChat("builder", "Go on", project=project.id))
        async with asyncio.timeout(PATIENCE):
            while True:
                detail = await home.host.ask(GetConversation(row.id))
                if detail.entries[-1].content.startswith("It begins"):
                    break
                await asyncio.sleep(0.02)
        assert detail.answering
        with pytest.raises(Conflict, match="not finished"):
            await home.host.do(SendChat(text="More", conversation=row.id))
        stopped = await home.host.do(StopChat(row.id))
        assert stopped.last is ChatState.CUT_OFF
        cut = await home.host.ask(GetConversation(row.id))
        assert all(entry.complete for entry in cut.entries)
        assert "cut off: it was stopped" in cut.entries[-1].content
        with pytest.raises(Conflict, match="nothing to stop"):
            await home.host.do(StopChat(row.id))
        talker.answers["Go on"] = say("All of it.")
        await home.host.do(SendChat(conversation=row.id, again=True))
        whole = await settled(home, row.id)
        assert whole.entries[-1].content.strip() == "All of it."
        assert [entry.role for entry in whole.entries].count(Role.USER) == 1
        with pytest.raises(Conflict, match="nothing to send again"):
            await home.host.do(SendChat(conversation=row.id, again=True))


async def test_about_a_run_the_agent_knows_where_it_stands(house: House, talker: Talker) -> None:
    def look(request: ModelRequest) -> Sequence[Action]:
        if request.tool_outputs:
            return [Say("It has not begun.")]
        return [Call("get_run_status", {})]

    talker.answers |= {"How is it?": look}
    async with house.open(mode=Mode.AGENT) as home:
        project = await home.project("shop")
        run = await home.host.do(CreateRun(project.id, "Build a lemon press", start=False))
        row = await home.host.do(SendChat("planner", "How is it?", run=run.id[:8]))
        assert (row.run_id, row.project_id) == (run.id, project.id)
        detail = await settled(home, row.id)
    assert detail.entries[-1].content == "It has not begun."
    assert '"state": "created"' in detail.entries[1].content
    assert "Build a lemon press" in talker.requests[0].instructions
    assert "- planner: pending" in talker.requests[0].instructions


async def test_a_thread_that_codex_forgot_begins_anew_and_says_so(
    house: House, talker: Talker
) -> None:
    talker.answers |= {"One": say("First."), "Two": say("Second.")}
    async with house.open(mode=Mode.DIRECT) as home:
        project = await home.project("shop")
        row = await home.host.do(SendChat("planner", "One", project=project.id))
        await settled(home, row.id)
    for path in (house.base / "codex-home" / "sessions").rglob("*.jsonl"):
        path.unlink()
    async with house.open(mode=Mode.DIRECT) as home:
        await home.host.do(SendChat(text="Two", conversation=row.id))
        detail = await settled(home, row.id)
        assert detail.row.last is ChatState.FAILED
        assert "record of this conversation is gone" in detail.entries[-1].content
        await home.host.do(SendChat(conversation=row.id, again=True))
        detail = await settled(home, row.id)
    assert detail.entries[-1].content.strip() == "Second."
    assert "The person: One\n\nYou: First." in talker.requests[-1].prompt


async def test_a_host_that_died_leaves_an_answer_that_is_marked_and_nothing_running(
    house: House, talker: Talker
) -> None:
    mark_seen: list[str] = []

    def work(request: ModelRequest) -> Sequence[Action]:
        if request.turn_outputs:
            return [Say("Done.")]
        return [Call("exec_command", {"cmd": "sleep 300", "yield_time_ms": 30_000})]

    talker.answers |= {"Work": work}
    async with house.open(mode=Mode.DIRECT) as home:
        project = await home.project("shop")
        row = await home.host.do(SendChat("builder", "Work", project=project.id))
        async with asyncio.timeout(PATIENCE):
            while not (await home.host.ask(GetConversation(row.id))).entries[1:]:
                await asyncio.sleep(0.02)
        async with home.services.store.transaction() as tx:
            (question, *_) = await tx.chat_messages.of_conversation(row.id)
        mark_seen.append(question.id)
        await until(lambda: bool(find_marked(question.id)), "the command runs")
        # What a kill -9 leaves: everything as it is stored now.
        saved = {
            path: path.read_bytes()
            for path in house.settings.data_dir.iterdir()
            if path.name.startswith("foredeck.db")
        }
        begun = time.monotonic()
        await home.host.do(StopChat(row.id))
        assert time.monotonic() - begun < 30
        assert find_marked(question.id) == []
    for path in house.settings.data_dir.glob("foredeck.db*"):
        path.unlink()
    for path, data in saved.items():
        if not path.name.endswith("-shm"):
            path.write_bytes(data)
    async with house.open(mode=Mode.DIRECT) as home:
        detail = await home.host.ask(GetConversation(row.id))
        assert detail.row.last is ChatState.CUT_OFF
        assert "Foredeck ended meanwhile" in detail.entries[-1].content
        talker.answers["Work"] = say("Better now.")
        await home.host.do(SendChat(conversation=row.id, again=True))
        assert (await settled(home, row.id)).entries[-1].content.strip() == "Better now."


@pytest.mark.parametrize(
    ("command", "kind", "words"),
    [
        (SendChat("planner", " ", project="shop"), InvalidInput, "empty"),
        (SendChat("planner", "x" * 100_001, project="shop"), InvalidInput, "100,000"),
        (SendChat("boss", "Hello", project="shop"), NotFound, "no agent with the role 'boss'"),
        (SendChat("planner", "Hello"), InvalidInput, "Name a project or a run"),
        (SendChat("planner", "Hello", project="nothing"), NotFound, "nothing"),
        (SendChat(text="Hello", conversation="zzzz"), NotFound, "no conversation 'zzzz'"),
        (SendChat("planner", project="shop", again=True), InvalidInput, "Which conversation"),
    ],
)
async def test_what_cannot_be_asked(
    house: House, command: SendChat, kind: type[Exception], words: str
) -> None:
    async with house.open() as home:
        await home.project("shop")
        with pytest.raises(kind, match=words):
            await home.host.do(command)
        assert (await home.host.ask(ListConversations())).total == 0
