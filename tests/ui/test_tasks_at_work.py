"""The screens of tasks and reports on real services: real codex and SQLite, a scripted model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, TextArea

from foredeck.app.application import ForedeckApp
from foredeck.app.cli.dashboard import connect
from foredeck.app.container import open_services
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.report_dialogs import FormatDialog
from foredeck.app.screens.modals.task_edit import TaskDialog
from foredeck.app.screens.modals.task_execute import ExecuteTaskDialog
from foredeck.app.screens.reports import ReportsScreen
from foredeck.app.screens.tasks import TasksScreen
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import TaskWish
from foredeck.services.host.commands import CreateProject
from foredeck.services.host.interface import Host
from foredeck.services.host.task_requests import CreateTask
from foredeck.services.rehearsal.exchange import Action, ModelRequest, Say
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.dashboard import messages, until
from tests.support.house import PATIENCE, House
from tests.ui.widget_app import screen_text

pytestmark = pytest.mark.codex


class Obliging:
    """Answers every turn with the same words."""

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        del request
        return [Say("All links are in order.")]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in ("CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with ModelServer(Obliging(), pace=0) as server:
        yield House(tmp_path, server.base_url)


async def _begin(host: Host) -> None:
    await host.do(CreateProject("shop"))


@asynccontextmanager
async def at_work(house: House, *, as_client: bool = False) -> AsyncIterator[Pilot[int]]:
    """Open the screen of tasks; the host is in this dashboard, or another one's."""
    errors: list[BaseException] = []
    async with AsyncExitStack() as stack:
        if as_client:
            await stack.enter_async_context(open_services(house.settings, "another"))
        app = ForedeckApp(partial(connect, house.settings, _begin), report_error=errors.append)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.host is not None)
            await until(pilot, lambda: bool(app.workbench.desk.selection.project_id))
            assert bool(app.attached_to) == as_client
            await pilot.press("T")
            await until(pilot, lambda: isinstance(app.screen, TasksScreen))
            await until(pilot, lambda: screen_of(pilot).reader.tasks is not None)
            yield pilot
        await app.disconnect()
    assert errors == []


def screen_of(pilot: Pilot[int]) -> TasksScreen:
    assert isinstance(pilot.app.screen, TasksScreen)
    return pilot.app.screen


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


def host_of(pilot: Pilot[int]) -> Host:
    assert isinstance(pilot.app, ForedeckApp)
    assert pilot.app.host is not None
    return pilot.app.host


async def dialog(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


async def make(pilot: Pilot[int], **fields: str) -> None:
    """Make a task, as a person does in the form."""
    await dialog(pilot, "n", TaskDialog)
    form = pilot.app.screen
    for name, text in fields.items():
        field = form.query_one(f"#{name}")
        if isinstance(field, TextArea):
            field.text = text
        else:
            assert isinstance(field, Input | Select)
            field.value = text
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, TasksScreen))
    await until(pilot, lambda: _name_at_cursor(pilot) == fields["name"])


def _name_at_cursor(pilot: Pilot[int]) -> str:
    row = screen_of(pilot).row
    return row.name if row is not None else ""


@pytest.mark.parametrize("as_client", [False, True])
async def test_a_task_is_made_executed_and_its_report_is_read(
    house: House, as_client: bool
) -> None:
    async with at_work(house, as_client=as_client) as pilot:
        assert shows(pilot, "No tasks yet.")
        await make(pilot, name="links", prompt="Check {{what}}.", mode="direct", report="json")
        await dialog(pilot, "x", ExecuteTaskDialog)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "It has no value."))
        await pilot.press(*"links")
        await until(pilot, lambda: shows(pilot, "Check links."))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, TasksScreen))
        screen = screen_of(pilot)
        async with asyncio.timeout(PATIENCE):
            while not (screen.row and screen.row.last_state is RunState.SUCCESS):
                await pilot.pause(0.02)
            while not shows(pilot, "All links are in order."):
                await pilot.pause(0.02)
            while not (screen.reader.detail and screen.reader.detail.executions[0].report_id):
                await pilot.pause(0.02)
        assert screen.row.task.successes == 1
        await dialog(pilot, "o", ReportsScreen)
        reports = pilot.app.screen
        assert isinstance(reports, ReportsScreen)
        await until(pilot, lambda: reports.reader.report is not None)
        await until(pilot, lambda: reports.focused is reports.view)
        assert shows(pilot, "task links: what=links")
        await dialog(pilot, "n", FormatDialog)
        await pilot.press("h")
        await until(pilot, lambda: len(reports.reader.rows or ()) == 2)
        rows = {row.format.value: row for row in reports.reader.rows or ()}
        assert rows["json"].automatic
        assert json.loads(Path(rows["json"].path).read_text())["run"]["state"] == "success"
        assert not rows["html"].automatic
        assert "All links are in order." in Path(rows["html"].path).read_text()


async def test_every_mistake_of_the_real_rules_stands_beside_its_field(house: House) -> None:
    async with at_work(house) as pilot:
        await make(pilot, name="taken", prompt="Look.")
        await dialog(pilot, "n", TaskDialog)
        form = pilot.app.screen
        assert isinstance(form, TaskDialog)
        wrong = {
            "name": "taken",
            "workflow": "nowhere",
            "tags": "x" * 60,
            "cron": "61 * * * *",
            "timezone": "Europe/Berlim",
            "catch_up": "1000",
            "jitter": "-1",
            "allowed": "Raed",
            "disallowed": "mcp__none",
            "timeout": "0",
            "budget_cost": "-1",
            "directory": "../out",
        }
        for name, text in wrong.items():
            form.query_one(f"#{name}", Input).value = text
        form.query_one("#prompt", TextArea).text = "Look at {{what"
        form.query_one("#variables", TextArea).text = "1x = a"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(form.query(".-wrong")))
        told = {
            name: str(field.query_one(".input-mistake", Static).render())
            for name, field in form._fields.items()
            if field.has_class("-wrong")
        }
        assert set(told) == set(wrong) | {"prompt", "variables"}
        assert "There is a task taken already" in told["name"]
        assert "did you mean" in told["allowed"].casefold()
        assert "1x" in told["variables"]
        assert "Mend what is marked above" in str(form.query_one("#dialog-error", Static).render())


async def test_a_task_is_deleted_and_brought_back_and_its_schedule_with_it(house: House) -> None:
    async with at_work(house) as pilot:
        await make(pilot, name="nightly", prompt="Look.", cron="0 3 29 2 *", timezone="UTC")
        await until(pilot, lambda: shows(pilot, "1 scheduled  next: nightly"))
        await dialog(pilot, "d", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "No tasks yet."))
        await until(pilot, lambda: shows(pilot, "0 scheduled"))
        await pilot.press("u")
        await until(pilot, lambda: shows(pilot, "1 scheduled  next: nightly"))
        await pilot.press("p")
        await until(pilot, lambda: shows(pilot, "paused since"))
        await pilot.press("p")
        await until(pilot, lambda: not shows(pilot, "paused since"))
        await pilot.press("t")
        await until(pilot, lambda: shows(pilot, "0 scheduled"))
        await pilot.press("escape")
        assert not any("unexpected" in message for message in messages(pilot))


async def test_what_another_client_makes_is_listed_at_once(house: House) -> None:
    async with at_work(house) as pilot:
        host = host_of(pilot)
        await host.do(CreateTask(TaskWish("from elsewhere", "Look.", project="shop")))
        await until(pilot, lambda: shows(pilot, "from elsewhere"))
