"""Pictures of the graph at three sizes; look at them before you accept new ones.

`pytest tests/ui/test_graph_snapshots.py --snapshot-update` takes them anew.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from foredeck.app.screens.workbench import Workbench
from foredeck.services.domain.views import RunDetail
from foredeck.styles.themes import ANSI, DARK
from foredeck.widgets.dag.view import DagView
from tests.support import graphs
from tests.support.dashboard import make_app, settled, until, workbench_of

SIZES = {"60x20": (60, 20), "80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
SCENES: dict[str, tuple[Callable[[], RunDetail], str, tuple[str, ...]]] = {
    "diamond": (graphs.diamond, "test", ()),
    "release": (graphs.release, "test-3.12", ("space",)),
    "fan_out": (graphs.fan_out, "shard-004", ("minus", "minus", "minus", "minus", "minus")),
}

Compare = Callable[..., bool]

pytestmark = pytest.mark.usefixtures("utc")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing pulse while a picture is taken."""
    monkeypatch.setattr(DagView, "pulse_enabled", False)


def compare(
    scene: str, size: str, snap_compare: Compare, *, theme: str = DARK, classes: str = ""
) -> bool:
    """Show the scene's graph alone in the place of the projects and the output."""
    make, step, keys = SCENES[scene]
    host = graphs.host_of(make())
    app = make_app(host.connect)
    app.theme = theme
    app.set_class(bool(classes), classes or "-")

    async def before(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: settled(app, host))
        workbench = workbench_of(pilot)
        graph = workbench.desk.graph
        if not workbench.has_class("-narrow"):
            await pilot.press("b")
        if not workbench.graph_shown:
            await pilot.press("g")
        graph.focus()
        await until(pilot, lambda: graph.has_focus and graph.select_step(step))
        await pilot.press(*keys)
        await until(pilot, lambda: _rests(workbench, step))

    return snap_compare(app, terminal_size=SIZES[size], run_before=before)


def _rests(workbench: Workbench, step: str) -> bool:
    """Whether the stages have come to the graph's selection, and every bar to what it is of."""
    if workbench.desk.stages.cursor_key != step:
        return False
    scrolled = [one for one in workbench.query(Widget) if one.show_vertical_scrollbar]
    return all(_shows(one.vertical_scrollbar, one) for one in scrolled)


def _shows(bar: ScrollBar, of: Widget) -> bool:
    seen = (bar.position, bar.window_virtual_size, bar.window_size)
    return seen == (of.scroll_offset.y, of.virtual_size.height, of.scrollable_content_region.height)


@pytest.mark.parametrize("size", ["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("scene", SCENES)
def test_graph(scene: str, size: str, snap_compare: Compare) -> None:
    assert compare(scene, size, snap_compare)


@pytest.mark.parametrize("scene", ["release", "fan_out"])
def test_a_narrow_terminal_has_a_list(scene: str, snap_compare: Compare) -> None:
    assert compare(scene, "60x20", snap_compare)


def test_sixteen_colours(snap_compare: Compare) -> None:
    assert compare("release", "120x40", snap_compare, theme=ANSI)


def test_ascii(snap_compare: Compare) -> None:
    assert compare("release", "120x40", snap_compare, classes="-ascii")
