"""A run whose output was not to be kept says so in its place, and when it went (SPEC J7)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.dashboard import dashboard, until
from tests.support.fake_host import NOW, finished
from tests.ui.widget_app import screen_text


async def test_a_stage_says_that_its_output_was_removed(tmp_path: Path) -> None:
    host = finished(tmp_path)
    (run_id,) = host.runs
    detail = host.runs[run_id]
    host.runs[run_id] = replace(detail, output_removed_at=NOW)
    for step in detail.steps:
        if step.output_path is not None:
            Path(step.output_path).unlink()
    async with dashboard(host) as pilot:
        await until(
            pilot, lambda: f"was removed on {NOW:%Y-%m-%d}" in "\n".join(screen_text(pilot.app))
        )
        assert "run_retention_days" in "\n".join(screen_text(pilot.app))
