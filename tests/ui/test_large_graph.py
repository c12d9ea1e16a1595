"""A large graph is laid out in a thread, and the screen never stands still for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from foredeck.services.domain.states import StepState
from foredeck.widgets.dag.graph import Graph
from foredeck.widgets.dag.picture import Picture, Wish
from foredeck.widgets.dag.view import DagView
from tests.support.big_graphs import BIG
from tests.support.dashboard import until
from tests.ui.widget_app import WidgetApp, run_detail, run_row, screen_text, step_row

LARGE = BIG["layered"]()
AWAITED = "Drawing the graph…"


class Draughtsman:
    """Lays out when it is told to, and remembers what it laid out and what was taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.threads: list[threading.Thread] = []
        self.built: list[Wish] = []
        self.taken: list[Wish] = []
        build, take = Wish.build, Picture.take

        def build_when_told(wish: Wish) -> Graph:
            self.threads.append(threading.current_thread())
            self.built.append(wish)
            self.go_on.wait(60)
            return build(wish)

        def note(picture: Picture, wish: Wish, graph: Graph) -> None:
            self.taken.append(wish)
            take(picture, wish, graph)

        monkeypatch.setattr(Wish, "build", build_when_told)
        monkeypatch.setattr(Picture, "take", note)


@pytest.fixture
def draughtsman(monkeypatch: pytest.MonkeyPatch) -> Iterator[Draughtsman]:
    draughtsman = Draughtsman(monkeypatch)
    yield draughtsman
    draughtsman.go_on.set()


def text_of(app: WidgetApp) -> str:
    return "\n".join(screen_text(app))


async def test_the_screen_goes_on_until_a_large_graph_is_there(draughtsman: Draughtsman) -> None:
    view = DagView()
    app = WidgetApp(view)
    async with app.run_test(size=(120, 40)) as pilot:
        view.update_run(run_detail(*LARGE))
        await until(pilot, lambda: AWAITED in text_of(app) and draughtsman.built != [])
        assert "0/500 done" in text_of(app)
        draughtsman.go_on.set()
        await until(pilot, lambda: view.is_laid_out and "▐" in text_of(app))
        assert AWAITED not in text_of(app)
    assert threading.main_thread() not in draughtsman.threads


async def test_a_small_graph_is_there_at_once(draughtsman: Draughtsman) -> None:
    draughtsman.go_on.set()
    view = DagView()
    async with WidgetApp(view).run_test(size=(120, 40)):
        view.update_run(run_detail(step_row("a"), step_row("b", needs=("a",))))
        assert view.is_laid_out
    assert draughtsman.threads == [threading.main_thread()]


async def test_a_layout_that_nobody_wants_any_more_is_dropped(draughtsman: Draughtsman) -> None:
    view = DagView()
    app = WidgetApp(view)
    async with app.run_test(size=(120, 40)) as pilot:
        view.update_run(run_detail(*LARGE))
        await until(pilot, lambda: len(draughtsman.built) == 1)
        other = replace(run_detail(*BIG["chain"]()), run=run_row("another"))
        view.update_run(other)
        draughtsman.go_on.set()
        await until(pilot, lambda: view.is_laid_out)
        assert len(draughtsman.built) == 2
        assert draughtsman.taken == draughtsman.built[1:]
        assert view.picture.graph is not None
        assert view.picture.graph.structure == draughtsman.built[1].structure


async def test_states_that_change_meanwhile_do_not_begin_it_again(
    draughtsman: Draughtsman,
) -> None:
    view = DagView()
    async with WidgetApp(view).run_test(size=(120, 40)) as pilot:
        view.update_run(run_detail(*LARGE))
        await until(pilot, lambda: len(draughtsman.built) == 1)
        view.update_run(run_detail(step_row("s0", StepState.SUCCESS), *LARGE[1:]))
        draughtsman.go_on.set()
        await until(pilot, lambda: view.is_laid_out)
    assert len(draughtsman.built) == 1


async def test_the_picture_stays_until_one_with_a_fresh_step_is_there(
    draughtsman: Draughtsman,
) -> None:
    draughtsman.go_on.set()
    view = DagView()
    app = WidgetApp(view)
    async with app.run_test(size=(120, 40)) as pilot:
        view.update_run(run_detail(*LARGE))
        await until(pilot, lambda: view.is_laid_out)
        before = view.picture.graph
        draughtsman.go_on.clear()
        view.update_run(run_detail(*LARGE, step_row("s0#2", needs=("s499",))))
        await until(pilot, lambda: len(draughtsman.built) == 2)
        assert view.picture.graph is before
        assert "▐" in text_of(app)
        draughtsman.go_on.set()
        await until(pilot, lambda: view.is_laid_out)
        assert view.picture.box("s0#2") is not None


async def test_keys_that_come_before_the_picture_is_there_count(draughtsman: Draughtsman) -> None:
    draughtsman.go_on.set()
    view = DagView()
    async with WidgetApp(view).run_test(size=(120, 40)) as pilot:
        view.update_run(run_detail(*LARGE))
        await until(pilot, lambda: view.is_laid_out)
        draughtsman.go_on.clear()
        assert view.picture.graph is not None
        level = view.picture.graph.level
        view.action_zoom(1)
        view.action_zoom(1)
        draughtsman.go_on.set()
        await until(pilot, lambda: view.is_laid_out)
        assert view.picture.graph.level == level + 2
