"""The graph of 500 steps: how long a layout takes, what it holds, what a key press costs.

`python -m tests.benchmarks.bench_graph`. The layout is compared with what nobody could do
without: putting the same graph in order once (`graphlib`), in the same run. Times are those of
the processor, so that they hold on a busy machine, too; only how long the screen's loop stands
still is told by the clock, as the median of some openings.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter

from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.critical import critical_path
from foredeck.widgets.dag.graph import build
from foredeck.widgets.dag.view import DagView
from tests.benchmarks.figures import percentile, say, title
from tests.support.big_graphs import BIG, fan_out
from tests.ui.widget_app import NOW, WidgetApp, run_detail

# Milliseconds: a person sees the layout after a blink; meanwhile the loop must not stand still;
# a frame at 60 Hz.
_LAYOUT_BAR, _STALL_BAR, _FRAME_BAR = 300.0, 50.0, 16.0
_BEAT, _OPENINGS = 0.005, 5
_MEGABYTES_BAR = 20.0
_SIZE = (120, 40)
_PRESSES = 120
_WALK = ((1, 0), (0, 1), (1, 0), (0, 1), (0, 1), (-1, 0), (0, 1), (0, 1), (1, 0), (0, -1))


def milliseconds(work: Callable[[], object], times: int = 5) -> float:
    """Return the median time of some repetitions."""
    found = []
    for _ in range(times):
        began = time.thread_time()
        work()
        found.append((time.thread_time() - began) * 1000)
    return statistics.median(found)


def sort_once(steps: Sequence[StepRow]) -> list[str]:
    """Put the steps in order with the standard library."""
    return list(TopologicalSorter({step.key: step.needs for step in steps}).static_order())


def bench_layout(name: str, steps: list[StepRow]) -> bool:
    """Measure the layout that a screen opens with, and what stays of it in memory."""
    edges = sum(len(step.needs) for step in steps)
    once = milliseconds(lambda: sort_once(steps))
    took = milliseconds(lambda: build(steps, None, *_SIZE))
    path = milliseconds(lambda: critical_path(steps, NOW))
    tracemalloc.start()
    graph = build(steps, None, *_SIZE)
    held = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    size = f"{graph.layout.width}×{graph.layout.height} {graph.level.name.lower()}"
    what = f"{name}: {len(steps)} steps, {edges} edges, {size}"
    met = say(what, f"layout {took:.0f} ms ({took / once:.0f} sorts)", took, _LAYOUT_BAR, " ms")
    met &= say("", f"held {held:.1f} MB", held, _MEGABYTES_BAR, " MB")
    return met & say("", f"critical path {path:.2f} ms", path, _FRAME_BAR, " ms")


async def bench_keys(name: str, steps: list[StepRow]) -> bool:
    """Measure a key that moves the selection, with the repaint of every row of the pane."""
    view = DagView()
    app = WidgetApp(view)
    async with app.run_test(size=_SIZE) as pilot:
        view.update_run(run_detail(*steps))
        await _laid_out(view)
        await pilot.pause()
        view.set_ticking(False)
        pressed = [press(view, *_WALK[n % len(_WALK)]) for n in range(_PRESSES)]
        busy = [s if n % 3 else busy_one(s) for n, s in enumerate(steps)]
        graph = view.picture.graph
        began = time.thread_time()
        view.update_run(run_detail(*busy))
        paint(view)
        update = (time.thread_time() - began) * 1000
        assert view.picture.graph is graph
    middle, worst = statistics.median(pressed), percentile(pressed, 0.95)
    figure = f"key to cells p50 {middle:.1f}, p95 {worst:.1f} ms"
    met = say(name, figure, worst, _FRAME_BAR, " ms")
    return met & say("", f"167 states change {update:.1f} ms", update, 2 * _FRAME_BAR, " ms")


async def bench_stalls(name: str, steps: list[StepRow]) -> bool:
    """Measure how long the loop stands still while the graph is opened and its states change."""
    # As the dashboard does: what is loaded is no garbage, and looking through it takes 30 ms.
    gc.collect()
    gc.freeze()
    busy = [s if n % 3 else busy_one(s) for n, s in enumerate(steps)]
    more = [*busy, replace(busy[-1], key="fresh", needs=(busy[-1].key,))]
    worst: list[list[float]] = []
    for _ in range(_OPENINGS):
        view = DagView()
        async with WidgetApp(view).run_test(size=_SIZE) as pilot:
            await pilot.pause()
            worst.append([await stall(view, shown) for shown in (steps, busy, more)])
    opened, changed, appended = (statistics.median(found) for found in zip(*worst, strict=True))
    figure = f"opened {opened:.0f}, states {changed:.0f}, step added {appended:.0f} ms"
    return say(name, figure, max(opened, changed, appended), _STALL_BAR, " ms")


async def stall(view: DagView, steps: list[StepRow]) -> float:
    """Show the steps; return the longest time that the loop did not get round, in milliseconds."""
    lags: list[float] = []

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_BEAT)
            lags.append(time.perf_counter() - began - _BEAT)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(2 * _BEAT)
    view.update_run(run_detail(*steps))
    await _laid_out(view)
    beating.cancel()
    return max(lags) * 1000


async def _laid_out(view: DagView) -> None:
    """Wait until the graph is laid out, and painted some times after that."""
    while not view.is_laid_out:
        await asyncio.sleep(_BEAT)
    await asyncio.sleep(0.1)


def press(view: DagView, dx: int, dy: int) -> float:
    """Move the selection and paint; return milliseconds."""
    began = time.thread_time()
    view.action_go(dx, dy)
    paint(view)
    return (time.thread_time() - began) * 1000


def paint(view: DagView) -> None:
    """Make every row of the pane anew: more than a key press ever repaints."""
    for y in range(view.size.height):
        view.render_line(y)


def busy_one(step: StepRow) -> StepRow:
    """Return the step as it is while it runs."""
    return replace(step, state=StepState.RUNNING, started_at=NOW, attempt=1)


def bench_growth() -> bool:
    """Measure how the layout of a fan-out grows from 250 steps to 500."""
    whole = fan_out()
    half = [*whole[:249], replace(whole[-1], needs=tuple(s.key for s in whole[1:249]))]
    small = milliseconds(lambda: build(half, None, *_SIZE))
    large = milliseconds(lambda: build(whole, None, *_SIZE))
    return say("fan_out: 250 → 500 steps", f"{large / small:.1f} times", large / small, 3.0)


def main() -> int:
    """Measure everything; 1 if a bar is missed."""
    graphs = {name: make() for name, make in BIG.items()}
    title("Layout of 500 steps")
    met = [bench_layout(name, steps) for name, steps in graphs.items()]
    met.append(bench_growth())
    title("How long the screen's loop stands still for 500 steps, at 120×40")
    met += [asyncio.run(bench_stalls(name, steps)) for name, steps in graphs.items()]
    title("A key press in 500 steps, at 120×40")
    met += [asyncio.run(bench_keys(name, steps)) for name, steps in graphs.items()]
    return int(not all(met))


if __name__ == "__main__":
    raise SystemExit(main())
