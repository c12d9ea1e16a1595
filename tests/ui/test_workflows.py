"""Starting a workflow with keys alone: chosen, filled in, trusted once; nothing typed is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select, Static, TextArea

from foredeck.app.commands import ForedeckCommands
from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.workflow import WorkflowDialog
from foredeck.app.screens.modals.workflow_inputs import InputField, first_text, given
from foredeck.app.screens.modals.workflows import WorkflowsDialog
from foredeck.services.domain.errors import Conflict, HostGone, InvalidInput
from foredeck.services.domain.records import Trigger
from foredeck.services.domain.workflow import InputType
from foredeck.services.domain.workflow_views import WorkflowInput
from foredeck.services.host.commands import CreateWorkflowRun
from foredeck.services.host.queries import GetWorkflow, ListWorkflows
from foredeck.widgets.key_bar import KeyBar
from tests.support import fake_host
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_workflows import (
    FOLDER,
    WorkflowHost,
    broken,
    four_agents,
    release,
    workshop,
)

SIZES = pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 40)])


def body(pilot: Pilot[int]) -> str:
    return "\n".join(str(line.render()) for line in pilot.app.screen.query(Static))


def listed(pilot: Pilot[int]) -> str:
    options = pilot.app.screen.query_one("#workflows", OptionList).options
    return "\n".join(str(option.prompt) for option in options)


async def choose_project(pilot: Pilot[int]) -> None:
    """Select the project itself: no run of it."""
    await until(pilot, lambda: workbench_of(pilot).desk.selection.project_id == "p1")


async def open_list(pilot: Pilot[int]) -> None:
    await choose_project(pilot)
    await pilot.press("w")
    await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowsDialog))
    await until(pilot, lambda: "Reading" not in listed(pilot))


async def open_form(pilot: Pilot[int], name: str) -> None:
    """Choose a workflow by its name."""
    await open_list(pilot)
    while (dialog := pilot.app.screen.query_one("#workflows", OptionList)).highlighted is None:
        await pilot.pause()
    dialog.highlighted = dialog.get_option_index(name)
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowDialog))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


def field(pilot: Pilot[int], name: str) -> InputField:
    (found,) = [one for one in pilot.app.screen.query(InputField) if one.one.name == name]
    return found


def mistake(pilot: Pilot[int], name: str) -> str:
    found = field(pilot, name)
    return (
        str(found.query_one(".input-mistake", Static).render()) if found.has_class("-wrong") else ""
    )


def fill(pilot: Pilot[int], name: str, text: str) -> None:
    widget = field(pilot, name).field
    assert isinstance(widget, Input | Select)
    widget.value = text


async def start(pilot: Pilot[int]) -> None:
    """Press the key, once the dialog is ready for it."""
    await until(pilot, lambda: not pilot.app.screen.query_one("#start").disabled)
    await pilot.press("ctrl+s")


def test_only_what_was_changed_is_given() -> None:
    name = WorkflowInput("name", InputType.STRING)
    lines = WorkflowInput("lines", InputType.STRING, "one\ntwo")
    count = WorkflowInput("count", InputType.INTEGER, "4")
    note = WorkflowInput("note", InputType.STRING, "draft")
    inputs = (name, lines, count, note)
    assert [first_text(one) for one in inputs] == ["", "", "4", "draft"]
    assert given(inputs, {}) == {}
    assert given(inputs, {"name": "x", "count": "5", "gone": "y"}) == {"name": "x", "count": "5"}
    assert given(inputs, {"name": "", "note": "", "count": ""}) == {"note": "", "count": ""}


async def test_a_workflow_is_chosen_filled_in_trusted_and_started() -> None:
    host = workshop()
    async with dashboard(host, size=(80, 24)) as pilot:
        await open_form(pilot, "release")
        assert field(pilot, "version").field.has_focus
        await pilot.press(*"1.2")
        fill(pilot, "target", "staging")
        await start(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        assert "Build runs: make" in body(pilot)
        await pilot.press("enter")  # by mistake: it changes nothing
        await until(pilot, lambda: "Nothing was started." in body(pilot))
        assert host.done == []
        await start(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        await back(pilot)
        assert host.done == [
            CreateWorkflowRun(
                "p1",
                "name: release",
                f"{FOLDER}/release.yaml",
                {"version": "1.2", "target": "staging"},
                trigger=Trigger.MANUAL,
                trust=True,
            )
        ]
        await until(pilot, lambda: workbench_of(pilot).desk.selection.run_id == "run1")


async def test_what_is_trusted_or_comes_with_foredeck_is_not_asked_about() -> None:
    host = workshop()
    host.trusted.add("name: release")
    async with dashboard(host) as pilot:
        await open_form(pilot, "four-agents")
        await pilot.press(*"Build it", "ctrl+s")
        await back(pilot)
        assert host.done == [
            CreateWorkflowRun("p1", "name: four-agents", request="Build it", trigger=Trigger.MANUAL)
        ]
        await open_form(pilot, "release")
        await pilot.press(*"2")
        fill(pilot, "target", "production")
        await start(pilot)
        await back(pilot)
        assert isinstance(host.done[-1], CreateWorkflowRun)
        assert not host.done[-1].trust


@SIZES
async def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
    size: tuple[int, int],
) -> None:
    host = workshop()
    async with dashboard(host, size=size) as pilot:
        await open_form(pilot, "release")
        fill(pilot, "jobs", "many")
        await start(pilot)
        await until(pilot, lambda: mistake(pilot, "version") == "The input version is missing.")
        assert "must be a whole number" in mistake(pilot, "jobs")
        assert mistake(pilot, "target") == "The input target is missing."
        await until(pilot, lambda: field(pilot, "version").field.has_focus)
        for button in pilot.app.screen.query("Button"):
            assert button.region.right <= size[0]
            assert button.region.bottom <= size[1]
        assert host.done == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowsDialog))
        await pilot.press("escape")
        await back(pilot)
        await open_form(pilot, "release")
        assert field(pilot, "jobs").text == "many"
        fill(pilot, "jobs", "8")
        fill(pilot, "version", "1.2")
        fill(pilot, "target", "staging")
        await start(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))


@SIZES
async def test_a_broken_file_is_listed_with_its_first_error_and_cannot_be_chosen(
    size: tuple[int, int],
) -> None:
    host = workshop()
    async with dashboard(host, size=size) as pilot:
        await open_list(pilot)
        assert "✗ Line 3: `kind` must be" in listed(pilot)
        await until(pilot, lambda: "Line 9: There is no key" in body(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "It cannot be run yet" in body(pilot))
        host.change(replace(release(), row=replace(release().row, name="broken")))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Line 3" not in listed(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowDialog))


async def test_what_a_workflow_is_and_does_is_in_sight() -> None:
    async with dashboard(workshop(release()), size=(80, 24)) as pilot:
        await open_list(pilot)
        await until(pilot, lambda: "Build, sign off and ship." in body(pilot))
        for said in ("2. Sign off (gate, after Build)", "Takes: version, jobs, loud, target"):
            assert said in body(pilot)
        assert ".foredeck/workflows/release.yaml" in listed(pilot)


async def test_without_a_file_it_says_where_to_put_one() -> None:
    async with dashboard(workshop(four_agents()), size=(60, 20)) as pilot:
        await open_list(pilot)
        assert f"put a YAML file into {FOLDER}" in body(pilot)
        assert "foredeck dag schema" in body(pilot)


async def test_a_file_that_changed_is_refused_and_shown_anew() -> None:
    host = workshop()
    async with dashboard(host) as pilot:
        await open_form(pilot, "release")
        await pilot.press(*"1.2")
        fill(pilot, "target", "staging")
        more = WorkflowInput("region", InputType.STRING, "eu")
        changed = replace(release(), source="name: other", inputs=(*release().inputs, more))
        host.change(changed)
        await start(pilot)
        await until(pilot, lambda: "The file has changed since you looked at it" in body(pilot))
        assert field(pilot, "region").text == "eu"
        assert field(pilot, "version").text == "1.2"
        await start(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        host.change(replace(broken(), row=replace(broken().row, name="release")))
        await pilot.press("y")
        await until(pilot, lambda: "has changed and cannot be run. Line 3" in body(pilot))
        assert host.done == []


async def test_a_file_that_changes_while_trust_is_asked_for_is_not_run() -> None:
    host = workshop()
    async with dashboard(host) as pilot:
        await open_form(pilot, "release")
        await pilot.press(*"1.2")
        fill(pilot, "target", "staging")
        await start(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        host.change(replace(release(), source="name: worse"))
        await pilot.press("y")
        await until(pilot, lambda: "The file has changed since you looked at it" in body(pilot))
        assert host.done == []


async def test_a_workspace_that_is_gone_is_said_in_the_dialog() -> None:
    host = workshop()
    host.errors[ListWorkflows] = Conflict("The workspace of shortener is not there any more.")
    async with dashboard(host) as pilot:
        await open_list(pilot)
        assert "The workspace of shortener is not there any more." in body(pilot)
        assert "Nothing can be run here now." in listed(pilot)
        await pilot.press("enter", "escape")
        await back(pilot)


@pytest.mark.parametrize(
    "error", [HostGone("The host went away."), InvalidInput("The request is too long.")]
)
async def test_an_error_of_the_host_loses_nothing(error: Exception) -> None:
    host = workshop(four_agents())
    host.errors[CreateWorkflowRun] = error
    async with dashboard(host) as pilot:
        await open_form(pilot, "four-agents")
        await pilot.press(*"Build it", "ctrl+s")
        await until(pilot, lambda: str(error) in body(pilot))
        request = pilot.app.screen.query_one(TextArea)
        await until(pilot, lambda: request.has_focus)
        assert request.text == "Build it"
        host.errors.clear()
        await start(pilot)
        await back(pilot)
        assert len(host.done) == 2


async def test_a_host_that_is_lost_while_files_are_read_is_said() -> None:
    host = workshop(four_agents())
    host.errors[GetWorkflow] = HostGone("The host went away.")
    async with dashboard(host) as pilot:
        await open_list(pilot)
        await until(pilot, lambda: "The host went away." in body(pilot))


async def test_without_a_project_the_key_says_what_to_do() -> None:
    async with dashboard(fake_host.empty()) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: any("Select a project first" in m for m in messages(pilot)))


async def test_the_key_is_in_the_footer_the_help_and_the_palette() -> None:
    async with dashboard(workshop()) as pilot:
        bench = workbench_of(pilot)
        await choose_project(pilot)
        await until(pilot, lambda: "w Workflow" in str(bench.query_one(KeyBar).render()))
        entries = list(ForedeckCommands(bench)._entries())
        assert any(entry.text == "Workflow (w)" for entry in entries)
        await pilot.press("question_mark")
        await until(pilot, lambda: "Run a workflow in the project" in body(pilot))


async def test_hostile_files_are_plain_text() -> None:
    nasty = "[red]x[/] [@click=app.quit]\x1b]0;owned\x07 [/nope]"
    row = replace(release().row, description=nasty)
    one = WorkflowInput("version", InputType.STRING, nasty, nasty, ())
    host: WorkflowHost = workshop(replace(release(), row=row, inputs=(one,)), broken())
    host.change(replace(broken(), problems=(nasty,), row=replace(broken().row, problem=nasty)))
    async with dashboard(host) as pilot:
        await open_list(pilot)
        assert "[red]x[/]" in listed(pilot)
        await open_form_from_list(pilot)
        assert "[red]x[/]" in body(pilot)
        assert "\x1b" not in body(pilot)


async def open_form_from_list(pilot: Pilot[int]) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowDialog))
