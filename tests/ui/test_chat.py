"""The talk with an agent on screen: typed, answered live, stopped, sent again, harmless."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from foredeck.app.screens.chat import ChatScreen
from foredeck.app.screens.modals.help import HelpDialog
from foredeck.services.domain.chat import ChatState
from foredeck.services.domain.errors import Conflict
from foredeck.services.host.commands import SendChat, StopChat
from foredeck.services.host.queries import GetConversation
from tests.support import fake_host
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.ui.widget_app import screen_text


async def open_chat(pilot: Pilot[int]) -> ChatScreen:
    await pilot.press("C")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ChatScreen)
    await until(pilot, lambda: "Loading" not in screen.query_one(Input).placeholder)
    return screen


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)])
async def test_a_question_and_its_answer_while_it_comes(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host, size) as pilot:
        screen = await open_chat(pilot)
        assert shows(pilot, "Nothing has been said to Planner yet.")
        assert shows(pilot, "Chat · Planner · ")
        await pilot.press(*"why?", "enter")
        await until(pilot, lambda: shows(pilot, "why?"))
        assert host.done == [SendChat("planner", "why?", "p1", "run1")]
        assert screen.query_one(Input).value == ""
        assert screen.query_one(Input).placeholder.startswith("Planner is answering")
        host.answer("c1", "Because of", ChatState.GROWING)
        await until(pilot, lambda: shows(pilot, "Because of"))
        host.answer("c1", "Because of the tests.\x1b]52;c;eA==\x07 [/]")
        await until(pilot, lambda: shows(pilot, "Because of the tests."))
        await until(pilot, lambda: "listens" in screen.query_one(Input).placeholder)
        await pilot.press(*"more", "enter")
        await until(pilot, lambda: len(host.done) == 2)
        assert host.done[1] == SendChat("planner", "more", "p1", "run1", "c1")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


async def test_each_agent_has_its_own_talk_and_the_latest_one_is_gone_on_with(
    tmp_path: Path,
) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await open_chat(pilot)
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: "c1" in host.conversations)
        host.answer("c1", "first answer")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: shows(pilot, "said to Builder yet"))
        await pilot.press(*"two", "enter")
        await until(pilot, lambda: "c2" in host.conversations)
        assert host.conversations["c2"].row.agent == "builder"
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
        await open_chat(pilot)
        await until(pilot, lambda: shows(pilot, "first answer"))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: shows(pilot, "said to Planner yet"))
        await pilot.press(*"new", "enter")
        await until(pilot, lambda: "c3" in host.conversations)
        host.answer("c3", "another answer")
        await until(pilot, lambda: shows(pilot, "another answer"))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: shows(pilot, "first answer"))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: any("no older" in text for text in messages(pilot)))


async def test_an_answer_is_stopped_and_the_message_sent_again(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        screen = await open_chat(pilot)
        await pilot.press("ctrl+g", "ctrl+y", "enter")
        assert host.done == []
        await pilot.press(*"go", "enter")
        await until(pilot, lambda: screen.check_action("stop", ()) is True)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: host.done[1:] == [StopChat("c1")])
        await until(pilot, lambda: screen.check_action("again", ()) is True)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: len(host.done) == 3)
        assert host.done[2] == SendChat("planner", "", "p1", "run1", "c1", again=True)


async def test_what_was_typed_is_kept_when_it_cannot_be_sent(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.errors[SendChat] = Conflict("The agent has not finished its answer yet.")
    async with dashboard(host) as pilot:
        screen = await open_chat(pilot)
        await pilot.press(*"keep", "enter")
        await until(pilot, lambda: any("not finished" in text for text in messages(pilot)))
        assert screen.query_one(Input).value == "keep"
        del host.errors[SendChat]
        await pilot.press("enter")
        await until(pilot, lambda: screen.query_one(Input).value == "")


async def test_a_talk_that_cannot_be_read_says_so_and_reads_again(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await open_chat(pilot)
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: "c1" in host.conversations)
        host.errors[GetConversation] = Conflict("The data is busy.")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: shows(pilot, "The data is busy."))
        del host.errors[GetConversation]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not shows(pilot, "The data is busy."))


async def test_about_a_project_without_a_run_and_with_nothing_at_all(tmp_path: Path) -> None:
    host = fake_host.empty()
    async with dashboard(host) as pilot:
        await pilot.press("C")
        await until(pilot, lambda: any("Select a project" in text for text in messages(pilot)))
    host = fake_host.empty()
    host.projects.append(fake_host.project_row())
    async with dashboard(host) as pilot:
        workbench_of(pilot).desk.selection.choose_project("p1")
        await open_chat(pilot)
        assert shows(pilot, "Chat · Planner · shortener")
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: bool(host.done))
        assert host.done == [SendChat("planner", "hi", "p1", None)]


async def test_help_lists_the_keys(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await open_chat(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        assert shows(pilot, "Talk with the next agent")
