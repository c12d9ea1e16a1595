"""The screen of jobs on real services with real processes: in its own process, and as a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, TextArea

from foredeck.app.application import ForedeckApp
from foredeck.app.cli.dashboard import connect
from foredeck.app.container import open_services
from foredeck.app.screens.jobs import JobsScreen
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.job_cancel import CancelJobDialog
from foredeck.app.screens.modals.job_submit import SubmitJobDialog
from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.jobs import BatchWish, JobWish, Priority
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.host.commands import CreateProject, SubmitBatch, SubmitJob
from foredeck.services.host.interface import Host
from foredeck.services.settings import Settings
from tests.support.dashboard import messages, until
from tests.support.process_table import mentioning
from tests.ui.widget_app import screen_text

S = JobState
WAIT = "until test -e go; do sleep 0.02; done"


@asynccontextmanager
async def at_work(base: Path, *, as_client: bool) -> AsyncIterator[Pilot[int]]:
    """Open the screen of jobs; the host is in this dashboard, or another one's."""
    settings = Settings(
        data_dir=base / "data",
        workspaces_root=base / "workspaces",
        codex_home=base / "codex",
        grace=0.5,
        job_limit=2,
        command_policy={Rule.SUDO: PolicyAction.CONFIRM},
    )
    errors: list[BaseException] = []
    async with AsyncExitStack() as stack:
        if as_client:
            await stack.enter_async_context(open_services(settings, "another"))
        app = ForedeckApp(partial(connect, settings, _begin), report_error=errors.append)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.host is not None)
            await until(pilot, lambda: bool(app.workbench.desk.selection.project_id))
            assert bool(app.attached_to) == as_client
            await pilot.press("J")
            await until(pilot, lambda: isinstance(app.screen, JobsScreen))
            await until(pilot, lambda: screen_of(pilot).reader.board is not None)
            yield pilot
        await app.disconnect()
    assert errors == []
    assert mentioning(str(base)) == []


async def _begin(host: Host) -> None:
    await host.do(CreateProject("demo"))


def host_of(pilot: Pilot[int]) -> Host:
    assert isinstance(pilot.app, ForedeckApp)
    assert pilot.app.host is not None
    return pilot.app.host


def screen_of(pilot: Pilot[int]) -> JobsScreen:
    assert isinstance(pilot.app.screen, JobsScreen)
    return pilot.app.screen


def state(pilot: Pilot[int], name: str) -> JobState | None:
    """Return how a job stands as the list has it."""
    rows = screen_of(pilot).listed.table._rows
    return next((row.state for row in rows if row.name == name), None)


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


async def submit(pilot: Pilot[int], name: str, command: str, **fields: str | bool) -> None:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, SubmitJobDialog))
    form = pilot.app.screen
    form.query_one("#name", Input).value = name
    form.query_one("#command", TextArea).text = command
    for field, value in fields.items():
        form.query_one(f"#{field}", Select).value = value
    await pilot.press("ctrl+s")


@pytest.mark.parametrize("as_client", [False, True])
async def test_jobs_are_submitted_watched_and_directed(tmp_path: Path, as_client: bool) -> None:
    workspace = tmp_path / "workspaces" / "demo"
    async with at_work(tmp_path, as_client=as_client) as pilot:
        await submit(pilot, "watched", f"echo begun; {WAIT}; echo over; exit 3", project="")
        await until(pilot, lambda: state(pilot, "watched") is S.IN_PROGRESS)
        output = screen_of(pilot).job.output
        await until(pilot, lambda: "begun" in output.visible_text())
        # Of the project for odds and ends, as it was chosen.
        workspace = tmp_path / "workspaces" / "scratch"
        (workspace / "go").touch()
        await until(pilot, lambda: "over" in output.visible_text())
        await until(pilot, lambda: state(pilot, "watched") is S.FAILED)
        await until(pilot, lambda: shows(pilot, "exit code 3"))
        await pilot.press("r")
        await until(pilot, lambda: shows(pilot, "attempt 2"))
        await until(pilot, lambda: state(pilot, "watched") is S.FAILED)
        assert shows(pilot, "retries 1/3")

        (workspace / "go").unlink()
        for name in ("one", "two"):
            await submit(pilot, name, WAIT)
            await until(pilot, lambda name=name: state(pilot, name) is S.IN_PROGRESS)  # type: ignore[misc]
        await submit(pilot, "patient", "true", priority="low")
        await until(pilot, lambda: state(pilot, "patient") is S.QUEUED)
        await until(pilot, lambda: shows(pilot, "2/2 working  ◌ 1 waiting"))
        await pilot.press("plus")
        await until(pilot, lambda: shows(pilot, "normal priority"))
        await pilot.press("home", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CancelJobDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await until(pilot, lambda: state(pilot, "one") is S.CANCELLED)
        await until(pilot, lambda: state(pilot, "patient") is S.COMPLETED)
        (workspace / "go").touch()
        await until(pilot, lambda: state(pilot, "two") is S.COMPLETED)


@pytest.mark.parametrize("as_client", [False, True])
async def test_a_paused_queue_shows_in_which_order_it_will_go_on(
    tmp_path: Path, as_client: bool
) -> None:
    async with at_work(tmp_path, as_client=as_client) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: shows(pilot, "paused since"))
        host = host_of(pilot)
        for priority in Priority:
            await host.do(SubmitJob(JobWish(priority.value, "true", priority=priority)))
        await host.do(SubmitJob(JobWish("held", "true"), hold=True))
        job = JobWish("many", priority=Priority.HIGH)
        commands = ("exit 1", "true", "true")
        batch = await host.do(SubmitBatch(BatchWish(job, commands=commands)))
        table = screen_of(pilot).listed.table
        await until(
            pilot,
            lambda: (
                [row.name for row in table._rows]
                == ["critical", "high", "many", "normal", "low", "held"]
            ),
        )
        table.move_cursor_to(batch.id)
        await until(pilot, lambda: shows(pilot, "many 0/3"))
        await pilot.press("p")
        await until(pilot, lambda: state(pilot, "many") is S.FAILED)
        assert shows(pilot, "many 3/3")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "Batch many"))
        await until(pilot, lambda: state(pilot, "many (1/3)") is S.FAILED)
        assert all(row.state in FINAL_JOBS for row in screen_of(pilot).listed.table._rows)
        await pilot.press("escape", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        assert shows(pilot, "2 jobs completed: not repeated.")
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await until(pilot, lambda: "What failed in “many” is queued again." in messages(pilot))
        await until(pilot, lambda: state(pilot, "many") is S.FAILED)


async def test_a_command_that_the_policy_asks_about_is_asked_about(tmp_path: Path) -> None:
    async with at_work(tmp_path, as_client=False) as pilot:
        await submit(pilot, "bold", "sudo true", hold=True)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        assert shows(pilot, "sudo true")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SubmitJobDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await until(pilot, lambda: state(pilot, "bold") is S.PENDING)


async def test_the_project_of_the_workbench_is_where_a_new_job_goes(tmp_path: Path) -> None:
    async with at_work(tmp_path, as_client=False) as pilot:
        await submit(pilot, "first", "true")
        await until(pilot, lambda: state(pilot, "first") is S.COMPLETED)
        assert screen_of(pilot).listed.table._rows[0].project_name == "demo"
