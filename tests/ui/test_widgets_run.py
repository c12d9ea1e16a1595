"""Stage table, run header and status bar."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from textual import on

from foredeck.services.domain.records import (
    Failure,
    FailureClass,
    Mode,
    Requirement,
    TokenUsage,
    Verdict,
)
from foredeck.services.domain.schedules import ScheduleBoard
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import HostStatus, RunDetail
from foredeck.widgets.run_header import RunHeader
from foredeck.widgets.stage_table import StageTable
from foredeck.widgets.status_bar import StatusBar
from tests.ui.widget_app import NOW, WidgetApp, ago, run_detail, screen_text, step_row

LIMIT = Failure(
    FailureClass.USAGE_LIMIT,
    "The account's usage limit is reached.",
    "Wait until 14:00.",
    "line one\nline two",
)
STATUS = HostStatus(2, 1, 3, 4, 4, Mode.AGENT, "0.163.0", TokenUsage(123_000), rehearsal=True)


class TableApp(WidgetApp):
    """Remembers the steps that were chosen."""

    def __init__(self) -> None:
        self.table = StageTable()
        super().__init__(self.table)
        self.chosen: list[str] = []

    @on(StageTable.StepSelected)
    def selected(self, message: StageTable.StepSelected) -> None:
        self.chosen.append(message.step_key)


def four(state: StepState = StepState.RUNNING) -> RunDetail:
    return run_detail(
        step_row("planner", StepState.SUCCESS, ended_at=ago(10)),
        step_row("builder", state),
        step_row("qa_qc"),
        step_row("prod_ready"),
    )


async def test_a_stage_shows_glyph_word_tries_time_and_tokens() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.update_run(four())
        await pilot.pause()
        rows = screen_text(app)
        assert rows[0].split() == ["state", "stage", "tries", "elapsed", "tokens"]
        assert rows[1].split() == ["▌✓", "success", "Planner", "1/4", "54s", "1.2k"]
        assert rows[2].split() == ["●", "running", "Builder", "1/4", "1m", "04s", "1.2k"]
        assert rows[3].split() == ["○", "pending", "Qa", "Qc"]


async def test_a_running_time_ticks_and_only_its_rows_are_painted_again() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.update_run(four())
        await pilot.pause()
        app.moment = NOW + timedelta(seconds=5)
        app.table.ticked()
        await pilot.pause()
        rows = screen_text(app)
        assert "1m 09s" in rows[2]
        assert "54s" in rows[1]


async def test_a_failure_is_one_line_until_it_is_unfolded() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        detail = four(StepState.FAILED)
        failed = replace(detail.steps[1], failure=LIMIT, ended_at=NOW)
        app.table.update_run(replace(detail, steps=(detail.steps[0], failed, *detail.steps[2:])))
        app.table.focus()
        await pilot.press("j")
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "The account's usage limit is reached." in text
        assert "Wait until 14:00." not in text
        await pilot.press("space")
        text = "\n".join(screen_text(app))
        assert "usage limit: The account's usage limit is reached." in text
        assert "Wait until 14:00." in text
        assert "line two" in text
        await pilot.press("space", "enter")
        assert "line two" not in "\n".join(screen_text(app))
        assert app.chosen == ["builder"]


async def test_a_step_that_backs_off_says_when_it_tries_again() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        step = step_row(
            "builder", StepState.RETRY, retry_at=NOW + timedelta(seconds=9), failure=LIMIT
        )
        app.table.update_run(run_detail(step))
        await pilot.pause()
        assert "next try in 9s · The account's" in "\n".join(screen_text(app))


@pytest.mark.parametrize("width", [20, 36, 53, 60, 80, 120, 200])
async def test_every_width_shows_state_and_title(width: int) -> None:
    app = TableApp()
    async with app.run_test(size=(width, 12)) as pilot:
        app.table.update_run(four())
        await pilot.pause()
        rows = screen_text(app)
        assert "● " in rows[2]
        assert "Buil" in rows[2]
        assert all(len(row) <= width for row in rows)


async def test_the_cursor_survives_updates_but_not_another_run() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.update_run(four())
        app.table.focus()
        await pilot.press("j", "j")
        app.table.update_run(four(StepState.SUCCESS))
        assert app.table.step_key == "qa_qc"
        other = four()
        app.table.update_run(replace(other, run=replace(other.run, id="r2")))
        assert app.table.step_key == "planner"
        assert app.table.select_step("prod_ready")
        assert not app.table.select_step("nobody")
        app.table.update_run(None)
        await pilot.pause()
        assert "press n to start a run" in " ".join(screen_text(app))


async def test_the_header_shows_the_failure_and_what_to_do() -> None:
    header = RunHeader()
    app = WidgetApp(header)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert screen_text(app)[0] == " No run"
        failed = step_row("builder", StepState.FAILED, failure=LIMIT)
        header.update_run(run_detail(failed, state=RunState.FAILED))
        await pilot.pause()
        rows = screen_text(app)
        assert rows[0].split()[:2] == ["✗", "Title"]
        assert "failed" in rows[0]
        assert rows[1].strip() == "Please do it"
        assert "✗ The account's usage limit is reached." in rows[2]
        assert "Wait until 14:00." in rows[3] or "Wait until 14:00." in rows[2]


async def test_an_error_and_its_advice_are_readable_to_the_end_in_a_narrow_header() -> None:
    header = RunHeader()
    app = WidgetApp(header)
    advice = "Install it with `npm install -g codex` or set another path in the settings file."
    failure = replace(LIMIT, message="The program codex was not found anywhere.", advice=advice)
    async with app.run_test(size=(50, 14)) as pilot:
        failed = step_row("builder", StepState.FAILED, failure=failure)
        header.update_run(run_detail(failed, state=RunState.FAILED))
        await pilot.pause()
        words = " ".join(" ".join(screen_text(app)).split())
        assert failure.message in words
        assert advice in words


async def test_a_request_that_the_title_begins_is_not_said_twice() -> None:
    header = RunHeader()
    app = WidgetApp(header)
    request = "Build a small program for friends who travel together, with tests for all of it"
    async with app.run_test(size=(70, 8)) as pilot:
        detail = run_detail(step_row("builder"), request=request)
        run = replace(detail.run, title="Build a small program for friends who travel…")
        header.update_run(replace(detail, run=run))
        await pilot.pause()
        rows = screen_text(app)
        text = " ".join(" ".join(rows[:2]).split())
        assert text.count("Build") == 1
        assert rows[1].strip().endswith("with tests for all of it")


@pytest.mark.parametrize("width", [120, 60])
async def test_the_header_says_where_an_approved_result_lies(width: int) -> None:
    header = RunHeader()
    app = WidgetApp(header)
    verdict = Verdict("APPROVED", (Requirement("R1", "pass"),), tests_passed=5)
    async with app.run_test(size=(width, 12)) as pilot:
        done = step_row("prod", StepState.SUCCESS, verdict=verdict)
        header.update_run(run_detail(done, workspace="/home/ada/foredeck/a-project"))
        await pilot.pause()
        assert "in /home/ada/foredeck/a-project" in "\n".join(screen_text(app))


async def test_the_header_shows_the_verdict() -> None:
    header = RunHeader()
    app = WidgetApp(header)
    verdict = Verdict(
        "NEEDS_WORK",
        (Requirement("R1", "pass"), Requirement("R2", "fail")),
        tests_passed=5,
        tests_failed=1,
        blocking=("x",),
    )
    async with app.run_test(size=(90, 12)) as pilot:
        header.update_run(run_detail(step_row("prod", StepState.FAILED, verdict=verdict)))
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "! NEEDS WORK  1/2 requirements · 5 tests passed · 1 tests failed" in text
        done = replace(verdict, verdict="APPROVED", blocking=())
        header.update_run(run_detail(step_row("prod", StepState.SUCCESS, verdict=done)))
        await pilot.pause()
        assert "✓ APPROVED" in "\n".join(screen_text(app))


@pytest.mark.parametrize("theme", ["foredeck-dark", "foredeck-light", "foredeck-ansi", "nord"])
async def test_the_status_bar_shows_its_figures_and_the_rehearsal(theme: str) -> None:
    bar = StatusBar()
    app = WidgetApp(bar, theme)
    async with app.run_test(size=(140, 5)) as pilot:
        bar.update_status(STATUS)
        await pilot.pause()
        row = screen_text(app)[-1]
        for part in ("● 1 running  ◆ 1 waiting  turns 4/4 +3 queued", "mode agent"):
            assert part in row
        assert "tokens 123k" in row
        assert "codex 0.163.0" in row
        assert "REHEARSAL · the model's words are scripted" in row


async def test_the_cost_is_shown_when_it_is_known() -> None:
    header, bar = RunHeader(), StatusBar()
    app = WidgetApp(header)
    async with app.run_test(size=(140, 8)) as pilot:
        await app.mount(bar)
        header.update_run(run_detail(step_row("builder"), cost=0.124))
        bar.update_status(replace(STATUS, cost=12.3))
        await pilot.pause()
        rows = screen_text(app)
        assert "tokens  $0.12" in rows[0]
        assert "cost $12.30" in rows[-1]
        header.update_run(run_detail(step_row("builder")))
        bar.update_status(STATUS)
        await pilot.pause()
        assert "$" not in "".join(screen_text(app))


async def test_a_narrow_status_bar_keeps_the_rehearsal_label() -> None:
    bar = StatusBar()
    app = WidgetApp(bar)
    async with app.run_test(size=(60, 5)) as pilot:
        bar.update_status(STATUS)
        await pilot.pause()
        row = screen_text(app)[-1]
        assert row.rstrip().endswith("REHEARSAL")
        assert "● 1 running" in row


BOARD = ScheduleBoard(
    None, 3, "t", "a task with a long name", NOW + timedelta(hours=3), missed=2, runs=True
)


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [
        (140, "2 missed  next: a task with a long… in 3 h", ""),
        (80, "2 missed", "next:"),
        (50, "◆ 1 waiting", "missed"),
    ],
)
async def test_what_is_due_gives_way_before_what_works(
    width: int, shown: str, left_out: str
) -> None:
    bar = StatusBar()
    app = WidgetApp(bar)
    async with app.run_test(size=(width, 5)) as pilot:
        bar.update_status(replace(STATUS, rehearsal=False))
        bar.update_board(BOARD)
        await pilot.pause()
        row = screen_text(app)[-1]
        assert shown in row
        assert not left_out or left_out not in row


def _intervals(bar: StatusBar) -> list[float]:
    """Return the seconds between its looks at the clock, if it looks at it."""
    return [bar._ticker._interval] if bar._ticker else []


async def test_the_bar_looks_at_the_clock_only_while_something_is_due() -> None:
    bar = StatusBar()
    app = WidgetApp(bar)
    async with app.run_test(size=(100, 5)) as pilot:
        bar.update_status(replace(STATUS, rehearsal=False))
        bar.update_board(replace(BOARD, next_at=None))
        assert not _intervals(bar)
        bar.update_board(BOARD)
        assert _intervals(bar) == [60.0]
        await pilot.pause()
        assert "in 3 h" in screen_text(app)[-1]
        app.moment = NOW + timedelta(hours=1)
        bar._tick()
        await pilot.pause()
        assert "in 2 h" in screen_text(app)[-1]
        bar.update_board(replace(BOARD, paused_at=NOW))
        await pilot.pause()
        assert "schedules paused" in screen_text(app)[-1]


async def test_an_update_paints_only_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.update_run(four())
        await pilot.pause()
        painted: list[int] = []
        monkeypatch.setattr(app.table, "refresh_block", painted.append)
        monkeypatch.setattr(app.table, "refresh", lambda *_, **__: painted.append(-1))
        app.table.update_run(four())
        assert painted == []
        app.table.update_run(four(StepState.SUCCESS))
        assert painted == [1]
