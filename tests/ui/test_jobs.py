"""The jobs at work, listed with keys alone, and the way from one to its stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from foredeck.app.screens.modals.jobs import JobsDialog
from foredeck.services.domain.errors import HostGone
from foredeck.services.domain.states import JobState
from foredeck.services.host.queries import ListJobs
from tests.support.dashboard import dashboard, until, workbench_of
from tests.support.fake_jobs import JobHost, busy, job_row


def lines(pilot: Pilot[int]) -> list[str]:
    options = pilot.app.screen.query_one("#jobs", OptionList).options
    return [str(option.prompt) for option in options]


def said(pilot: Pilot[int]) -> str:
    return str(pilot.app.screen.query_one("#dialog-error", Static).render())


async def open_jobs(pilot: Pilot[int], count: int) -> None:
    await pilot.press("J")
    await until(pilot, lambda: isinstance(pilot.app.screen, JobsDialog))
    await until(pilot, lambda: "Reading" not in lines(pilot)[0] and len(lines(pilot)) == count)


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 40)])
async def test_what_works_is_listed_and_one_goes_to_its_stage(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with dashboard(busy(tmp_path), size) as pilot:
        await open_jobs(pilot, 2)
        first, second = lines(pilot)
        assert first.startswith("● running")
        assert "2m 14s" in first
        assert "codex" in first
        assert second.startswith("◌ queued")
        assert "test-3.12" in second
        await pilot.press("v")
        await until(pilot, lambda: len(lines(pilot)) == 5)
        await pilot.press("j", "j", "j", "enter")
        selection = workbench_of(pilot).desk.selection
        await until(pilot, lambda: selection.run_id == "run0")
        assert selection.step_key == "qa_qc"
        shown = workbench_of(pilot).desk.view
        await until(pilot, lambda: shown.step is not None and shown.step.key == "qa_qc")
        assert not isinstance(pilot.app.screen, JobsDialog)


async def test_a_change_is_shown_and_the_cursor_stays_on_its_job(tmp_path: Path) -> None:
    host = busy(tmp_path)
    async with dashboard(host) as pilot:
        await open_jobs(pilot, 2)
        await pilot.press("down")
        host.jobs.insert(0, job_row("j6", JobState.IN_PROGRESS, step_key="late"))
        host.change(replace(host.jobs[2], state=JobState.IN_PROGRESS))
        await until(pilot, lambda: len(lines(pilot)) == 3)
        listed = pilot.app.screen.query_one("#jobs", OptionList)
        await until(pilot, lambda: "test-3.12" in lines(pilot)[listed.highlighted or 0])
        host.jobs.clear()
        host.change(job_row("j6"))
        await until(pilot, lambda: lines(pilot) == ["Nothing works just now."])
        assert said(pilot) == "v shows what was done before."
        await pilot.press("enter", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, JobsDialog))


async def test_a_job_without_a_run_leads_nowhere_and_says_so(tmp_path: Path) -> None:
    host = busy(tmp_path)
    host.jobs = host.jobs[-1:]
    async with dashboard(host) as pilot:
        await open_jobs(pilot, 1)
        await pilot.press("v")
        await until(pilot, lambda: lines(pilot)[0].startswith("? lost"))
        await pilot.press("enter")
        await until(pilot, lambda: "belongs to no run" in said(pilot))


async def test_what_the_host_cannot_tell_is_said_and_nothing_breaks(tmp_path: Path) -> None:
    host: JobHost = busy(tmp_path)
    host.jobs[0] = replace(host.jobs[0], run_title="[/] \x1b]52;c;eA==\x07 title", step_key="[b]x")
    async with dashboard(host) as pilot:
        await open_jobs(pilot, 2)
        assert "[b]x" in lines(pilot)[0]
        assert "\x1b" not in lines(pilot)[0]
        host.errors[ListJobs] = HostGone("The host is gone.", "Wait for it.")
        await pilot.press("v")
        await until(pilot, lambda: "The host is gone." in said(pilot))
        assert len(lines(pilot)) == 2
