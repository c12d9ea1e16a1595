"""The screen of jobs, with keys alone: what is listed, shown and done, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from foredeck.app.commands import ForedeckCommands
from foredeck.app.screens.job_keys import JOB_ACTIONS
from foredeck.app.screens.jobs import JobsScreen
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.help import HelpDialog
from foredeck.app.screens.modals.job_cancel import CancelJobDialog
from foredeck.app.screens.modals.job_limit import JobLimitDialog
from foredeck.app.screens.modals.job_submit import SubmitJobDialog
from foredeck.app.screens.modals.quit import QuitDialog
from foredeck.services.domain.errors import Conflict, HostGone
from foredeck.services.domain.job_views import JobQueueView
from foredeck.services.domain.jobs import JobWish, Priority
from foredeck.services.domain.states import JobState
from foredeck.services.host.commands import (
    CancelJob,
    ExecuteJob,
    LimitJobs,
    PauseJobs,
    PrioritiseJob,
    RetryJob,
    SubmitJob,
)
from foredeck.services.host.queries import GetJob, GetJobBoard
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_jobs import JobHost, busy, idle, own_job
from tests.ui.widget_app import screen_text

S = JobState


def screen_of(pilot: Pilot[int]) -> JobsScreen:
    screen = pilot.app.screen
    assert isinstance(screen, JobsScreen)
    return screen


def lines(pilot: Pilot[int]) -> list[str]:
    """Return the rows of the list, the cursor's bar first."""
    return [line for line in screen_text(pilot.app)[3:-1] if line.strip()]


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


def names(pilot: Pilot[int]) -> list[str]:
    return [row.name for row in screen_of(pilot).listed.table._rows]


def cursor(pilot: Pilot[int]) -> str | None:
    return screen_of(pilot).listed.table.cursor_key


def said(pilot: Pilot[int], text: str) -> bool:
    return any(text in message for message in messages(pilot))


async def open_jobs(pilot: Pilot[int]) -> JobsScreen:
    await pilot.press("J")
    await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
    screen = screen_of(pilot)
    await until(pilot, lambda: screen.reader.board is not None)
    await until(pilot, lambda: screen.focused is screen.listed.table or not screen.row)
    return screen


async def go_to(pilot: Pilot[int], job_id: str) -> None:
    """Put the cursor on a job, as a person does: with the arrows."""
    table = screen_of(pilot).listed.table
    await pilot.press("home", *(["down"] * table._keys.index(job_id)))
    await until(pilot, lambda: cursor(pilot) == job_id)


