"""The files of a project, with keys alone, at 80×24."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.files import FilesDialog
from tests.support import fake_host
from tests.support.dashboard import dashboard, until, workbench_of


def said(pilot: Pilot[int]) -> str:
    return str(pilot.app.screen.query_one("#dialog-error", Static).render())


def listed(pilot: Pilot[int]) -> list[str]:
    options = pilot.app.screen.query_one("#files", OptionList)
    return [str(options.get_option_at_index(n).prompt) for n in range(options.option_count)]


async def test_files_are_added_listed_and_deleted_after_a_yes(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host, size=(80, 24)) as pilot:
        await pilot.press("F")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilesDialog))
        await until(pilot, lambda: "No files yet" in listed(pilot)[0])
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Which file" in said(pilot))
        source = pilot.app.screen.query_one("#source", Input)
        source.value = "/tmp/[red]spec.md"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Added: [red]spec.md" in said(pilot))
        assert listed(pilot)[0].startswith("[red]spec.md")
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilesDialog))
        await until(pilot, lambda: "Deleted: [red]spec.md" in said(pilot))
        assert host.files == []
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
