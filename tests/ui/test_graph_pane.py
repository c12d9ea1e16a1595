"""The graph on the workbench: one selection for graph, stages and actions; errors unfold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from foredeck.app.screens.modals.prompt import PromptDialog
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.queries import PreviewSkip
from foredeck.widgets.dag.details import GraphDesk, StepDetails
from foredeck.widgets.dag.view import DagView
from tests.support import graphs
from tests.support.dashboard import dashboard, until, workbench_of
from tests.ui.widget_app import screen_text

S = StepState


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing pulse between a key and what is looked at."""
    monkeypatch.setattr(DagView, "pulse_enabled", False)


async def open_graph(pilot: Pilot[int], step: str) -> DagView:
    """Show the graph with the focus and the selection on a step that a person chose."""
    await pilot.press("g")
    graph = workbench_of(pilot).desk.graph
    await until(pilot, lambda: graph.has_focus and bool(graph.picture.graph))
    assert graph.select_step(step)
    await until(pilot, lambda: shown(pilot) == step)
    return graph


def shown(pilot: Pilot[int]) -> str | None:
    step = workbench_of(pilot).desk.view.step
    return step.key if step else None


def details(pilot: Pilot[int]) -> StepDetails:
    return workbench_of(pilot).query_one(StepDetails)


def boxes(graph: DagView) -> object:
    assert graph.picture.graph is not None
    return graph._origin, graph.scroll_offset, graph.picture.graph.layout.boxes


def horizontal(graph: DagView) -> bool:
    assert graph.picture.graph is not None
    return graph.picture.graph.layout.horizontal


async def test_moving_in_the_graph_selects_the_stage_for_every_action() -> None:
    async with dashboard(graphs.host_of(graphs.diamond())) as pilot:
        graph = await open_graph(pilot, "fetch")
        forward, sideways = ("l", "j") if horizontal(graph) else ("j", "l")
        await pilot.press(forward)
        await until(pilot, lambda: shown(pilot) == "lint")
        bench = workbench_of(pilot)
        assert bench.desk.stages.step_key == "lint"
        assert bench.situation.step is not None
        assert bench.situation.step.key == "lint"
        await pilot.press(sideways)
        await until(pilot, lambda: bench.desk.stages.step_key == "test")
        await pilot.press("2", "j")
        await until(pilot, lambda: graph.step_key == "publish")


async def test_many_keys_at_once_end_where_they_lead() -> None:
    async with dashboard(graphs.host_of(graphs.fan_out())) as pilot:
        graph = await open_graph(pilot, "shard-000")
        await pilot.press(*["down" if horizontal(graph) else "right"] * 12)
        await until(pilot, lambda: shown(pilot) == graph.step_key == "shard-012")


async def test_skip_and_prompt_are_for_the_selected_box() -> None:
    host = graphs.host_of(graphs.diamond())
    async with dashboard(host) as pilot:
        await open_graph(pilot, "publish")
        await pilot.press("x")
        await until(pilot, lambda: any(isinstance(q, PreviewSkip) for q in host.asked))
        (asked,) = (q for q in host.asked if isinstance(q, PreviewSkip))
        assert asked.step_key == "publish"
        await pilot.press("escape", "i")
        await until(pilot, lambda: isinstance(pilot.app.screen, PromptDialog))


async def test_space_unfolds_the_whole_error_and_moves_no_box() -> None:
    async with dashboard(graphs.host_of(graphs.release()), size=(120, 50)) as pilot:
        graph = await open_graph(pilot, "test-3.12")
        assert "· `tox -e py312` ended with" in "\n".join(screen_text(pilot.app))
        before = boxes(graph)
        await pilot.press("space")
        await until(pilot, lambda: details(pilot).display)
        text = "\n".join(screen_text(pilot.app))
        for part in ("Read the end of its output", "test_codec.py::test_round_trip", "AssertionE"):
            assert part in text
        assert boxes(graph) == before
        await pilot.press("space")
        await until(pilot, lambda: not details(pilot).display)
        assert "AssertionE" not in "\n".join(screen_text(pilot.app))
        assert boxes(graph) == before


