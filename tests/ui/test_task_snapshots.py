"""Pictures of the screens of tasks and reports; look at them before you accept new ones.

`pytest tests/ui/test_task_snapshots.py --snapshot-update` takes them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from foredeck.app.application import ForedeckApp
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.report_dialogs import FormatDialog, SaveDialog
from foredeck.app.screens.modals.task_edit import TaskDialog
from foredeck.app.screens.modals.task_execute import ExecuteTaskDialog
from foredeck.app.screens.reports import ReportsScreen
from foredeck.app.screens.tasks import TasksScreen
from foredeck.styles.themes import DARK
from tests.support.dashboard import make_app, settled, until
from tests.support.fake_reports import ReportHost, reported

SIZES = {"60x20": (60, 20), "80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
MAIN = ("80x24", "120x40")

Compare = Callable[..., bool]

pytestmark = pytest.mark.usefixtures("utc")


@pytest.fixture
def host(tmp_path: Path) -> ReportHost:
    """Tasks, executions and reports; nothing in a picture depends on where the files are."""
    return reported(tmp_path)


def pictured(host: ReportHost) -> ForedeckApp:
    app = make_app(host.connect)
    app.theme = DARK
    return app


async def open_tasks(pilot: Pilot[int], host: ReportHost, task_id: str = "") -> TasksScreen:
    app = pilot.app
    assert isinstance(app, ForedeckApp)
    await until(pilot, lambda: settled(app, host))
    await pilot.press("T")
    await until(pilot, lambda: isinstance(app.screen, TasksScreen))
    screen = app.screen
    assert isinstance(screen, TasksScreen)
    await until(pilot, lambda: screen.focused is screen.listed.table or not host.tasks)
    if task_id:
        screen.listed.table.move_cursor_to(task_id)
        shown = screen._task_shown
        await until(pilot, lambda: not shown or _detail_of(screen) == task_id)
    return screen


def _detail_of(screen: TasksScreen) -> str:
    return screen.reader.detail.row.id if screen.reader.detail else ""


async def open_reports(pilot: Pilot[int], host: ReportHost, key: str) -> ReportsScreen:
    app = pilot.app
    assert isinstance(app, ForedeckApp)
    await until(pilot, lambda: settled(app, host))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ReportsScreen))
    screen = app.screen
    assert isinstance(screen, ReportsScreen)
    await until(pilot, lambda: screen.reader.rows is not None)
    await until(pilot, lambda: screen.reader.report is not None or not host.reports)
    await until(pilot, lambda: screen.focused is not None or not host.reports)
    return screen


async def over(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


@pytest.mark.parametrize("size", SIZES)
def test_tasks(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_tasks(pilot, host, "t1")

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


def test_tasks_without_colours(
    host: ReportHost, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def before(pilot: Pilot[int]) -> None:
        await open_tasks(pilot, host, "t1")

    assert snap_compare(pictured(host), terminal_size=SIZES["80x24"], run_before=before)


@pytest.mark.parametrize("size", MAIN)
def test_no_tasks(size: str, host: ReportHost, snap_compare: Compare) -> None:
    host.tasks.clear()

    async def before(pilot: Pilot[int]) -> None:
        screen = await open_tasks(pilot, host)
        await until(pilot, lambda: "No tasks yet." in screen.listed.notice)

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", MAIN)
def test_one_task(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        screen = await open_tasks(pilot, host, "t1")
        await pilot.press("enter")
        await until(pilot, lambda: screen.details.cursor_key == "execution:e1")

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", MAIN)
def test_task_form_with_mistakes(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_tasks(pilot, host, "t1")
        await over(pilot, "n", TaskDialog)
        form = pilot.app.screen
        form.query_one("#timezone", Input).value = "UTC"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(form.query(".-wrong")))
        form.set_focus(None)
        await pilot.pause()

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", MAIN)
def test_task_form_with_a_schedule(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_tasks(pilot, host, "t1")
        await over(pilot, "e", TaskDialog)
        form = pilot.app.screen
        await until(pilot, lambda: bool(form.query(".-remarked")))
        form.query_one("#cron").focus()
        await pilot.pause()
        form.set_focus(None)
        await pilot.pause()

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", MAIN)
def test_execute_dialog(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_tasks(pilot, host, "t5")
        await over(pilot, "x", ExecuteTaskDialog)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(pilot.app.screen.query(".-wrong")))
        pilot.app.screen.set_focus(None)
        await pilot.pause()

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


def test_delete_confirmation(host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_tasks(pilot, host, "t1")
        await over(pilot, "d", ConfirmDialog)

    assert snap_compare(pictured(host), terminal_size=SIZES["80x24"], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_reports(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_reports(pilot, host, "O")

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_report_of_a_run(size: str, host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        screen = await open_reports(pilot, host, "o")
        await until(pilot, lambda: screen.focused is screen.view)

    assert snap_compare(pictured(host), terminal_size=SIZES[size], run_before=before)


def test_report_with_all_parts_unfolded(host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        screen = await open_reports(pilot, host, "o")
        await until(pilot, lambda: screen.focused is screen.view)
        await pilot.press("z")
        for key in ("message:2", "patch:0", "job:0"):
            screen.view.move_cursor_to(key)
            await pilot.press("space")
        await pilot.press("end")

    assert snap_compare(pictured(host), terminal_size=SIZES["120x40"], run_before=before)


def test_format_dialog(host: ReportHost, snap_compare: Compare) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await open_reports(pilot, host, "o")
        await over(pilot, "n", FormatDialog)

    assert snap_compare(pictured(host), terminal_size=SIZES["80x24"], run_before=before)


def test_save_dialog(
    host: ReportHost, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/home/ada"))

    async def before(pilot: Pilot[int]) -> None:
        await open_reports(pilot, host, "O")
        await over(pilot, "s", SaveDialog)
        pilot.app.screen.set_focus(None)
        await pilot.pause()

    assert snap_compare(pictured(host), terminal_size=SIZES["80x24"], run_before=before)
