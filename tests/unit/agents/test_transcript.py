import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.domain.events import MessageSaved
from foredeck.services.domain.records import Role, TokenUsage
from tests.support.agent_stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as stage:
        yield stage


async def test_an_answer_is_stored_while_it_grows(stage: Stage) -> None:
    events = stage.bus.subscribe()
    transcript = stage.transcript()
    await transcript.begin_answer("gpt-5.5")
    await transcript.grow("Hello ")
    await transcript.grow("there")
    async with asyncio.timeout(5):
        saved = [await anext(events) for _ in range(2)]
    assert all(isinstance(event, MessageSaved) for event in saved)
    [message] = await stage.messages()
    assert (message.content, message.complete) == ("Hello there", False)
    assert "Hello there" in stage.shown()
    await transcript.finish_answer("Hello there.")
    [message] = await stage.messages()
    assert (message.content, message.complete) == ("Hello there.", True)
    assert (message.role, message.model) == (Role.ASSISTANT, "gpt-5.5")
    assert stage.shown() == "Hello there.\n"


async def test_saves_are_few_however_many_deltas_there_are(stage: Stage) -> None:
    transcript = stage.transcript()
    before = stage.bus.seq
    await transcript.begin_answer("m")
    for _ in range(2_000):
        await transcript.grow("word ")
    await transcript.finish_answer()
    assert stage.bus.seq - before < 20
    [message] = await stage.messages()
    assert message.content == "word " * 2_000


async def test_a_tool_call_is_stored_before_its_effect_and_after_its_end(stage: Stage) -> None:
    transcript = stage.transcript()
    call = await transcript.begin_tool("run_codex", '{"prompt": "Do\\nit", "wait": true}', "call-1")
    [message] = await stage.messages()
    assert (message.tool, message.call_id, message.complete) == ("run_codex", "call-1", False)
    await transcript.end_tool(call, '{"success": true}')
    [message] = await stage.messages()
    assert (message.role, message.content, message.complete) == (
        Role.TOOL,
        '{"success": true}',
        True,
    )
    assert message.duration is not None
    assert stage.shown() == '→ run_codex("Do\\nit")\n'
    segments = stage.task.output.path.with_name("builder.1.log.seg").read_text()
    assert json.loads(segments.splitlines()[0])["kind"] == "tool"


async def test_a_failed_call_shows_its_error(stage: Stage) -> None:
    transcript = stage.transcript()
    call = await transcript.begin_tool("read_file", '{"path": "a", "offset": 5}', "c")
    await transcript.end_tool(call, '{"success": false, "error": "It is not there."}')
    assert stage.shown() == '→ read_file(path="a", offset=5)\n✗ It is not there.\n'


async def test_tokens_are_counted_once_wherever_they_land(stage: Stage) -> None:
    transcript = stage.transcript()
    await transcript.say(Role.USER, "go")
    await transcript.use(TokenUsage(input=10, output=1), "m")  # an answer of calls alone
    call = await transcript.begin_tool("list_files", "{}", "c")
    await transcript.end_tool(call, "{}")
    await transcript.begin_answer("m")
    await transcript.grow("Done")
    await transcript.finish_answer()
    await transcript.use(TokenUsage(input=20, output=2), "m")
    await transcript.use(TokenUsage(input=40, output=4), "m")  # nothing follows it
    await transcript.close()
    counted = [(message.usage.input, message.model) for message in await stage.messages()]
    assert counted == [(0, ""), (10, "m"), (60, "m")]
    assert transcript.usage == TokenUsage(input=70, output=7)


async def test_closing_completes_what_was_cut_off(stage: Stage) -> None:
    transcript = stage.transcript()
    await transcript.begin_tool("run_codex", '{"prompt": "go"}', "c")
    await transcript.begin_answer("m")
    await transcript.grow("I was about to")
    await transcript.close()
    tool, answer = await stage.messages()
    assert tool.complete
    assert json.loads(tool.content)["success"] is False
    assert (answer.content, answer.complete) == ("I was about to", True)


async def test_words_of_others_in_between_begin_a_new_part(stage: Stage) -> None:
    transcript = stage.transcript()
    await transcript.begin_answer("m")
    await transcript.grow("one")
    stage.task.output.write("\nfrom codex\n")
    await transcript.grow("two")
    await transcript.close()
    assert stage.shown() == "one\nfrom codex\ntwo\n"
    kinds = stage.task.output.path.with_name("builder.1.log.seg").read_text().splitlines()
    assert len(kinds) == 2