async def dialog(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


# --- what is listed ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 40)])
async def test_jobs_are_listed_as_their_turn_comes_with_the_queue_above(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with dashboard(busy(tmp_path), size) as pilot:
        await open_jobs(pilot)
        assert names(pilot) == [
            *("build", "thumbnails", "builder"),
            *("urgent", "nightly", "deploy"),
            *("lint", "builder", "old import"),
        ]
        assert screen_text(pilot.app)[0].startswith(" ● 2/10 working  ◌ 3 waiting")
        rows = "\n".join(lines(pilot))
        assert "37/1000" in rows
        assert "2 failed" in rows
        assert "42%" in rows
        assert "builder · A URL" in rows
        assert max(map(len, screen_text(pilot.app))) <= size[0]


async def test_nothing_yet_says_what_to_do_and_who_would_start_it(tmp_path: Path) -> None:
    async with dashboard(idle(tmp_path), (80, 24)) as pilot:
        await open_jobs(pilot)
        assert shows(pilot, "No jobs yet.")
        assert shows(pilot, "foredeck jobs submit")
        assert shows(pilot, "no host is there to start them")
        await pilot.press("c", "enter")
        assert said(pilot, "Cancel: Select a job first.")


async def test_a_change_is_shown_and_the_cursor_stays_on_its_job_and_its_row(
    tmp_path: Path,
) -> None:
    host = busy(tmp_path)
    for number in range(40):
        host.jobs.append(own_job(f"e{number}", name=f"old {number}"))
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_jobs(pilot)
        await pilot.press(*["down"] * 25)
        chosen, table = cursor(pilot), screen.listed.table
        row = table.cursor_index - table.scroll_offset.y
        host.add(own_job("k1", S.IN_PROGRESS, name="newcomer"))
        await until(pilot, lambda: "newcomer" in names(pilot))
        assert cursor(pilot) == chosen
        assert table.cursor_index - table.scroll_offset.y == row
        host.change(replace(host.job("j6"), state=S.FAILED, exit_code=7))
        await until(pilot, lambda: table._rows[0].id != "j6")
        assert cursor(pilot) == chosen


async def test_what_another_decides_for_the_queue_is_shown(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host) as pilot:
        await open_jobs(pilot)
        await host.do(PauseJobs())
        await until(pilot, lambda: shows(pilot, "paused since"))
        await host.do(LimitJobs(77))
        await until(pilot, lambda: shows(pilot, "2/77 working"))


async def test_the_list_is_filtered_by_words_and_by_kind_and_sorted(tmp_path: Path) -> None:
    async with dashboard(busy(tmp_path), (80, 24)) as pilot:
        screen = await open_jobs(pilot)
        await pilot.press("slash", *"failed li")
        await until(pilot, lambda: names(pilot) == ["lint"])
        assert shows(pilot, "Jobs · /failed li · by turn · 1 of 9")
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.listed.table)
        await pilot.press("escape")
        await until(pilot, lambda: len(names(pilot)) == 9)
        await pilot.press("slash", *"no such job", "enter")
        await until(pilot, lambda: shows(pilot, "No job is like that."))
        await pilot.press("escape", "v", "v")
        await until(pilot, lambda: names(pilot) == ["lint", "old import"])
        assert shows(pilot, "failed, timeout, lost")
        await pilot.press("v", "v", "s", "s")
        await until(pilot, lambda: shows(pilot, "longest first"))
        assert names(pilot)[0] == "build"
        assert names(pilot)[-3:] == ["urgent", "nightly", "deploy"]


# --- one job ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_job_is_shown_with_its_live_output(tmp_path: Path, size: tuple[int, int]) -> None:
    host = busy(tmp_path)
    async with dashboard(host, size) as pilot:
        screen = await open_jobs(pilot)
        await go_to(pilot, "j6")
        await pilot.press("enter")
        await until(pilot, lambda: "the end" in screen.job.output.visible_text())
        await until(pilot, lambda: shows(pilot, "$ make build"))
        assert shows(pilot, "/home/me/work/shortener")
        assert shows(pilot, "42% compiling")
        assert shows(pilot, "retries 0/3")
        with (tmp_path / "j6.out").open("a") as file:
            file.write("and more\n")
        await until(pilot, lambda: "and more" in screen.job.output.visible_text())
        await pilot.press("o")
        await until(pilot, lambda: "build complains" in screen.job.output.visible_text())
        assert shows(pilot, "stderr")
        await pilot.press("o")
        await until(pilot, lambda: "build says" in screen.job.output.visible_text())
        host.change(replace(host.job("j6"), state=S.COMPLETED, exit_code=0))
        await until(pilot, lambda: shows(pilot, "exit code 0"))
        assert "build says" in screen.job.output.visible_text()
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.listed.table)
        assert cursor(pilot) == "j6"


