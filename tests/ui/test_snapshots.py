"""Pictures of the workbench in its main states; look at them before you accept new ones.

`pytest tests/ui/test_snapshots.py --snapshot-update` takes them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from foredeck.app.application import ForedeckApp
from foredeck.app.screens.audit import AuditScreen
from foredeck.app.screens.jobs import JobsScreen
from foredeck.app.screens.modals.budget import BudgetDialog
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.job_submit import SubmitJobDialog
from foredeck.app.screens.modals.new_run import NewRunDialog
from foredeck.app.screens.modals.prompt import PromptDialog
from foredeck.app.screens.modals.retry import RetryDialog
from foredeck.app.screens.modals.workflow import WorkflowDialog
from foredeck.app.screens.modals.workflows import WorkflowsDialog
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.transcript import TranscriptScreen
from foredeck.services.domain.audit import AuditVerdict
from foredeck.styles.themes import DARK
from foredeck.widgets.status_bar import StatusBar
from tests.support import fake_host
from tests.support.audit_host import StillHost, still_rows
from tests.support.dashboard import make_app, settled, until, workbench_of
from tests.support.fake_host import FakeHost
from tests.support.fake_jobs import busy
from tests.support.fake_workflows import release, workshop

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
STATES = ("empty", "running", "failed", "finished")

Compare = Callable[..., bool]

pytestmark = pytest.mark.usefixtures("utc")


def build(state: str, directory: Path) -> tuple[ForedeckApp, FakeHost]:
    host = fake_host.empty() if state == "empty" else getattr(fake_host, state)(directory)
    return dark(host), host


def dark(host: FakeHost) -> ForedeckApp:
    """Return the app on a host, not in what the terminal of the test run is able to show."""
    app = make_app(host.connect)
    app.theme = DARK
    return app


async def still(pilot: Pilot[int], host: FakeHost) -> None:
    """Wait until nothing on the workbench is still to come, and stop what pulses."""
    app = pilot.app
    assert isinstance(app, ForedeckApp)
    await until(pilot, lambda: settled(app, host))
    workbench, output = workbench_of(pilot), workbench_of(pilot).desk.output
    await until(pilot, lambda: workbench.query_one(StatusBar)._status is not None)
    await until(pilot, lambda: not host.projects or workbench.focused is not None)
    await until(pilot, lambda: not host.runs or bool(output.visible_text()))
    workbench.refresh(layout=True)  # once the stages had a row too many, of what was there before
    await pilot.pause()


async def press(pilot: Pilot[int], host: FakeHost, key: str, kind: type) -> None:
    await still(pilot, host)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_workbench(state: str, size: str, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build(state, tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await still(pilot, host)

    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_graph(size: str, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("failed", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await still(pilot, host)
        await pilot.press("g")
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", ["60x20", "200x60"])
def test_other_sizes(size: str, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("failed", tmp_path)
    width, height = map(int, size.split("x"))

    async def before(pilot: Pilot[int]) -> None:
        await still(pilot, host)

    assert snap_compare(app, terminal_size=(width, height), run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_new_run_dialog(size: str, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("empty", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, "n", NewRunDialog)
        await pilot.press(*"notes", "ctrl+s")
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_cancel_confirmation(size: str, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("running", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, "c", ConfirmDialog)

    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize(("key", "kind"), [("i", PromptDialog), ("B", BudgetDialog)])
def test_intervention_dialogs(key: str, kind: type, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("failed", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, key, kind)
        pilot.app.screen.set_focus(None)
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES["80x24"], run_before=before)


async def open_jobs(pilot: Pilot[int], host: FakeHost) -> JobsScreen:
    await press(pilot, host, "J", JobsScreen)
    screen = pilot.app.screen
    assert isinstance(screen, JobsScreen)
    await until(pilot, lambda: screen.focused is screen.listed.table)
    return screen


@pytest.mark.parametrize("size", SIZES)
def test_jobs(size: str, snap_compare: Compare, tmp_path: Path) -> None:
    host = busy(tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        screen = await open_jobs(pilot, host)
        output = screen.job.output
        await until(pilot, lambda: size == "80x24" or "the end" in output.visible_text())

    assert snap_compare(dark(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_one_job(size: str, snap_compare: Compare, tmp_path: Path) -> None:
    host = busy(tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        screen = await open_jobs(pilot, host)
        output = screen.job.output
        await pilot.press("v", "v")
        await until(pilot, lambda: screen.row is not None and screen.row.name == "lint")
        await pilot.press("enter")
        await until(pilot, lambda: "lint says" in output.visible_text())
        await until(pilot, lambda: screen.focused is output)

    assert snap_compare(dark(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_batch(size: str, snap_compare: Compare, tmp_path: Path) -> None:
    host = busy(tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        above = await open_jobs(pilot, host)
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is not above)
        screen = pilot.app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, lambda: screen.focused is screen.listed.table)
        output = screen.job.output
        await until(pilot, lambda: size == "80x24" or "the end" in output.visible_text())

    assert snap_compare(dark(host), terminal_size=SIZES[size], run_before=before)


def test_job_dialog(snap_compare: Compare, tmp_path: Path) -> None:
    host = busy(tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await open_jobs(pilot, host)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SubmitJobDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(pilot.app.screen.query(".-wrong")))
        pilot.app.screen.set_focus(None)
        await pilot.pause()

    assert snap_compare(dark(host), terminal_size=SIZES["80x24"], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_workflows_dialog(size: str, snap_compare: Compare) -> None:
    host = workshop()

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, "w", WorkflowsDialog)
        listed = pilot.app.screen.query_one("#workflows", OptionList)
        await until(pilot, lambda: len(listed.options) == len(host.workflows))
        listed.highlighted = 1
        about = pilot.app.screen.query_one("#about-text", Static)
        await until(pilot, lambda: "Build, sign off and ship." in str(about.render()))

    assert snap_compare(dark(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_workflow_dialog(size: str, snap_compare: Compare) -> None:
    host = workshop(release())

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, "w", WorkflowsDialog)
        listed = pilot.app.screen.query_one("#workflows", OptionList)
        await until(pilot, lambda: str(listed.options[0].prompt).startswith("release"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(pilot.app.screen.query(".-wrong")))
        await until(pilot, lambda: not pilot.app.screen.query_one("#start").disabled)
        pilot.app.screen.set_focus(None)
        await pilot.pause()

    assert snap_compare(dark(host), terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_retry_dialog(size: str, tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("failed", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await still(pilot, host)
        await pilot.press("4")
        await press(pilot, host, "r", RetryDialog)

    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)


def test_transcript(tmp_path: Path, snap_compare: Compare) -> None:
    app, host = build("running", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, "t", TranscriptScreen)
        await until(pilot, lambda: not pilot.app.screen.query_one(Pane).notice)

    assert snap_compare(app, terminal_size=(120, 40), run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_audit(size: str, snap_compare: Compare) -> None:
    broken = AuditVerdict(3, 4, "Row 4 does not fit the rows before it: it was changed.")
    host = StillHost(rows=still_rows(), verdict=broken)

    async def before(pilot: Pilot[int]) -> None:
        await press(pilot, host, "A", AuditScreen)
        screen = pilot.app.screen
        assert isinstance(screen, AuditScreen)
        await until(pilot, lambda: screen.focused is screen.listed.table)
        await pilot.press("v")
        await until(pilot, lambda: screen.row is not None and screen.row.seq == 4)
        await pilot.press("up")
        await pilot.pause()

    assert snap_compare(dark(host), terminal_size=SIZES[size], run_before=before)