async def test_unfolded_it_goes_with_the_selection_and_covers_no_selected_box() -> None:
    async with dashboard(graphs.host_of(graphs.release()), size=(100, 24)) as pilot:
        graph = await open_graph(pilot, "test-3.12")
        await pilot.press("space")
        await until(pilot, lambda: details(pilot).display)
        for step in graphs.release().steps:
            graph.select_step(step.key)
            await until(pilot, lambda key=step.key: shown(pilot) == key)  # type: ignore[misc]
            await pilot.pause()
            box = graph.picture.box(step.key)
            assert box is not None
            top = box.y + graph._origin[1] - graph.scroll_offset.y
            assert top >= 0
            assert top + box.height <= graph._open_rows


async def test_the_details_scroll_and_escape_leads_back() -> None:
    async with dashboard(graphs.host_of(graphs.release()), size=(80, 24)) as pilot:
        graph = await open_graph(pilot, "test-3.12")
        await pilot.press("space", "tab")
        await until(pilot, lambda: details(pilot).has_focus)
        await pilot.press("end")
        await until(pilot, lambda: details(pilot).scroll_offset.y > 0)
        await pilot.press("escape")
        await until(pilot, lambda: graph.has_focus and not details(pilot).display)
        assert not workbench_of(pilot).query_one(GraphDesk).unfolded


def moved_on(detail: RunDetail, key: str, state: StepState) -> RunDetail:
    steps = tuple(replace(s, state=state) if s.key == key else s for s in detail.steps)
    return replace(detail, steps=steps)


async def test_updates_keep_selection_layout_and_what_is_in_sight() -> None:
    host = graphs.host_of(graphs.release())
    async with dashboard(host) as pilot:
        graph = await open_graph(pilot, "test-3.12")
        before = boxes(graph)
        host.add_run(moved_on(host.runs["run1"], "test-3.13", S.SUCCESS))
        await until(pilot, lambda: graph.picture.by_key["test-3.13"].state is S.SUCCESS)
        assert graph.step_key == shown(pilot) == "test-3.12"
        assert boxes(graph) == before


async def test_what_is_unfolded_follows_the_state_and_holds_the_stage() -> None:
    host = graphs.host_of(graphs.release())
    async with dashboard(host) as pilot:
        graph = workbench_of(pilot).desk.graph
        await pilot.press("g")
        await until(pilot, lambda: graph.has_focus and graph.step_key == "test-3.13")
        await pilot.press("space")
        await until(pilot, lambda: "Nothing to say yet" in "\n".join(screen_text(pilot.app)))
        detail = host.runs["run1"]
        # Another step runs now; who reads about this one stays with it.
        states = {"test-3.13": S.SUCCESS, "docs": S.RUNNING}
        steps = tuple(
            replace(s, state=states[s.key], summary="all is well") if s.key in states else s
            for s in detail.steps
        )
        host.add_run(replace(detail, steps=steps))
        await until(pilot, lambda: "   all is well" in "\n".join(screen_text(pilot.app)[-20:]))
        assert graph.step_key == shown(pilot) == "test-3.13"


async def test_shift_and_an_arrow_pan_without_moving_the_selection() -> None:
    async with dashboard(graphs.host_of(graphs.fan_out()), size=(80, 24)) as pilot:
        graph = await open_graph(pilot, "split")
        await pilot.press("shift+down", "shift+down")
        await until(pilot, lambda: graph.scroll_offset.y > 0)
        there = graph.scroll_offset
        assert graph.step_key == "split"
        await pilot.press("shift+up", "pagedown")
        await until(pilot, lambda: graph.scroll_offset != there)
        assert graph.step_key == "split"


async def test_the_state_of_the_run_and_the_path_stand_in_the_header() -> None:
    detail = graphs.diamond()
    run = replace(detail.run, state=RunState.PARTIAL_SUCCESS)
    async with dashboard(graphs.host_of(replace(detail, run=run))) as pilot:
        await open_graph(pilot, "test")
        text = "\n".join(screen_text(pilot.app))
        assert "◐ partial" in text
        assert "2/4 done" in text
        assert "━━ critical path 3 steps, 1m 44s" in text


async def test_no_colour_is_needed_to_tell_path_and_selection() -> None:
    async with dashboard(graphs.host_of(graphs.diamond())) as pilot:
        await open_graph(pilot, "test")
        rows = screen_text(pilot.app)
        text = "\n".join(rows)
        for part in ("┃ ✓ Fetch", "║ ● Test", "┃ ○ Publish", "│ ✓ Lint", "━┓"):
            assert part in text