async def test_its_output_is_searched_and_walked_from_error_to_error(tmp_path: Path) -> None:
    async with dashboard(busy(tmp_path), (80, 24)) as pilot:
        screen = await open_jobs(pilot)
        await go_to(pilot, "j2")
        await pilot.press("enter")
        output = screen.job.output
        await until(pilot, lambda: "the end" in output.visible_text())
        assert shows(pilot, "No rule.")
        await pilot.press("e")
        await until(pilot, lambda: output.current == 1)
        await pilot.press("e")
        await until(pilot, lambda: said(pilot, "No further error"))
        await pilot.press("slash", *"says")
        await until(pilot, lambda: output.current == 0)
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is output)
        await pilot.press("f")
        assert output.follow
        await pilot.press("s")
        assert said(pilot, "The list is not on screen")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_job_that_is_opened_before_it_was_read_has_the_focus(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with dashboard(busy(tmp_path), size) as pilot:
        screen = await open_jobs(pilot)
        await pilot.press("v", "v", "enter")
        await until(pilot, lambda: "lint says" in screen.job.output.visible_text())
        await until(pilot, lambda: screen.focused is screen.job.output)


async def test_one_goes_to_the_stage_of_a_job_that_belongs_to_a_run(tmp_path: Path) -> None:
    async with dashboard(busy(tmp_path)) as pilot:
        await open_jobs(pilot)
        await go_to(pilot, "j3")
        await pilot.press("c")
        assert said(pilot, "The job belongs to a run")
        await pilot.press("enter")
        selection = workbench_of(pilot).desk.selection
        await until(pilot, lambda: selection.run_id == "run0")
        assert selection.step_key == "planner"
        assert pilot.app.screen is workbench_of(pilot)


async def test_a_batch_is_gone_into_and_left(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        above = await open_jobs(pilot)
        await go_to(pilot, "b1")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is not above)
        await until(pilot, lambda: len(names(pilot)) == 3)
        assert shows(pilot, "Batch thumbnails")
        assert shows(pilot, "37/1000")
        assert shows(pilot, "4 running 959 waiting 2 failed")
        assert names(pilot) == [f"thumbnails ({n}/1000)" for n in (1, 2, 3)]
        host.change(replace(host.job("c2"), state=S.IN_PROGRESS))
        await until(pilot, lambda: screen_of(pilot).listed.table._rows[1].state is S.IN_PROGRESS)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is above)
        assert cursor(pilot) == "b1"
        await pilot.press("J")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


# --- what is done -----------------------------------------------------------------------


async def test_a_job_is_submitted_and_mistakes_stand_beside_the_fields(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_jobs(pilot)
        await dialog(pilot, "n", SubmitJobDialog)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "A job needs a name."))
        assert shows(pilot, "There is no command.")
        await pilot.press(*"thing")
        pilot.app.screen.query_one("#command", TextArea).text = "make\nls"
        pilot.app.screen.query_one("#timeout", Input).value = "soon"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "a number of seconds"))
        assert not shows(pilot, "A job needs a name.")
        pilot.app.screen.query_one("#timeout", Input).value = "60"
        host.errors[SubmitJob] = Conflict("The disk is full.", "Make room.")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "The disk is full."))
        del host.errors[SubmitJob]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await dialog(pilot, "n", SubmitJobDialog)
        assert pilot.app.screen.query_one("#name", Input).value == "thing"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: cursor(pilot) == host.jobs[0].id)
        wish = JobWish("thing", "make\nls", project="p1", timeout=60.0)
        assert host.done[-1] == SubmitJob(wish)
        assert names(pilot)[4] == "thing"


