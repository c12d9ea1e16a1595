"""A key is answered at once, also while no frame comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events

from tests.support import fake_host
from tests.support.dashboard import TIMEOUT, dashboard, workbench_of


async def test_what_a_key_changes_does_not_wait_for_a_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await pilot.press("1")
        painted = asyncio.Event()
        monkeypatch.setattr(workbench_of(pilot)._update_timer, "resume", lambda: None)
        monkeypatch.setattr(pilot.app, "post_display_hook", painted.set)
        for key in "jkjk":  # the pilot would paint by itself whenever it waits
            painted.clear()
            pilot.app.post_message(events.Key(key, key))
            await asyncio.wait_for(painted.wait(), TIMEOUT)
