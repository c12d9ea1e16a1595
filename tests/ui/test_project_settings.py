"""What a project decides, with keys alone, at 80×24."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static

from foredeck.app.screens.modals.project_settings import ProjectSettingsDialog
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.host.commands import ChangeProjectSettings
from tests.support import fake_host
from tests.support.dashboard import dashboard, until, workbench_of


async def open_dialog(pilot: Pilot[int]) -> None:
    await pilot.press("P")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProjectSettingsDialog))


async def test_what_is_changed_is_saved_and_nothing_else(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.wishes = {"verify": "make", "budget_tokens": "5000"}
    async with dashboard(host, size=(80, 24)) as pilot:
        await open_dialog(pilot)
        dialog = pilot.app.screen
        assert dialog.query_one("#verify", Input).value == "make"
        assert all(dialog.region.contains_region(b.region) for b in dialog.query(Button))
        await pilot.press(*"gpt-5.5")
        dialog.query_one("#sandbox", Select).value = "read-only"
        dialog.query_one("#verify", Input).value = ""
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
    changes = {"model": "gpt-5.5", "sandbox": "read-only", "verify": None}
    assert host.done == [ChangeProjectSettings("p1", changes)]
    assert host.wishes == {"model": "gpt-5.5", "sandbox": "read-only", "budget_tokens": "5000"}


async def test_a_mistake_is_said_and_nothing_typed_is_lost(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.errors[ChangeProjectSettings] = InvalidInput("budget_cost: expected a [number].")
    async with dashboard(host, size=(80, 24)) as pilot:
        await open_dialog(pilot)
        pilot.app.screen.query_one("#budget_cost", Input).value = "much"
        await pilot.press("ctrl+s")
        error = pilot.app.screen.query_one("#dialog-error", Static)
        await until(pilot, lambda: "expected a [number]" in str(error.render()))
        assert pilot.app.screen.query_one("#budget_cost", Input).value == "much"
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
    assert host.wishes == {}


async def test_without_a_change_nothing_is_asked_of_the_host(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host, size=(80, 24)) as pilot:
        await open_dialog(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
    assert host.done == []
