"""Pause, skip, re-run, restart, prompts and budgets with keys alone, at 80×24."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from foredeck.app.screens.modals.budget import BudgetDialog, read_budget
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.prompt import PromptDialog
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.host.commands import (
    PauseRun,
    RerunFrom,
    RestartRun,
    ResumeRun,
    SetBudget,
    SetPrompt,
    SkipStep,
)
from foredeck.widgets.key_bar import KeyBar
from tests.support import fake_host
from tests.support.dashboard import dashboard, until, workbench_of
from tests.support.fake_host import FakeHost


def body(pilot: Pilot[int]) -> str:
    return "\n".join(str(line.render()) for line in pilot.app.screen.query(Static))


def footer(pilot: Pilot[int]) -> str:
    return str(workbench_of(pilot).query_one(KeyBar).render())


async def open_dialog(pilot: Pilot[int], key: str, kind: type) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


async def choose(pilot: Pilot[int], key: str) -> None:
    """Select a stage."""
    workbench_of(pilot)._select_step(key)
    await until(pilot, lambda: shown(pilot) == key)


def shown(pilot: Pilot[int]) -> str:
    step = workbench_of(pilot).desk.view.step
    return step.key if step else ""


def paused(host: FakeHost) -> bool:
    return host.runs["run1"].paused_at is not None


async def test_one_key_pauses_and_goes_on_and_says_which(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: "p Pause" in footer(pilot))
        await pilot.press("p")
        await until(pilot, lambda: "p Resume" in footer(pilot))
        assert host.done == [PauseRun("run1")]
        assert "paused" in header(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "p Pause" in footer(pilot))
        assert host.done[-1] == ResumeRun("run1")


def header(pilot: Pilot[int]) -> str:
    from foredeck.widgets.run_header import RunHeader

    widget = workbench_of(pilot).query_one(RunHeader)
    return "".join(text for row in widget.rows(80) for text, _ in row)


async def test_a_skip_says_what_follows_and_needs_a_yes(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: shown(pilot) == "builder")
        await choose(pilot, "qa_qc")
        await open_dialog(pilot, "x", ConfirmDialog)
        assert "This follows." in body(pilot)
        await pilot.press("enter")
        await back(pilot)
        assert host.done == []
        await open_dialog(pilot, "x", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: host.done == [SkipStep("run1", "qa_qc")])


async def test_going_back_and_starting_anew_ask_first(tmp_path: Path) -> None:
    host = fake_host.finished(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: shown(pilot) != "")
        await choose(pilot, "builder")
        await open_dialog(pilot, "R", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: host.done == [RerunFrom("run1", "builder")])
        await open_dialog(pilot, "N", ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: host.done[-1:] == [RestartRun("run1")])
        await until(pilot, lambda: workbench_of(pilot).desk.selection.run_id == "run2")


async def test_a_prompt_is_changed_looked_at_and_saved(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.errors[SetPrompt] = Conflict("QA/QC is under way: its prompt has been given.")
    async with dashboard(host) as pilot:
        await until(pilot, lambda: shown(pilot) == "builder")
        await choose(pilot, "qa_qc")
        await open_dialog(pilot, "i", PromptDialog)
        await pilot.press(*"Mind", "enter", "ctrl+d")
        assert "+Mind" in body(pilot)
        await pilot.press("ctrl+d", "ctrl+s")
        await until(pilot, lambda: "its prompt has been given" in body(pilot))
        assert pilot.app.screen.query_one(TextArea).text.startswith("Mind\n# Request")
        host.errors.clear()
        await pilot.press("ctrl+s")
        await back(pilot)
        assert host.prompts["qa_qc"].startswith("Mind\n# Request")
        await open_dialog(pilot, "i", PromptDialog)
        await pilot.press("ctrl+o", "ctrl+s")
        await back(pilot)
        assert host.prompts["qa_qc"].startswith("# Request")


async def test_a_prompt_that_has_been_given_can_only_be_read(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: shown(pilot) == "builder")
        await open_dialog(pilot, "i", PromptDialog)
        assert "under way" in body(pilot)
        await pilot.press(*"xyz", "ctrl+s", "escape")
        await back(pilot)
        assert host.done == []


async def test_a_budget_is_raised_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    detail = host.runs["run1"]
    steps = tuple(
        replace(s, state=StepState.WAITING, over_budget=True) if s.key == "qa_qc" else s
        for s in detail.steps
    )
    waiting = replace(detail.run, state=RunState.WAITING)
    host.runs["run1"] = replace(detail, run=waiting, steps=steps, budget_tokens=1000)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: "B Raise the budget" in footer(pilot))
        await open_dialog(pilot, "B", BudgetDialog)
        assert pilot.app.screen.query_one("#tokens", Input).value == "1000"
        await pilot.press("x", "ctrl+s")
        await until(pilot, lambda: "Write a whole number" in body(pilot))
        await pilot.press("backspace", *"5000", "tab", *"2.5", "ctrl+s")
        await back(pilot)
        assert host.done == [SetBudget("run1", 5000, 2.5)]


@pytest.mark.parametrize(
    ("tokens", "cost", "read"),
    [("", "", (0, 0.0)), ("1,000", "$2.50", (1000, 2.5)), (" 7 ", "1", (7, 1.0))],
)
def test_a_budget_as_it_is_typed(tokens: str, cost: str, read: tuple[int, float]) -> None:
    assert read_budget(tokens, cost) == read


@pytest.mark.parametrize(("tokens", "cost"), [("x", ""), ("-1", ""), ("", "inf"), ("", "nan")])
def test_a_budget_that_makes_no_sense(tokens: str, cost: str) -> None:
    with pytest.raises(InvalidInput):
        read_budget(tokens, cost)
