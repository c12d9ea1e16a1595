"""The dialogs: nothing happens without a yes, nothing typed is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, TextArea

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connection
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.new_run import NEW_PROJECT, Draft, NewRunDialog, check
from foredeck.app.screens.modals.quit import QuitDialog
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import CancelRun, CreateProject, CreateRun, RetryRun
from tests.support import fake_host
from tests.support.dashboard import dashboard, settled, until, workbench_of


def body(pilot: Pilot[int]) -> str:
    return "\n".join(str(line.render()) for line in pilot.app.screen.query(Static))


async def open_dialog(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


def test_the_first_mistake_of_a_new_run_is_named() -> None:
    assert check(Draft(NEW_PROJECT)) == ("name", "Give the new project a name.")
    assert check(Draft("p1", request=" \n")) is not None
    assert check(Draft("p1", request="Build it")) is None
    assert check(Draft(NEW_PROJECT, name="x", request="Build it")) is None


async def test_a_run_in_a_new_project() -> None:
    host = fake_host.empty()
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "n", NewRunDialog)
        await pilot.press(*"notes", "tab", *"/srv/notes", "tab")
        await pilot.press(*"line", "enter", *"two", "ctrl+s")
        await back(pilot)
        assert host.done == [
            CreateProject("notes", "/srv/notes"),
            CreateRun("p1", "line\ntwo", mode=Mode.AUTO),
        ]
        await until(pilot, lambda: workbench_of(pilot).desk.view.detail is not None)
        assert workbench_of(pilot).desk.selection.run_id == "run1"


async def test_a_run_in_the_project_under_the_cursor_in_another_mode(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "n", NewRunDialog)
        assert pilot.app.screen.query_one("#project", Select).value == "p1"
        pilot.app.screen.query_one("#mode", Select).value = Mode.DIRECT
        await pilot.press(*"more", "ctrl+s")
        await back(pilot)
        assert host.done == [CreateRun("p1", "more", mode=Mode.DIRECT)]


async def test_what_is_missing_is_said_in_the_dialog() -> None:
    host = fake_host.empty()
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "n", NewRunDialog)
        await pilot.press("ctrl+s")
        assert "Give the new project a name." in body(pilot)
        await pilot.press(*"notes", "ctrl+s")
        assert "Write what is to be built" in body(pilot)
        assert pilot.app.screen.focused is pilot.app.screen.query_one(TextArea)
        assert host.done == []


async def test_an_error_of_the_host_loses_nothing_and_makes_no_project_twice() -> None:
    host = fake_host.empty()
    host.errors[CreateRun] = InvalidInput("The workspace is gone.", "Choose another.")
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "n", NewRunDialog)
        await pilot.press(*"notes", "tab", "tab", *"Build", "ctrl+s")
        await until(pilot, lambda: "The workspace is gone. Choose another." in body(pilot))
        screen = pilot.app.screen
        assert screen.query_one(TextArea).text == "Build"
        host.errors.clear()
        await until(pilot, lambda: not screen.query_one(TextArea).disabled)
        await until(pilot, lambda: screen.focused is screen.query_one(TextArea))
        await pilot.press("ctrl+s")
        await back(pilot)
        assert [type(command) for command in host.done] == [CreateProject, CreateRun, CreateRun]


async def test_letters_typed_just_before_ctrl_s_are_not_lost() -> None:
    host = fake_host.empty()
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "n", NewRunDialog)
        await pilot.press(*"notes", "tab", "tab")
        # As a terminal hands on what is typed fast or pasted: all at once.
        for character in "Buildathing":
            pilot.app.simulate_key(character)
        pilot.app.simulate_key("ctrl+s")
        await back(pilot)
        assert host.done[-1] == CreateRun("p1", "Buildathing", mode=Mode.AUTO)


async def test_escape_keeps_what_was_typed_for_the_next_time() -> None:
    host = fake_host.empty()
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "n", NewRunDialog)
        await pilot.press(*"notes", "tab", "tab", *"Build a thing", "escape")
        await back(pilot)
        await open_dialog(pilot, "n", NewRunDialog)
        assert pilot.app.screen.query_one("#name", Input).value == "notes"
        assert pilot.app.screen.query_one(TextArea).text == "Build a thing"
        assert host.done == []


async def test_cancel_says_what_stops_and_needs_a_yes(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "c", ConfirmDialog)
        assert "Builder: its codex turn and every process of it end." in body(pilot)
        await pilot.press("enter")
        await back(pilot)
        assert host.done == []
        await open_dialog(pilot, "c", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: host.done == [CancelRun("run1")])
        await until(pilot, lambda: _state(pilot) is RunState.CANCELLED)


async def test_retry_says_what_repeats_and_what_stays(tmp_path: Path) -> None:
    host = fake_host.failed(tmp_path)
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "r", ConfirmDialog)
        assert "Repeats: QA/QC." in body(pilot)
        assert "Keeps: Planner, Builder." in body(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: host.done == [RetryRun("run1")])
        await until(pilot, lambda: _state(pilot) is RunState.RUNNING)


def _state(pilot: Pilot[int]) -> RunState | None:
    detail = workbench_of(pilot).desk.view.detail
    return detail.run.state if detail else None


async def test_quitting_names_the_runs_that_stop(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "q", QuitDialog)
        assert "Build a URL shortener" in body(pilot)
        await pilot.press("escape")
        await back(pilot)
        assert pilot.app.is_running
        await open_dialog(pilot, "q", QuitDialog)
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.return_code == 0)
    assert host.closed


async def test_what_works_can_be_left_to_the_background(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    left: list[bool] = []

    async def connect() -> Connection:
        return replace(await host.connect(), let_work_on=lambda: left.append(True))

    async with dashboard(host, connect=connect) as pilot:
        await until(pilot, lambda: bool(workbench_of(pilot).working()))
        await open_dialog(pilot, "q", QuitDialog)
        assert "Let it work on" in body(pilot)
        await pilot.press("b")
        await until(pilot, lambda: pilot.app.return_code == 0)
        assert isinstance(pilot.app, ForedeckApp)
        assert pilot.app.works_on
    assert left == [True]
    assert host.closed


async def test_runs_that_are_not_on_the_screen_yet_are_not_ended_unasked(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        reader = workbench_of(pilot).desk.reader
        await until(pilot, lambda: reader.sidebar is not None)
        reader.sidebar = None
        assert workbench_of(pilot).working() == ()
        await open_dialog(pilot, "q", QuitDialog)


async def test_a_line_that_drops_while_the_data_is_opened_leaves_what_works(
    tmp_path: Path,
) -> None:
    host = fake_host.running(tmp_path)
    left: list[bool] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def connect() -> Connection:
        begun.set()
        await go_on.wait()
        return replace(await host.connect(), let_work_on=lambda: left.append(host.closed))

    async with dashboard(host, connect=connect) as pilot:
        assert isinstance(pilot.app, ForedeckApp)
        await begun.wait()
        pilot.app.leave(129, let_work_on=True)
        assert left == []
        go_on.set()
    await pilot.app.disconnect()
    assert left == [False]
    assert pilot.app.works_on
    assert host.closed


async def test_a_rehearsal_cannot_be_left(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await open_dialog(pilot, "q", QuitDialog)
        assert "background" not in body(pilot)
        await pilot.press("b")
        assert isinstance(pilot.app.screen, QuitDialog)


async def test_jobs_at_work_go_on_and_can_be_left_to_the_background(tmp_path: Path) -> None:
    host = fake_host.finished(tmp_path)
    host.working_jobs = 2

    async def connect() -> Connection:
        return replace(await host.connect(), let_work_on=lambda: None)

    async with dashboard(host, connect=connect) as pilot:
        assert isinstance(pilot.app, ForedeckApp)
        app = pilot.app
        await until(pilot, lambda: settled(app, host))
        await open_dialog(pilot, "q", QuitDialog)
        text = body(pilot)
        assert "Quit while 2 jobs work?" in text
        assert "that goes on, whatever you choose" in text
        assert "Stop" not in text
        await pilot.press("b")
        await until(pilot, lambda: app.return_code == 0)
        assert app.works_on


async def test_runs_and_jobs_at_work_are_both_named(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.working_jobs = 1
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "q", QuitDialog)
        assert "A job works: that goes on" in body(pilot)
        assert "Stop it: every process ends" in body(pilot)


async def test_quitting_is_immediate_when_nothing_works(tmp_path: Path) -> None:
    async with dashboard(fake_host.finished(tmp_path)) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_code == 0)


async def test_hostile_titles_are_plain_text_everywhere(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    detail = host.runs["run1"]
    title = "[red]x[/] [@click=app.quit]\x1b]0;owned\x07 [/nope]"
    hostile = fake_host.run_detail("run1", RunState.RUNNING, detail.steps, title=title)
    host.runs["run1"] = hostile
    host.projects[0] = fake_host.project_row(name=title)
    async with dashboard(host) as pilot:
        await open_dialog(pilot, "c", ConfirmDialog)
        assert "[red]x[/]" in body(pilot)
        assert "\x1b" not in body(pilot)
        await pilot.press("escape")
        await back(pilot)
        for key in ("n", "q", "t"):
            await pilot.press(key)
            await until(pilot, lambda: pilot.app.screen is not workbench_of(pilot))
            await pilot.press("escape")
            await back(pilot)
