"""The screen of reports, with keys alone: what is listed, read, made, saved and deleted."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from foredeck.app.commands import ForedeckCommands
from foredeck.app.opening import why_not_open
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.help import HelpDialog
from foredeck.app.screens.modals.report_dialogs import FormatDialog, SaveDialog
from foredeck.app.screens.report_keys import REPORT_ACTIONS
from foredeck.app.screens.reports import ReportsScreen
from foredeck.services.domain.errors import StorageFull
from foredeck.services.domain.records import Role
from foredeck.services.domain.report_model import Excerpt
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.host.report_requests import (
    CreateReport,
    DeleteReport,
    GetRunReport,
    ListReports,
)
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_reports import (
    ReportHost,
    message,
    report_row,
    reported,
    sample_report,
)
from tests.support.hostile import HOSTILE
from tests.ui.widget_app import screen_text

SIZES = [(60, 20), (80, 24), (120, 40), (200, 60)]


def screen_of(pilot: Pilot[int]) -> ReportsScreen:
    screen = pilot.app.screen
    assert isinstance(screen, ReportsScreen)
    return screen


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


def ids(pilot: Pilot[int]) -> list[str]:
    return [row.id for row in screen_of(pilot).table._rows]


def said(pilot: Pilot[int], text: str) -> bool:
    return any(text in message for message in messages(pilot))


async def open_reports(pilot: Pilot[int], key: str = "O") -> ReportsScreen:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, ReportsScreen))
    screen = screen_of(pilot)
    await until(pilot, lambda: screen.reader.rows is not None)
    await until(pilot, lambda: screen.reader.report is not None or not screen.reader.run_id)
    return screen


async def dialog(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ReportsScreen))


# --- what is listed and read ------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_reports_are_listed_newest_first_and_read_by_enter(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with dashboard(reported(tmp_path), size) as pilot:
        screen = await open_reports(pilot)
        assert ids(pilot) == ["r1", "r2", "r3"]
        line = next(line for line in screen_text(pilot.app) if "A URL shortener" in line)
        assert "html" in line
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.focused is screen.view)
        await until(pilot, lambda: screen.reader.run_id == "run0")
        await until(pilot, lambda: shows(pilot, "What went wrong"))
        assert max(map(len, screen_text(pilot.app))) <= size[0]
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.table)


async def test_the_report_of_the_selected_run_is_read_at_once(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        run_id = workbench_of(pilot).desk.selection.run_id
        screen = await open_reports(pilot, "o")
        await until(pilot, lambda: screen.focused is screen.view)
        assert screen.reader.run_id == run_id
        lines = "\n".join(screen_text(pilot.app))
        assert lines.index("2 of 81 tests failed.") < lines.index("Summary")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_when_the_run_ended_is_never_cut_off(tmp_path: Path, size: tuple[int, int]) -> None:
    async with dashboard(reported(tmp_path), size) as pilot:
        await open_reports(pilot, "o")
        shown = " ".join(" ".join(screen_text(pilot.app)).split())
        assert "begun 2026-03-14 09:23, ended 2026-03-14 09:26" in shown


async def test_no_report_yet_says_how_one_comes(tmp_path: Path) -> None:
    host = reported(tmp_path)
    host.reports.clear()
    async with dashboard(host, (80, 24)) as pilot:
        await open_reports(pilot)
        assert shows(pilot, "No report is stored yet.")
        assert shows(pilot, "o on a run reads its report")
        await pilot.press("s", "n")
        assert said(pilot, "There is no file of this report yet")
        assert said(pilot, "Select a report first")


async def test_the_list_is_filtered_and_widened_to_all_runs(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        screen = await open_reports(pilot)
        await pilot.press("slash", *"by task")
        await until(pilot, lambda: ids(pilot) == ["r2"])
        await pilot.press("escape")
        await until(pilot, lambda: len(ids(pilot)) == 3)
        await pilot.press("end")
        await until(pilot, lambda: screen.reader.run_id == "run0")
        await pilot.press("v")
        await until(pilot, lambda: ids(pilot) == ["r2", "r3"])
        assert shows(pilot, "Reports of this run")
        await pilot.press("v")
        await until(pilot, lambda: len(ids(pilot)) == 3)


async def test_all_parts_are_unfolded_one_by_one(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (120, 40)) as pilot:
        screen = await open_reports(pilot, "o")
        await until(pilot, lambda: screen.focused is screen.view)
        assert not shows(pilot, "line 8 of the output")
        view = screen.view
        view.move_cursor_to("failure:0")
        await pilot.press("space")
        await until(pilot, lambda: shows(pilot, "line 8 of the output"))
        await pilot.press("z")
        keys = set(view._keys)
        assert {"file:0", "patch:0", "question:0", "job:0", "change:1", "message:2"} <= keys
        view.move_cursor_to("patch:0")
        await pilot.press("space")
        await until(pilot, lambda: shows(pilot, "+new"))
        view.move_cursor_to("message:2")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, '{"prompt": "mend it"}'))
        view.move_cursor_to("step:qa_qc")
        await pilot.press("space")
        await until(pilot, lambda: shows(pilot, "attempt 2"))
        await pilot.press("z")
        assert "message:2" not in view._keys
        await pilot.press("home", "right_square_bracket")
        assert view.cursor_key == "failures"
        await pilot.press("right_square_bracket", "left_square_bracket")
        assert view.cursor_key == "failures"


async def test_a_change_of_the_run_is_shown_and_nothing_moves(tmp_path: Path) -> None:
    host = reported(tmp_path)
    async with dashboard(host, (120, 40)) as pilot:
        screen = await open_reports(pilot, "o")
        await until(pilot, lambda: screen.focused is screen.view)
        await pilot.press("end")
        chosen, top = screen.view.cursor_key, screen.view.scroll_offset.y
        host.says = sample_report(title="Another title")
        host.add_run(host.runs["run1"])
        await until(pilot, lambda: shows(pilot, "Report · Another title"))
        assert (screen.view.cursor_key, screen.view.scroll_offset.y) == (chosen, top)


async def test_ten_thousand_messages_are_unfolded_without_holding_up_the_screen(
    tmp_path: Path,
) -> None:
    host = reported(tmp_path)
    many = tuple(message(number) for number in range(10_000))
    host.says = sample_report(transcript=many, transcript_left_out=5)
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_reports(pilot, "o")
        await until(pilot, lambda: screen.focused is screen.view)
        assert shows(pilot, "What went wrong")
        screen.view.move_cursor_to("transcript")
        await pilot.press("space", "end")
        await until(pilot, lambda: shows(pilot, "Message 9999: the second line follows."))
        made = [piece for piece in screen.view._pieces if piece.key.startswith("message:")]
        assert len(made) == 10_000
        assert all(piece.line is not None for piece in made)
        await pilot.press("home")
        await until(pilot, lambda: shows(pilot, "What went wrong"))


# --- what is done -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "kind"), [("h", ReportFormat.HTML), ("p", ReportFormat.PDF), ("j", ReportFormat.JSON)]
)
async def test_a_report_is_made_in_a_format(tmp_path: Path, key: str, kind: ReportFormat) -> None:
    host = reported(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        screen = await open_reports(pilot)
        await pilot.press("down")
        await until(pilot, lambda: screen.reader.run_id == "run0")
        await dialog(pilot, "n", FormatDialog)
        await pilot.press(key)
        await until(pilot, lambda: host.done == [CreateReport("run0", kind)])
        await until(pilot, lambda: screen.table.cursor_key == "n3")
        await until(pilot, lambda: said(pilot, "The report is made, 47.1 KiB:"))


async def test_a_report_that_cannot_be_made_is_said_to_be(tmp_path: Path) -> None:
    host = reported(tmp_path)
    host.errors[CreateReport] = StorageFull("The disk is full.", "Make room.")
    async with dashboard(host, (80, 24)) as pilot:
        await open_reports(pilot)
        await dialog(pilot, "n", FormatDialog)
        await pilot.press("escape")
        await back(pilot)
        assert host.done == []
        await dialog(pilot, "n", FormatDialog)
        await pilot.press("enter")
        await until(pilot, lambda: said(pilot, "The disk is full. Make room."))


async def test_a_copy_is_saved_where_nothing_is_yet(tmp_path: Path) -> None:
    taken, new = tmp_path / "taken.html", tmp_path / "copies"
    taken.write_text("mine")
    new.mkdir()
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        await open_reports(pilot)
        await dialog(pilot, "s", SaveDialog)
        place = pilot.app.screen.query_one(Input)
        place.value = str(taken)
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "There is a file already"))
        assert taken.read_text() == "mine"
        place.value = str(tmp_path / "nowhere" / "x.html")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "could not be written"))
        place.value = str(new)
        await pilot.press("enter")
        await back(pilot)
        saved = new / "A-URL-shortener-r1.html"
        await until(pilot, lambda: said(pilot, "Saved:"))
        assert saved.read_text() == "<p>the report</p>"
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600


async def test_the_path_is_copied_and_said(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        await open_reports(pilot)
        await pilot.press("y")
        assert pilot.app.clipboard == str(tmp_path / "r1.html")
        assert said(pilot, str(tmp_path / "r1.html"))


async def test_a_file_is_opened_only_where_there_is_a_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    program.chmod(0o700)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        await open_reports(pilot)
        await pilot.press("o")
        assert said(pilot, "There is no display here: y copies the path of the file")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert why_not_open() == ""
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        screen = await open_reports(pilot)
        await pilot.press("o")
        await until(pilot, opened.exists)
        assert opened.read_text() == str(tmp_path / "r1.html")
        await pilot.press("end")
        await until(pilot, lambda: screen.table.cursor_key == "r3")
        await pilot.press("o")
        await until(pilot, lambda: said(pilot, "The file is gone"))


async def test_a_report_is_deleted_after_a_question(tmp_path: Path) -> None:
    host = reported(tmp_path)
    async with dashboard(host, (80, 24)) as pilot:
        await open_reports(pilot)
        await dialog(pilot, "d", ConfirmDialog)
        assert shows(pilot, "The run stays")
        await pilot.press("enter")
        await back(pilot)
        assert host.done == []
        await dialog(pilot, "d", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: host.done == [DeleteReport("r1")])
        await until(pilot, lambda: ids(pilot) == ["r2", "r3"])


async def test_one_goes_to_the_run_of_a_report(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        screen = await open_reports(pilot)
        await pilot.press("down")
        await until(pilot, lambda: screen.reader.run_id == "run0")
        await pilot.press("r")
        selection = workbench_of(pilot).desk.selection
        await until(pilot, lambda: selection.run_id == "run0")
        assert pilot.app.screen is workbench_of(pilot)


async def test_what_cannot_be_read_is_said_and_the_rest_works(tmp_path: Path) -> None:
    host = reported(tmp_path)
    host.errors[GetRunReport] = StorageFull("The report is too large.")
    async with dashboard(host, (120, 40)) as pilot:
        await pilot.press("O")
        await until(pilot, lambda: shows(pilot, "The report is too large."))
        assert ids(pilot) == ["r1", "r2", "r3"]
        del host.errors[GetRunReport]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: shows(pilot, "What went wrong"))
        assert [query for query in host.asked if isinstance(query, ListReports)]


# --- the rest ---------------------------------------------------------------------------


async def test_every_action_is_in_the_palette_and_the_help(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (120, 40)) as pilot:
        screen = await open_reports(pilot)
        entries = [entry.text for entry in ForedeckCommands(screen)._entries()]
        for action in REPORT_ACTIONS:
            assert any(f"({action.key_text})" in entry for entry in entries), action
        await dialog(pilot, "question_mark", HelpDialog)
        keys = str(pilot.app.screen.query_one("#help-keys", Static).render())
        for action in REPORT_ACTIONS:
            assert action.description in keys


async def test_the_mouse_unfolds_a_part(tmp_path: Path) -> None:
    async with dashboard(reported(tmp_path), (80, 24)) as pilot:
        screen = await open_reports(pilot, "o")
        await until(pilot, lambda: screen.focused is screen.view)
        index = screen.view._keys.index("failure:0")
        await pilot.click(screen.view, offset=(10, screen.view._starts[index]))
        await until(pilot, lambda: shows(pilot, "line 1 of the output"))


@pytest.mark.parametrize("size", [(60, 20), (120, 40)])
async def test_hostile_texts_are_harmless(tmp_path: Path, size: tuple[int, int]) -> None:
    host = _hostile(reported(tmp_path))
    async with dashboard(host, size) as pilot:
        screen = await open_reports(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.view)
        await pilot.press("z", "end", "space")
        text = "\n".join(screen_text(pilot.app))
        assert "\x1b" not in text
        assert "\u202e" not in text
        await dialog(pilot, "d", ConfirmDialog)
        await pilot.press("n")
        await back(pilot)
        await dialog(pilot, "n", FormatDialog)
        await pilot.press("escape")
        await back(pilot)


def _hostile(host: ReportHost) -> ReportHost:
    nasty = b"".join(HOSTILE.values())[:20_000].decode("utf-8", "replace")
    nasty = "[/] [bold]\x1b[2J\u202e" + nasty + "m" * 10_000
    report = sample_report(title=nasty, verdict_step=nasty)
    failures = (replace(report.failures[0], message=nasty, detail=Excerpt(nasty)),)
    said = (message(1, Role.TOOL, tool=nasty, content=Excerpt(nasty), arguments=Excerpt(nasty)),)
    host.says = replace(report, failures=failures, transcript=said)
    host.reports = [report_row("bad", title=nasty, project_name=nasty, run_state=nasty)]
    return host
