"""The workbench on a fake host: what the keys do, and what survives an update."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from foredeck.app.screens.pane import Pane
from foredeck.app.screens.search_bar import SearchBar
from foredeck.app.screens.transcript import TranscriptScreen
from foredeck.app.screens.workbench import Workbench
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.events import NoticeRaised, Resync
from foredeck.services.domain.records import Role
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.host.queries import GetRun, GetSidebar
from foredeck.styles.themes import DARK, LIGHT
from foredeck.widgets.dag.view import DagView
from foredeck.widgets.key_bar import KeyBar
from foredeck.widgets.project_tree import ProjectTree
from foredeck.widgets.stage_table import StageTable
from foredeck.widgets.terminal.output_pane import OutputPane
from tests.support import fake_host
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_host import FakeHost, run_detail, step_row
from tests.ui.widget_app import screen_text


def notice_of(pilot: Pilot[int], name: str) -> str:
    return workbench_of(pilot).query_one(f"#pane-{name}", Pane).notice


async def test_an_empty_dashboard_says_what_to_do() -> None:
    async with dashboard(fake_host.empty()) as pilot:
        await until(pilot, lambda: "Press n" in notice_of(pilot, "output"))
        assert "n makes the first one" in notice_of(pilot, "projects")


async def test_a_project_without_runs_is_introduced() -> None:
    host = FakeHost([fake_host.project_row()])
    async with dashboard(host) as pilot:
        await until(pilot, lambda: "n starts a run here" in notice_of(pilot, "output"))


async def test_the_working_run_is_shown_with_its_running_stage(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        workbench = workbench_of(pilot)
        assert workbench.desk.selection.run_id == "run1"
        assert workbench.desk.view.step is not None
        assert workbench.desk.view.step.key == "builder"
        assert workbench.query_one(StageTable).step_key == "builder"
        assert _file_of(workbench) == tmp_path / "builder.log"


def _file_of(workbench: Workbench) -> Path | None:
    file = workbench.desk.output.file
    return file.path if file else None


async def test_following_moves_on_with_the_running_stage(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        _advance(host)
        await until(pilot, lambda: workbench.query_one(StageTable).step_key == "qa_qc")
        assert "has no output yet" in notice_of(pilot, "output")


async def test_a_chosen_stage_stays_until_f_follows_again(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("2", "up", "enter")
        await until(pilot, lambda: workbench.desk.selection.step_key == "planner")
        assert _file_of(workbench) == tmp_path / "planner.log"
        _advance(host)
        await until(pilot, lambda: workbench.desk.view.detail is host.runs["run1"])
        assert workbench.query_one(StageTable).step_key == "planner"
        await pilot.press("f")
        await until(pilot, lambda: workbench.query_one(StageTable).step_key == "qa_qc")


async def test_who_scrolls_up_is_not_taken_to_the_next_stage(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    log = tmp_path / "builder.log"
    log.write_text("".join(f"line {number}\n" for number in range(500)))
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        await until(pilot, lambda: workbench.desk.output.lines == 500)
        await pilot.press("3", "pageup")
        await until(pilot, lambda: workbench.desk.selection.held)
        _advance(host)
        await until(pilot, lambda: workbench.desk.view.detail is host.runs["run1"])
        assert _file_of(workbench) == log
        await pilot.press("end")
        await until(pilot, lambda: workbench.query_one(StageTable).step_key == "qa_qc")


async def test_a_retry_is_followed_whatever_stage_was_read(tmp_path: Path) -> None:
    host = fake_host.failed(tmp_path)
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("2", "up", "up", "enter")
        await until(pilot, lambda: workbench.query_one(StageTable).step_key == "planner")
        await pilot.press("r")
        await until(pilot, lambda: pilot.app.screen is not workbench)
        await pilot.press("y")
        await until(pilot, lambda: workbench.query_one(StageTable).step_key == "qa_qc")


async def test_a_new_run_is_under_the_cursor_of_the_tree(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is not workbench)
        await pilot.press(*"more", "ctrl+s")
        await until(pilot, lambda: workbench.query_one(ProjectTree).run_id == "run3")
        assert _shown(workbench) == "run3"


async def test_older_runs_are_within_reach(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    for number in range(2, 40):
        older = run_detail(f"run{number}", RunState.SUCCESS, (), title=f"Older {number}")
        age = fake_host.ago(10_000 * number)
        host.runs[f"run{number}"] = replace(older, run=replace(older.run, created_at=age))
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        assert len(_runs_in(workbench)) == 20
        tree = workbench.query_one(ProjectTree)
        assert tree.cursor_index == 1
        assert tree.scroll_offset.y == 0, "the project's own row is in sight"
        await pilot.press("1", *["down"] * 20, "enter")
        await until(pilot, lambda: len(_runs_in(workbench)) == 40)


def _advance(host: FakeHost) -> None:
    detail = host.runs["run1"]
    planner, builder, qa, ready = detail.steps
    steps = (
        planner,
        replace(builder, state=StepState.SUCCESS, ended_at=fake_host.NOW),
        replace(qa, state=StepState.RUNNING, started_at=fake_host.NOW),
        ready,
    )
    host.add_run(replace(detail, steps=steps))


async def test_enter_in_the_tree_shows_another_run(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("1", "down", "enter")
        await until(pilot, lambda: workbench.desk.view.detail is not None)
        await until(pilot, lambda: _shown(workbench) == "run0")


def _shown(workbench: Workbench) -> str:
    detail = workbench.desk.view.detail
    return detail.run.id if detail else ""


async def test_the_cursor_of_the_tree_survives_updates(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("1", "down", "enter")
        await until(pilot, lambda: _shown(workbench) == "run0")
        steps = (step_row("planner", StepState.RUNNING),)
        newest = run_detail("run9", RunState.RUNNING, steps, title="A newer one")
        run = replace(newest.run, created_at=fake_host.NOW)
        host.add_run(replace(newest, run=run))
        await until(pilot, lambda: _runs_in(workbench) == ["run9", "run1", "run0"])
        assert workbench.query_one(ProjectTree).run_id == "run0"
        assert _shown(workbench) == "run0"


def _runs_in(workbench: Workbench) -> list[str]:
    sidebar = workbench.desk.reader.sidebar
    assert sidebar is not None
    return [run.id for run in sidebar.projects[0].runs]


async def test_g_switches_to_the_graph_and_back(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path), size=(80, 24)) as pilot:
        workbench = workbench_of(pilot)
        assert not workbench.graph_shown
        await pilot.press("g")
        assert workbench.desk.focused_pane == "graph"
        assert not workbench.query_one("#pane-output").display
        await pilot.press("g")
        assert workbench.desk.focused_pane == "output"


async def test_a_very_wide_screen_shows_output_and_graph_side_by_side(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path), size=(200, 60)) as pilot:
        workbench = workbench_of(pilot)
        assert workbench.query_one("#pane-output").display
        assert workbench.query_one("#pane-graph").display
        await pilot.press("g")
        assert not workbench.query_one("#pane-graph").display


async def test_the_number_keys_go_to_the_panes(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path), size=(80, 24)) as pilot:
        workbench = workbench_of(pilot)
        kinds = {"2": StageTable, "3": OutputPane, "4": DagView, "1": ProjectTree}
        for key, kind in kinds.items():
            await pilot.press(key)
            assert isinstance(workbench.focused, kind), key


async def test_b_hides_the_projects_and_a_narrow_screen_shows_them_instead(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path), size=(60, 20)) as pilot:
        workbench = workbench_of(pilot)
        assert not workbench.query_one("#pane-projects").display
        await pilot.press("b")
        assert workbench.query_one("#pane-projects").display
        assert not workbench.query_one("#main").display
        await pilot.press("down", "enter")
        await until(pilot, lambda: workbench.query_one("#main").display)


@pytest.mark.parametrize(("theme", "green"), [(DARK, "#6cc588"), (LIGHT, "#1c7a3f")])
async def test_the_green_of_a_command_is_that_of_the_theme(
    theme: str, green: str, tmp_path: Path
) -> None:
    async with dashboard(fake_host.finished(tmp_path)) as pilot:
        pilot.app.theme = theme
        await until(pilot, lambda: _colour_of(pilot, "115 passed") == green)


def _colour_of(pilot: Pilot[int], words: str) -> str | None:
    for strip in pilot.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            if text == words and style and style.color and style.color.triplet:
                return style.color.triplet.hex
    return None


async def test_search_goes_from_match_to_match(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("slash", *"created")
        bar = workbench.query_one(SearchBar)
        assert bar.display
        await until(pilot, lambda: workbench.focused is bar.query_one(Input))
        keys = [entry.label for entry in workbench.query_one(KeyBar).entries(120)]
        assert keys == ["Previous match", "Next match", "Close search"]
        output = workbench.desk.output
        await until(pilot, lambda: "2 matches" in str(bar.query_one("#search-result").render()))
        first = output.current
        await pilot.press("enter")
        await until(pilot, lambda: output.current not in {first, None})
        await pilot.press("up")
        await until(pilot, lambda: output.current == first)
        await pilot.press("escape")
        await until(pilot, lambda: not bar.display)
        assert workbench.focused is workbench.query_one(OutputPane)


async def test_e_goes_to_the_error_and_says_when_there_is_none(tmp_path: Path) -> None:
    async with dashboard(fake_host.failed(tmp_path)) as pilot:
        output = workbench_of(pilot).desk.output
        await pilot.press("e")
        await until(pilot, lambda: output.current is not None)
        lines = (tmp_path / "qa_qc.log").read_text().splitlines()
        assert "FAILED" in lines[output.current or 0]
        await pilot.press("E")
        await until(pilot, lambda: messages(pilot) == ["No earlier error in this output."])


async def test_letters_typed_into_the_search_do_nothing_else(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await pilot.press("slash", *"ncrqgtb1")
        assert pilot.app.screen is workbench_of(pilot)
        assert host.done == []
        assert workbench_of(pilot).query_one("#search-text", Input).value == "ncrqgtb1"


async def test_t_opens_the_transcript_and_goes_back(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TranscriptScreen))
        screen = pilot.app.screen
        await until(pilot, lambda: screen.query_one(Pane).notice == "")
        await pilot.press("t")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


async def test_the_transcript_names_stage_and_speaker_as_the_rest_does(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    said = host.transcripts["run1"][0]
    note = replace(said, id="note", step_key="qa_qc", role=Role.SYSTEM, content="Not logged in.")
    host.transcripts["run1"] = (*host.transcripts["run1"], note)
    async with dashboard(host) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TranscriptScreen))
        screen = pilot.app.screen
        await until(pilot, lambda: screen.query_one(Pane).notice == "")
        assert "Transcript · all stages · Build" in str(screen.query_one(Pane).border_title)
        await pilot.press("f")
        await until(pilot, lambda: "── QA/QC ──" in "\n".join(screen_text(pilot.app)))
        assert "foredeck" in "\n".join(screen_text(pilot.app))


async def test_a_key_that_does_not_apply_says_why(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: bool(messages(pilot)))
        assert messages(pilot) == ["Retry: The run is running: nothing in it has failed."]


async def test_a_notice_of_the_host_is_shown_as_plain_text(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        host.publish(NoticeRaised(severity="error", message="[red]Disk\x1b[2J full[/]"))
        await until(pilot, lambda: bool(messages(pilot)))
        assert "\x1b" not in messages(pilot)[0]
        assert "[red]" in messages(pilot)[0]


async def test_a_pane_that_cannot_be_read_says_so_and_ctrl_r_reads_it_again(
    tmp_path: Path,
) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        host.errors[GetRun] = StoreError("The database is locked.", "Close the other program.")
        host.publish(Resync())
        await until(pilot, lambda: "The database is locked." in notice_of(pilot, "stages"))
        assert "ctrl+r" in notice_of(pilot, "stages")
        assert notice_of(pilot, "projects") == ""
        host.errors.clear()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: notice_of(pilot, "stages") == "")


async def test_an_unexpected_error_becomes_one_sentence(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    errors: list[BaseException] = []
    async with dashboard(host, errors=errors) as pilot:
        host.errors[GetSidebar] = ZeroDivisionError("secret detail")
        host.publish(Resync())
        await until(pilot, lambda: bool(errors))
        await until(pilot, lambda: bool(messages(pilot)))
        assert messages(pilot)[0].startswith("Something unexpected went wrong.")
        assert "secret detail" not in messages(pilot)[0]
        assert pilot.app.is_running


async def test_a_slow_run_is_announced(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        gate = host.gates[GetRun] = asyncio.Event()
        await pilot.press("1", "down", "enter")
        await until(pilot, lambda: notice_of(pilot, "output") == "Loading…")
        gate.set()
        await until(pilot, lambda: _shown(workbench_of(pilot)) == "run0")


async def test_everything_is_in_the_palette(tmp_path: Path) -> None:
    from foredeck.app.commands import ForedeckCommands
    from foredeck.app.screens.actions import ACTIONS

    async with dashboard(fake_host.running(tmp_path)) as pilot:
        provider = ForedeckCommands(pilot.app.screen)
        texts = [str(hit.text) async for hit in provider.discover()]
    for action in ACTIONS:
        assert any(action.key_text in text for text in texts), action.action
    assert "Retry (r): not now" in texts
    assert any("Build a URL shortener" in text for text in texts)
    assert "Next error (e)" in texts


async def test_help_explains_thefocused_pane(tmp_path: Path) -> None:
    from foredeck.app.screens.modals.help import HelpDialog

    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await pilot.press("2", "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        assert "Stages" in str(pilot.app.screen.query_one("#dialog-title").render())
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


async def test_the_cursor_of_the_stages_is_in_sight_when_they_do_not_all_fit(
    tmp_path: Path,
) -> None:
    host = fake_host.failed(tmp_path)
    async with dashboard(host, size=(80, 24)) as pilot:
        workbench = workbench_of(pilot)
        await pilot.press("2", "space")
        await until(pilot, lambda: "model: The model endpoint" in "\n".join(screen_text(pilot.app)))
        await pilot.press("down")
        stages = workbench.query_one(StageTable)
        await until(pilot, lambda: stages.step_key == "prod_ready")
        await until(pilot, lambda: "Production Readin" in "\n".join(screen_text(pilot.app)))
        await pilot.press("home")
        await until(pilot, lambda: "▌✓ success   Planner" in "\n".join(screen_text(pilot.app)))
