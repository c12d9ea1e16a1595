"""Keys in one packet, as a slow line brings them, have their effects one after another."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.app import App
from textual.widgets import Input, TextArea

from foredeck.app.screens.modals.task_edit import TaskDialog
from tests.support.dashboard import dashboard, until
from tests.support.fake_tasks import tasked
from tests.ui.test_tasks import dialog, open_tasks, screen_of

_NAMES = {
    "\t": "tab",
    "\r": "enter",
    "\x7f": "backspace",
    " ": "space",
    "\x1b": "escape",
    "/": "slash",
}


def burst(app: App[int], text: str) -> None:
    """Press these keys before any of them has had an effect."""
    assert app._driver is not None
    for one in text:
        key = _NAMES.get(one, one)
        app._driver.send_message(events.Key(key, one if one.isprintable() else None))


async def test_letters_after_a_tab_or_enter_go_into_the_next_field(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path)) as pilot:
        await open_tasks(pilot)
        await dialog(pilot, "n", TaskDialog)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        form = pilot.app.screen
        burst(pilot.app, "weeklz\x7fy\rTidy up\tday = mon")
        await until(pilot, lambda: form.query_one("#variables", TextArea).text == "day = mon")
        assert form.query_one("#name", Input).value == "weekly"
        assert form.query_one("#prompt", TextArea).text == "Tidy up"


async def test_keys_go_on_when_what_had_the_focus_goes_away(tmp_path: Path) -> None:
    async with dashboard(tasked(tmp_path)) as pilot:
        screen = await open_tasks(pilot)
        await dialog(pilot, "n", TaskDialog)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        burst(pilot.app, "weekly\x1b/nightlz\x7fy\r")
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: screen.filter_bar.text == "nightly")
        await until(pilot, lambda: screen_of(pilot).focused is screen.listed.table)
