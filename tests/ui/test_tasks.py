"""The screen of tasks, with keys alone: what is listed, shown and done, and what is said."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, TextArea

from foredeck.app.commands import ForedeckCommands
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.help import HelpDialog
from foredeck.app.screens.modals.lost_host import LostHostDialog
from foredeck.app.screens.modals.task_edit import TaskDialog
from foredeck.app.screens.modals.task_execute import ExecuteTaskDialog
from foredeck.app.screens.reports import ReportsScreen
from foredeck.app.screens.task_keys import TASK_ACTIONS
from foredeck.app.screens.tasks import TasksScreen
from foredeck.services.domain.errors import Conflict, ForedeckError
from foredeck.services.domain.events import ScheduleChanged
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.schedules import Schedule
from foredeck.services.domain.states import RunState
from foredeck.services.host.task_requests import (
    ActivateTask,
    CreateTask,
    DeleteTask,
    ExecuteTask,
    GetTask,
    ListTasks,
    PauseSchedules,
    RestoreTask,
    UpdateTask,
)
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_host import NOW
from tests.support.fake_reports import reported
from tests.support.fake_tasks import TaskHost, execution, task_row, tasked
from tests.support.hostile import HOSTILE
from tests.ui.widget_app import screen_text

SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]


def screen_of(pilot: Pilot[int]) -> TasksScreen:
    screen = pilot.app.screen
    assert isinstance(screen, TasksScreen)
    return screen


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


def names(pilot: Pilot[int]) -> list[str]:
    return [row.name for row in screen_of(pilot).listed.table._rows]


def cursor(pilot: Pilot[int]) -> str | None:
    return screen_of(pilot).listed.table.cursor_key


def said(pilot: Pilot[int], text: str) -> bool:
    return any(text in message for message in messages(pilot))


async def open_tasks(pilot: Pilot[int]) -> TasksScreen:
    await pilot.press("T")
    await until(pilot, lambda: isinstance(pilot.app.screen, TasksScreen))
    screen = screen_of(pilot)
    await until(pilot, lambda: screen.reader.tasks is not None)
    await until(pilot, lambda: screen.focused is screen.listed.table or not screen.row)
    return screen


async def go_to(pilot: Pilot[int], task_id: str) -> None:
    """Put the cursor on a task, as a person does: with the arrows."""
    table = screen_of(pilot).listed.table
    await pilot.press("home", *(["down"] * table._keys.index(task_id)))
    await until(pilot, lambda: cursor(pilot) == task_id)


async def dialog(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, TasksScreen))


# --- what is listed ---------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_tasks_are_listed_with_what_is_due_and_how_they_fared(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with dashboard(tasked(tmp_path), size) as pilot:
        await open_tasks(pilot)
        assert names(pilot) == ["changelog", "dependencies", "old links", "smoke test", "nightly"]
        assert "5 tasks  2 scheduled" in screen_text(pilot.app)[0]
        assert "1 missed" in screen_text(pilot.app)[0]
        line = next(line for line in screen_text(pilot.app)[2:] if "smoke test" in line)
        assert "◉" in line
        assert "in 12 min" in line
        assert "●" in line
        assert max(map(len, screen_text(pilot.app))) <= size[0]


async def test_no_tasks_yet_says_what_one_is_and_which_key_makes_one(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.tasks.clear()
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        assert shows(pilot, "No tasks yet.")
        assert shows(pilot, "n makes one")
        await pilot.press("x", "u")
        assert said(pilot, "Execute: Select a task first.")
        assert said(pilot, "No task was deleted here")


async def test_a_change_is_shown_and_the_cursor_stays_on_its_task_and_its_row(
    tmp_path: Path,
) -> None:
    host = tasked(tmp_path)
    host.tasks += [task_row(f"old{number}") for number in range(40)]
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await pilot.press(*["down"] * 30)
        chosen, table = cursor(pilot), screen.listed.table
        row = table.cursor_index - table.scroll_offset.y
        host.add(task_row("new", name="newcomer"))
        await until(pilot, lambda: "newcomer" in names(pilot))
        assert cursor(pilot) == chosen
        assert table.cursor_index - table.scroll_offset.y == row


async def test_the_task_under_the_cursor_stays_in_sight_when_the_list_gets_lower(
    tmp_path: Path,
) -> None:
    host = tasked(tmp_path)
    host.tasks += [task_row(f"old{number}") for number in range(40)]
    async with dashboard(host, (80, 24)) as pilot:
        table = (await open_tasks(pilot)).listed.table
        await pilot.press("end")
        await until(pilot, lambda: cursor(pilot) == "old39" and shows(pilot, "old39"))
        await pilot.press("slash")
        await until(pilot, lambda: table.size.height == 20)
        await until(pilot, lambda: shows(pilot, "old39"))
        await pilot.press("escape")
        await pilot.resize_terminal(80, 20)
        await until(pilot, lambda: table.size.height == 17)
        await until(pilot, lambda: shows(pilot, "old39"))
        table.scroll_to(y=0, animate=False, force=True)
        await until(pilot, lambda: not shows(pilot, "old39"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: table.size.height == 21)
        assert table.scroll_offset.y == 0


async def test_the_list_is_filtered_by_name_and_tag_shown_by_kind_and_sorted(
    tmp_path: Path,
) -> None:
    async with dashboard(tasked(tmp_path), (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await pilot.press("slash", *"#data")
        await until(pilot, lambda: names(pilot) == ["nightly"])
        assert shows(pilot, "Tasks · /#data · newest first · 1 of 5")
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.listed.table)
        await pilot.press("escape")
        await until(pilot, lambda: len(names(pilot)) == 5)
        await pilot.press("s")
        await until(pilot, lambda: names(pilot)[0] == "changelog")
        await pilot.press("s")
        await until(pilot, lambda: names(pilot)[:2] == ["smoke test", "nightly"])
        await pilot.press("v")
        await until(pilot, lambda: set(names(pilot)) == {"smoke test", "nightly", "dependencies"})
        await pilot.press("v")
        await until(pilot, lambda: names(pilot) == ["nightly"])
        await pilot.press("v")
        await until(pilot, lambda: names(pilot) == ["old links"])
        await pilot.press("v")
        await until(pilot, lambda: shows(pilot, "No task is like that."))


@pytest.mark.parametrize("words", ["[/", "[b", "[/]", "[$x]", "[@click=app.quit]", "x\\[", "\\"])
async def test_what_is_filtered_by_stands_in_the_title_as_it_was_typed(
    tmp_path: Path, words: str
) -> None:
    async with dashboard(tasked(tmp_path)) as pilot:
        screen = await open_tasks(pilot)
        await pilot.press("slash")
        screen.filter_bar.query_one(Input).value = words
        await until(pilot, lambda: shows(pilot, f"Tasks · /{words} · newest first · 0 of 5"))


async def test_a_thousand_tasks_are_read_in_pages_and_only_what_is_seen_is_painted(
    tmp_path: Path,
) -> None:
    host = tasked(tmp_path)
    host.tasks = [task_row(f"t{number:04}") for number in range(1200)]
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        asked = [query for query in host.asked if isinstance(query, ListTasks)]
        assert [query.offset for query in asked] == [0, 200, 400, 600, 800, 1000]
        assert len(names(pilot)) == 1200
        await pilot.press("end")
        await until(pilot, lambda: cursor(pilot) == "t1199")
        assert shows(pilot, "t1199")


async def test_what_cannot_be_read_is_said_and_read_again_by_a_key(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.errors[ListTasks] = ForedeckError("The disk is slow.")
    async with dashboard(host, (80, 24)) as pilot:
        await pilot.press("T")
        await until(pilot, lambda: shows(pilot, "The disk is slow."))
        del host.errors[ListTasks]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "nightly" in names(pilot))


# --- one task ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_task_is_shown_with_its_prompt_schedule_executions_and_fires(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with dashboard(tasked(tmp_path), size) as pilot:
        screen = await open_tasks(pilot)
        await go_to(pilot, "t1")
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.details)
        await until(pilot, lambda: screen.details.cursor_key == "execution:e1")
        assert shows(pilot, "2 of 81 tests failed.")
        await pilot.press("home")
        await until(pilot, lambda: shows(pilot, "37 succeeded, 3 failed"))
        seen: set[str] = set()
        for _ in range(40):
            seen.update(line.strip(" ▌│") for line in screen_text(pilot.app))
            await pilot.press("down")
        text = "\n".join(seen)
        assert "0 2 * * *  Europe/Berlin" in text
        assert len(set(re.findall(r"... 2026-03-.. 12:26 \+0000", text))) == 5
        assert "No host was there" in text
        assert "All is well." in text
        assert "#nightly #database" in text


async def test_an_execution_says_who_began_it_or_leaves_that_out(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path), (120, 40)) as pilot:
        await open_tasks(pilot)
        await go_to(pilot, "t1")
        await until(pilot, lambda: shows(pilot, "All is well."))
        mine = [line for line in screen_text(pilot.app) if "1m 40s" in line]
        assert len(mine) == 3
        assert not any("…" in line for line in mine)
        assert "manual" in mine[2]


async def test_a_long_prompt_is_unfolded_and_folded(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path), (120, 40)) as pilot:
        screen = await open_tasks(pilot)
        await go_to(pilot, "t1")
        await until(pilot, lambda: shows(pilot, "2 more lines · space unfolds"))
        assert not shows(pilot, "Leave the branch")
        await pilot.press("2")
        await until(pilot, lambda: screen.focused is screen.details)
        await pilot.press("home", "down", "space")
        await until(pilot, lambda: shows(pilot, "Leave the branch as it is."))
        await pilot.press("enter")
        await until(pilot, lambda: not shows(pilot, "Leave the branch as it is."))
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.listed.table)


async def test_enter_on_an_execution_goes_to_its_run(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.executions.insert(0, execution("run0"))
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await go_to(pilot, "t1")
        await pilot.press("enter")
        await until(pilot, lambda: screen.details.cursor_key == "execution:run0")
        await pilot.press("enter")
        selection = workbench_of(pilot).desk.selection
        await until(pilot, lambda: selection.run_id == "run0")
        assert pilot.app.screen is workbench_of(pilot)


async def test_the_report_of_an_execution_is_read_and_left_again(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await pilot.press("o")
        assert said(pilot, "There is no execution to read about")
        await go_to(pilot, "t1")
        await pilot.press("enter")
        await until(pilot, lambda: screen.details.cursor_key == "execution:e1")
        await dialog(pilot, "o", ReportsScreen)
        reports = pilot.app.screen
        assert isinstance(reports, ReportsScreen)
        await until(pilot, lambda: reports.reader.report is not None)
        assert reports.reader.run_id == "e1"
        await pilot.press("escape")
        await back(pilot)


# --- what is done -----------------------------------------------------------------------


async def test_a_task_is_made_and_every_mistake_stands_beside_its_field(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.odd = ("The clock can give no value for what.",)
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        await dialog(pilot, "n", TaskDialog)
        form = pilot.app.screen
        assert isinstance(form, TaskDialog)
        form.query_one("#cron", Input).value = "daily"
        form.query_one("#allowed", Input).value = "Read, Nope"
        form.query_one("#budget_tokens", Input).value = "many"
        form.query_one("#variables", TextArea).text = "branch"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "Mend what is marked above: 6 of the fields."))
        told = {
            name: str(field.query_one(".input-mistake", Static).render())
            for name, field in form._fields.items()
            if field.has_class("-wrong")
        }
        assert told == {
            "name": "A task needs a name.",
            "prompt": "There is no prompt.",
            "variables": "Line 1: write NAME = VALUE.",
            "cron": "A schedule has five fields.",
            "allowed": "There is no tool Nope.",
            "budget_tokens": "Write a whole number, or nothing.",
        }
        assert form.focused is form.query_one("#name")
        assert not [done for done in host.done if isinstance(done, CreateTask)]
        await pilot.press(*"review")
        await until(pilot, lambda: not form._fields["name"].has_class("-wrong"))
        assert form._fields["prompt"].has_class("-wrong")
        form.query_one("#prompt", TextArea).text = "Look at {{branch}} for {{what}}."
        form.query_one("#variables", TextArea).text = 'branch = main\nnote = "two\\nlines"'
        form.query_one("#cron", Input).value = "0 3 * * 1-5"
        form.query_one("#allowed", Input).value = "Read"
        form.query_one("#budget_tokens", Input).value = "50,000"
        form.query_one("#tags", Input).value = "#code, review"
        form.query_one("#notify", Select).value = "bad ends, waiting"
        form.query_one("#report", Select).value = "pdf"
        await pilot.press("ctrl+s")
        await back(pilot)
        await until(pilot, lambda: cursor(pilot) == host.tasks[0].id)
        made = host.done[-1]
        assert isinstance(made, CreateTask)
        wish = made.wish
        assert (wish.name, wish.project, wish.prompt) == (
            "review",
            "p1",
            "Look at {{branch}} for {{what}}.",
        )
        assert wish.variables == (("branch", "main"), ("note", "two\nlines"))
        assert wish.schedule is not None
        assert wish.schedule.cron == "0 3 * * 1-5"
        assert wish.allowed_tools == ("Read",)
        assert wish.options.budget_tokens == 50_000
        assert wish.tags == ("code", "review")
        assert wish.notify == (Cause.FAILURE, Cause.WAITING)
        assert (wish.report, wish.report_format) == (True, "pdf")
        assert said(pilot, "“review” is there: x executes it.")
        assert said(pilot, "The clock can give no value for what.")


async def test_the_next_moments_are_told_while_a_schedule_is_typed(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path), (120, 40)) as pilot:
        await open_tasks(pilot)
        await dialog(pilot, "n", TaskDialog)
        form = pilot.app.screen
        form.query_one("#cron").focus()
        await pilot.press(*"0 2 * *")
        await until(pilot, lambda: shows(pilot, "is no cron expression"))
        await pilot.press("space", "asterisk")
        await until(pilot, lambda: shows(pilot, "next: Sat 2026-03-14 12:26, then Sun"))
        assert not shows(pilot, "is no cron expression")


async def test_what_was_typed_is_kept_when_the_form_is_left_or_refused(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        await dialog(pilot, "n", TaskDialog)
        await pilot.press(*"review")
        pilot.app.screen.query_one("#prompt", TextArea).text = "Look."
        host.errors[CreateTask] = Conflict("The disk is full.", "Make room.")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "The disk is full. Make room."))
        await pilot.press("escape")
        await back(pilot)
        del host.errors[CreateTask]
        await dialog(pilot, "n", TaskDialog)
        assert pilot.app.screen.query_one("#name", Input).value == "review"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "review" in names(pilot))


async def test_a_task_is_changed_as_it_is_now_and_the_rest_of_it_stays(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    row = host.task("t1")
    kept = replace(row.task, metadata=(("a", "b"),), notify=(Cause.FINISH, Cause.FAILURE))
    host.tasks[-1] = replace(row, task=kept)
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        await go_to(pilot, "t1")
        await dialog(pilot, "e", TaskDialog)
        assert pilot.app.screen.query_one("#name", Input).value == "nightly"
        pilot.app.screen.query_one("#description", Input).value = "Shorter."
        await pilot.press("ctrl+s")
        await back(pilot)
        changed = host.done[-1]
        assert isinstance(changed, UpdateTask)
        assert changed.ref == "t1"
        assert changed.wish.description == "Shorter."
        assert changed.wish.schedule == Schedule("0 2 * * *", "Europe/Berlin")
        assert changed.wish.metadata == (("a", "b"),)
        assert changed.wish.notify == (Cause.FINISH, Cause.FAILURE)
        assert changed.wish.prompt == kept.prompt
        assert changed.wish.public


async def test_a_task_is_executed_with_its_variables_and_a_live_preview(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await dialog(pilot, "x", ExecuteTaskDialog)
        assert shows(pilot, "Write what is new since {{tag}}.")
        assert not shows(pilot, "has no value")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "It has no value."))
        await pilot.press(*"v1.2")
        await until(pilot, lambda: shows(pilot, "Write what is new since v1.2."))
        await until(pilot, lambda: not shows(pilot, "has no value"))
        await pilot.press("escape")
        await back(pilot)
        await dialog(pilot, "x", ExecuteTaskDialog)
        await until(pilot, lambda: shows(pilot, "since v1.2."))
        pilot.app.screen.query_one(TextArea).text = ""
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "It has no value."))
        await pilot.press(*"v1.2")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: ExecuteTask("t5", {"tag": "v1.2"}) in host.done)
        await until(pilot, lambda: screen.details.cursor_key == f"execution:{_newest(host)}")
        assert shows(pilot, "running")
        assert said(pilot, "“changelog” is executed")


async def test_variables_begin_with_their_defaults(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (60, 20)) as pilot:
        await open_tasks(pilot)
        await go_to(pilot, "t1")
        await dialog(pilot, "x", ExecuteTaskDialog)
        assert pilot.app.screen.query_one(TextArea).text == "main"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: ExecuteTask("t1", {"branch": "main"}) in host.done)


def _newest(host: TaskHost) -> str:
    return host.executions[0].id


@pytest.mark.parametrize("size", SIZES)
async def test_the_dialog_that_executes_is_as_high_as_what_it_shows(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    host = tasked(tmp_path)
    lines = "\n".join(f"{number} {{{{v{number % 8}}}}}" for number in range(200))
    host.tasks[0] = task_row("t5", prompt="Mend the tests.", variables=())
    host.tasks[1] = task_row("t4", prompt=lines, variables=())
    async with dashboard(host, size) as pilot:
        await open_tasks(pilot)
        await dialog(pilot, "x", ExecuteTaskDialog)
        assert pilot.app.screen.query_one("#dialog").size.height == 6
        await pilot.press("escape")
        await back(pilot)
        await go_to(pilot, "t4")
        await dialog(pilot, "x", ExecuteTaskDialog)
        await pilot.pause()
        box, last = (pilot.app.screen.query_one(f"#{one}") for one in ("dialog", "dialog-buttons"))
        assert box.content_region.contains_region(last.region)
        assert last.region.bottom == box.content_region.bottom
        assert shows(pilot, "v0")


async def test_what_another_finishes_is_shown_in_the_task(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.executions.insert(0, execution("e0", RunState.RUNNING, ended_at=None))
    async with dashboard(host, (120, 40)) as pilot:
        screen = await open_tasks(pilot)
        await go_to(pilot, "t1")
        await until(pilot, lambda: shows(pilot, "● running   2026-03-14"))
        host.executions[0] = execution("e0", result_message="Mended.")
        host.change(host.task("t1"))
        await until(pilot, lambda: shows(pilot, "Mended."))
        assert cursor(pilot) == "t1"
        assert screen.reader.detail is not None


async def test_a_task_is_switched_off_and_on(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (120, 40)) as pilot:
        await open_tasks(pilot)
        await pilot.press("t")
        await until(pilot, lambda: host.done[-1:] == [ActivateTask("t5", active=False)])
        await until(pilot, lambda: shows(pilot, "t Switch on"))
        await pilot.press("x")
        assert said(pilot, "The task is switched off: t switches it on.")
        await pilot.press("t")
        await until(pilot, lambda: host.done[-1:] == [ActivateTask("t5", active=True)])


async def test_a_task_is_deleted_after_a_question_and_brought_back(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        await go_to(pilot, "t2")
        await dialog(pilot, "d", ConfirmDialog)
        assert shows(pilot, "512 runs with what they left: kept as they are.")
        assert shows(pilot, "Its schedule stops.")
        assert shows(pilot, "1 execution at work")
        await pilot.press("enter")
        await back(pilot)
        assert host.done == []
        await dialog(pilot, "d", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: host.done == [DeleteTask("t2")])
        await until(pilot, lambda: "smoke test" not in names(pilot))
        assert said(pilot, "u brings it back")
        await pilot.press("u")
        await until(pilot, lambda: host.done[1:] == [RestoreTask("t2")])
        await until(pilot, lambda: cursor(pilot) == "t2")


async def test_who_reads_about_a_task_that_another_deletes_is_told_and_back_in_the_list(
    tmp_path: Path,
) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await go_to(pilot, "t2")
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.details)
        host._put("t2", deleted_at=NOW)
        await until(pilot, lambda: said(pilot, "is not in the list any more."))
        assert screen.focused is screen.listed.table
        assert cursor(pilot) != "t2"
        assert not screen.has_class("-task")


async def test_a_task_that_was_deleted_before_is_listed_and_brought_back(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.tasks.append(task_row("gone", name="gone for long", deleted_at=NOW))
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        assert "gone for long" not in names(pilot)
        await pilot.press("v", "v", "v", "v")
        await until(pilot, lambda: names(pilot) == ["gone for long"])
        await pilot.press("e")
        assert said(pilot, "The task is deleted: u brings it back.")
        await pilot.press("u")
        await until(pilot, lambda: host.done == [RestoreTask("gone")])


async def test_all_schedules_are_paused_and_go_on(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (120, 40)) as pilot:
        await open_tasks(pilot)
        await pilot.press("p")
        await until(pilot, lambda: host.done == [PauseSchedules(paused=True)])
        await until(pilot, lambda: shows(pilot, "paused since 09:26: p goes on"))
        lines = screen_text(pilot.app)
        assert "paused" in next(line for line in lines[2:] if "smoke test" in line)
        await pilot.press("p")
        await until(pilot, lambda: host.done[1:] == [PauseSchedules(paused=False)])
        await until(pilot, lambda: shows(pilot, "next: smoke test in 12 min"))


async def test_without_schedules_there_is_nothing_to_pause(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    host.board = replace(host.board, scheduled=0, next_at=None)
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        await pilot.press("p")
        assert said(pilot, "No task has a schedule")


# --- the workbench ----------------------------------------------------------------------


async def test_the_status_bar_says_what_is_due_next_and_follows_it(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        bar = screen_text(pilot.app)[-2]
        await until(pilot, lambda: "next: smoke test in 12 min" in screen_text(pilot.app)[-2])
        bar = screen_text(pilot.app)[-2]
        assert "1 missed" in bar
        host.board = replace(host.board, next_at=NOW + timedelta(hours=5), missed=0)
        host.publish(ScheduleChanged())
        await until(pilot, lambda: "smoke test in 5 h" in screen_text(pilot.app)[-2])
        host.board = replace(host.board, paused_at=NOW)
        host.publish(ScheduleChanged())
        await until(pilot, lambda: "schedules paused" in screen_text(pilot.app)[-2])


# --- the rest ---------------------------------------------------------------------------


async def test_every_action_is_in_the_palette_and_the_help(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path), (120, 40)) as pilot:
        screen = await open_tasks(pilot)
        entries = [entry.text for entry in ForedeckCommands(screen)._entries()]
        for action in TASK_ACTIONS:
            assert any(f"({action.key_text})" in entry for entry in entries), action
        assert any(entry.endswith("(u): not now") for entry in entries)
        await dialog(pilot, "question_mark", HelpDialog)
        assert shows(pilot, "run again and again")
        keys = str(pilot.app.screen.query_one("#help-keys", Static).render())
        for action in TASK_ACTIONS:
            assert action.description in keys


async def test_the_mouse_chooses_a_task(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path), (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        await pilot.click(screen.listed.table, offset=(10, 5))
        await until(pilot, lambda: cursor(pilot) == "t1")
        await until(pilot, lambda: screen.focused is screen.details)


@pytest.mark.parametrize("size", [(60, 20), (120, 40)])
async def test_hostile_names_and_texts_are_harmless(tmp_path: Path, size: tuple[int, int]) -> None:
    host = tasked(tmp_path)
    nasty = b"".join(HOSTILE.values())[:20_000].decode("utf-8", "replace")
    nasty = "[/] [bold]\x1b[2J\u202e{{x}}" + nasty + "m" * 10_000
    host.tasks = [
        task_row(
            "bad",
            name=nasty,
            prompt=nasty,
            description=nasty,
            tags=(nasty,),
            variables=((nasty, nasty),),
            workflow=nasty,
            directory=nasty,
            allowed_tools=(nasty,),
            schedule=Schedule(nasty, nasty),
            project_name=nasty,
            public=True,
        )
    ]
    host.executions = [execution("e1", task_id="bad", result_message=nasty, warnings=(nasty,))]
    host.board = replace(host.board, next_task_name=nasty)
    async with dashboard(host, size) as pilot:
        screen = await open_tasks(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.details)
        await pilot.press("home", "down", "space", "end")
        text = "\n".join(screen_text(pilot.app))
        assert "\x1b" not in text
        assert "\u202e" not in text
        await dialog(pilot, "d", ConfirmDialog)
        await pilot.press("n")
        await back(pilot)
        await dialog(pilot, "e", TaskDialog)
        await pilot.press("escape")
        await back(pilot)
        await dialog(pilot, "x", ExecuteTaskDialog)
        await pilot.press("escape")
        await back(pilot)


async def test_a_task_that_is_gone_when_it_is_changed_is_said_to_be(tmp_path: Path) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_tasks(pilot)
        host.errors[GetTask] = Conflict("The task was deleted meanwhile.")
        await pilot.press("e")
        await until(pilot, lambda: said(pilot, "The task was deleted meanwhile."))
        assert isinstance(pilot.app.screen, TasksScreen)


async def test_a_host_that_goes_away_leaves_what_was_read_and_its_place_can_be_taken(
    tmp_path: Path,
) -> None:
    host = tasked(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_tasks(pilot)
        host.go_away()
        await until(pilot, lambda: isinstance(pilot.app.screen, LostHostDialog))
        await pilot.press("n")
        await back(pilot)
        assert "nightly" in names(pilot)
        await pilot.press("x")
        assert said(pilot, "Execute: The data is not open.")
        await until(pilot, lambda: not shows(pilot, "x Execute"))
        host.add(task_row("late", name="made meanwhile"))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "made meanwhile" in names(pilot))
        await until(pilot, lambda: shows(pilot, "x Execute"))  # the keys are there again
        assert screen.shell.host is not None