async def test_a_job_is_cancelled_with_a_reason_after_a_question(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_jobs(pilot)
        await dialog(pilot, "c", CancelJobDialog)
        assert shows(pilot, "every process that it has started is ended")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        assert host.done == []
        await dialog(pilot, "c", CancelJobDialog)
        pilot.app.screen.query_one("#reason", Input).focus()
        await pilot.press(*"my reason", "enter", "enter")
        await until(pilot, lambda: host.done == [CancelJob("j6", "my reason")])
        await go_to(pilot, "b1")
        await dialog(pilot, "c", CancelJobDialog)
        assert shows(pilot, "959 jobs not begun yet")
        await pilot.press("y")
        await until(pilot, lambda: host.done[1:] == [CancelJob("b1")])


async def test_what_failed_is_retried_of_a_batch_after_a_question(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_jobs(pilot)
        await pilot.press("r")
        assert said(pilot, "Retry: The job is running")
        await go_to(pilot, "j2")
        await pilot.press("r")
        await until(pilot, lambda: host.done == [RetryJob("j2")])
        assert said(pilot, "“lint” is queued again.")
        await go_to(pilot, "b1")
        await dialog(pilot, "r", ConfirmDialog)
        assert shows(pilot, "2 jobs that failed")
        await pilot.press("y")
        await until(pilot, lambda: host.done[1:] == [RetryJob("b1")])


async def test_priorities_change_while_a_job_waits_and_say_where_they_end(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_jobs(pilot)
        await pilot.press("plus")
        assert said(pilot, "its priority changes nothing now")
        await go_to(pilot, "j8")
        await pilot.press("minus")
        assert said(pilot, "Low is the lowest priority.")
        await pilot.press("plus")
        await until(pilot, lambda: host.done == [PrioritiseJob("j8", Priority.NORMAL)])
        await until(pilot, lambda: said(pilot, "“nightly” has normal priority."))
        assert cursor(pilot) == "j8"


async def test_a_held_job_is_executed_and_the_queue_directed(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_jobs(pilot)
        await pilot.press("x")
        assert said(pilot, "only a held one is executed")
        await go_to(pilot, "j7")
        await pilot.press("x")
        await until(pilot, lambda: host.done == [ExecuteJob("j7")])
        await pilot.press("p")
        await until(pilot, lambda: shows(pilot, "p Go on"))
        await pilot.press("p")
        await until(pilot, lambda: host.done[1:] == [PauseJobs(True), PauseJobs(False)])
        await dialog(pilot, "l", JobLimitDialog)
        await pilot.press("0", "0", "enter")
        await until(pilot, lambda: shows(pilot, "from 1 to 100, or nothing"))
        await pilot.press("backspace", "backspace", "enter")
        await until(pilot, lambda: host.done[-1] == LimitJobs(None))


async def test_a_refusal_is_said_and_nothing_breaks(tmp_path: Path) -> None:
    host = busy(tmp_path)
    host.errors[RetryJob] = Conflict("It was retried 3 of 3 times.")
    async with dashboard(host, (80, 24)) as pilot:
        await open_jobs(pilot)
        await go_to(pilot, "j2")
        await pilot.press("r")
        await until(pilot, lambda: said(pilot, "retried 3 of 3 times"))


# --- around it --------------------------------------------------------------------------


async def test_everything_is_in_the_palette_the_help_and_the_footer(tmp_path: Path) -> None:
    async with dashboard(busy(tmp_path), (120, 40)) as pilot:
        screen = await open_jobs(pilot)
        texts = [str(hit.text) async for hit in ForedeckCommands(screen).discover()]
        for action in JOB_ACTIONS:
            assert any(f"({action.key_text})" in text for text in texts), action.action
        assert "Retry (r): not now" in texts
        assert len({a.keys for a in JOB_ACTIONS}) == len(JOB_ACTIONS)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        assert shows(pilot, "Submit a command as a job")
        await pilot.press("escape")
        await go_to(pilot, "j9")
        await until(pilot, lambda: shows(pilot, "- down"))
        await go_to(pilot, "j7")
        await until(pilot, lambda: shows(pilot, "x Execute"))


async def test_leaving_from_here_asks_as_on_the_workbench(tmp_path: Path) -> None:
    async with dashboard(busy(tmp_path)) as pilot:
        screen = await open_jobs(pilot)
        await dialog(pilot, "q", QuitDialog)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_what_cannot_be_read_says_so_and_is_read_again(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host, (120, 40)) as pilot:
        screen = await open_jobs(pilot)
        host.errors[GetJob] = Conflict("This job is damaged.")
        await pilot.press("down")
        await until(pilot, lambda: shows(pilot, "This job is damaged."))
        assert len(names(pilot)) == 9
        host.errors[GetJobBoard] = Conflict("The data is busy.")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: shows(pilot, "The data is busy."))
        host.errors.clear()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not shows(pilot, "The data is busy."))
        assert screen.row is not None
        host.errors[GetJobBoard] = HostGone("The host is gone.", "Wait for it.")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not screen.reader._boards.running)
        assert shows(pilot, "thumbnails")


async def test_untrusted_names_are_plain_text(tmp_path: Path) -> None:
    host: JobHost = busy(tmp_path)
    nasty = "[/] \x1b]52;c;eA==\x07 [b]x[/b]"
    host.jobs[3] = replace(host.jobs[3], name=nasty, project_name=nasty, type=nasty)
    host.jobs[4] = replace(host.jobs[4], name=nasty)
    host.changes["j6"] = {"prompt": nasty, "workspace": nasty}
    host.queue = JobQueueView(1, 1, 1, None, starts=True)
    async with dashboard(host, (120, 40)) as pilot:
        await open_jobs(pilot)
        await until(pilot, lambda: shows(pilot, "$ [/]"))
        assert shows(pilot, "[b]x[/b]")
        assert "\x1b" not in "".join(screen_text(pilot.app))
        await go_to(pilot, "b1")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "Batch [/]"))
