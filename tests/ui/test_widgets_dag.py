"""The graph of a run on screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from textual import on

from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import RunDetail
from foredeck.widgets.dag.boxes import Level
from foredeck.widgets.dag.critical import critical_path
from foredeck.widgets.dag.graph import build
from foredeck.widgets.dag.view import DagView
from tests.ui.widget_app import NOW, WidgetApp, ago, run_detail, screen_text, step_row

S = StepState


class GraphApp(WidgetApp):
    """Remembers the steps that were chosen."""

    def __init__(self, theme: str = "foredeck-dark") -> None:
        self.graph = DagView()
        super().__init__(self.graph, theme)
        self.chosen: list[str] = []

    @on(DagView.StepSelected)
    def selected(self, message: DagView.StepSelected) -> None:
        self.chosen.append(message.step_key)


def level_of(view: DagView) -> Level:
    assert view.picture.graph is not None
    return view.picture.graph.level


def diamond(left: StepState = S.RUNNING) -> RunDetail:
    return run_detail(
        step_row("top", S.SUCCESS, ended_at=ago(10)),
        step_row("left", left, needs=("top",)),
        step_row("right", S.FAILED, needs=("top",), attempt=2),
        step_row("end", needs=("left", "right")),
    )


@pytest.mark.parametrize("theme", ["foredeck-dark", "foredeck-light", "foredeck-ansi"])
async def test_boxes_show_glyph_title_word_time_and_tries(theme: str) -> None:
    app = GraphApp(theme)
    async with app.run_test(size=(120, 40)) as pilot:
        app.graph.update_run(diamond())
        await pilot.pause()
        rows = screen_text(app)
        text = "\n".join(rows)
        assert "1/4 done" in rows[0]
        assert "● 1 running" in rows[0]
        assert "✗ 1 failed" in rows[0]
        for part in ("✓ Top", "● Left", "✗ Right", "○ End", "running", "1m 04s", "2/4"):
            assert part in text
        assert "▼" in text or "►" in text


async def test_keys_move_along_the_edges_and_choose() -> None:
    app = GraphApp()
    async with app.run_test(size=(80, 40)) as pilot:
        app.graph.update_run(diamond())
        await pilot.pause()
        app.graph.focus()
        assert app.graph.step_key == "top"
        graph = app.graph.picture.graph
        assert graph is not None
        forward, back = ("right", "left") if graph.layout.horizontal else ("down", "up")
        sideways = "down" if graph.layout.horizontal else "right"
        await pilot.press(forward)
        assert app.graph.step_key == "left"
        await pilot.press(sideways)
        assert app.graph.step_key == "right"
        await pilot.press(forward, "enter", forward)
        assert app.chosen == ["end"]
        await pilot.press(back)
        assert app.graph.step_key in ("left", "right")


async def test_a_narrow_terminal_shows_a_list_with_the_same_selection() -> None:
    app = GraphApp()
    async with app.run_test(size=(60, 20)) as pilot:
        app.graph.update_run(diamond())
        app.graph.focus()
        await pilot.press("j", "j", "enter")
        rows = screen_text(app)
        assert app.chosen == ["right"]
        assert rows[3].startswith("▌✗ failed")
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert app.graph.step_key == "right"
        assert "╔" in "\n".join(screen_text(app))
        await pilot.press("v")
        assert "╔" not in "\n".join(screen_text(app))


async def test_a_change_of_state_keeps_the_layout_and_a_new_step_makes_one() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.graph.update_run(diamond())
        await pilot.pause()
        before = app.graph.picture.graph
        app.graph.update_run(diamond(S.SUCCESS))
        assert app.graph.picture.graph is before
        detail = diamond(S.SUCCESS)
        more = replace(detail, steps=(*detail.steps, step_row("end#2", needs=("end",))))
        app.graph.update_run(more)
        await pilot.pause()
        assert app.graph.picture.graph is not before
        assert "End#2" in "\n".join(screen_text(app))


async def test_zoom_makes_boxes_smaller_and_larger() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.graph.update_run(diamond())
        app.graph.focus()
        await pilot.press("minus", "minus")
        assert level_of(app.graph) == Level.COMPACT
        await pilot.press("minus", "minus")
        assert "[✗ Right" in "\n".join(screen_text(app))
        await pilot.press("minus", "minus")
        assert level_of(app.graph) == Level.DOT
        assert "[✗]" in "\n".join(screen_text(app))
        await pilot.press("0")
        assert level_of(app.graph) == Level.FULL


async def test_running_steps_pulse_and_their_time_ticks() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.graph.update_run(diamond())
        await pilot.pause()
        app.graph.set_ticking(False)
        app.graph._beats = 0
        app.graph.ticked()
        await pilot.pause()
        assert "• Left" in "\n".join(screen_text(app))
        app.moment = NOW + timedelta(seconds=1)
        app.graph.ticked()
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "● Left" in text
        assert "1m 05s" in text


async def test_the_mouse_selects_a_box() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.graph.update_run(diamond())
        await pilot.pause()
        rows = screen_text(app)
        y = next(y for y, row in enumerate(rows) if "✗ Right" in row)
        await pilot.click(offset=(rows[y].index("✗ Right"), y))
        assert app.chosen == ["right"]


async def test_ascii_has_no_line_characters() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.add_class("-ascii")
        app.graph.update_run(diamond())
        await pilot.pause()
        assert all(row.isascii() for row in screen_text(app))


async def test_a_big_graph_scrolls_to_the_selection() -> None:
    app = GraphApp()
    async with app.run_test(size=(100, 30)) as pilot:
        steps = [step_row(f"s{i}", needs=(f"s{i // 2}",) if i else ()) for i in range(60)]
        app.graph.update_run(run_detail(*steps))
        await pilot.pause()
        assert app.graph.select_step("s59")
        await pilot.pause()
        assert "S59" in "\n".join(screen_text(app))
        assert not app.graph.select_step("nobody")


def test_the_critical_path_is_the_longest_chain() -> None:
    steps = (
        step_row("a", S.SUCCESS, started_at=ago(100), ended_at=ago(90)),
        step_row("b", S.SUCCESS, needs=("a",), started_at=ago(90), ended_at=ago(50)),
        step_row("c", S.RUNNING, needs=("a",), started_at=ago(90)),
        step_row("d", needs=("b", "c")),
    )
    assert critical_path(steps, NOW) == (("a", "c", "d"), 100.0)
    assert critical_path((), NOW) == ((), 0.0)


def test_the_direction_is_the_one_that_fits() -> None:
    steps = [step_row(f"s{i}", needs=(f"s{i - 1}",) if i else ()) for i in range(4)]
    assert build(steps, Level.FULL, 200, 10).layout.horizontal
    assert not build(steps, Level.FULL, 60, 40).layout.horizontal
