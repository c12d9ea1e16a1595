"""The project tree keeps its place while the world changes."""

from __future__ import annotations

from textual import on

from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import Sidebar
from foredeck.widgets.project_tree import ProjectTree
from tests.ui.widget_app import WidgetApp, project_node, run_row, screen_text, sidebar


class TreeApp(WidgetApp):
    """Remembers what the tree says."""

    def __init__(self) -> None:
        self.view = ProjectTree()
        super().__init__(self.view)
        self.chosen: list[str] = []

    @on(ProjectTree.RunSelected)
    def run_selected(self, message: ProjectTree.RunSelected) -> None:
        self.chosen.append(f"run {message.run_id}")

    @on(ProjectTree.ProjectSelected)
    def project_selected(self, message: ProjectTree.ProjectSelected) -> None:
        self.chosen.append(f"project {message.project_id}")


async def test_an_empty_tree_says_what_to_do() -> None:
    app = TreeApp()
    async with app.run_test(size=(60, 20)):
        assert "Loading" in screen_text(app)[0]
        app.view.update_sidebar(Sidebar(()))
        await app.workers.wait_for_complete()
        assert "No projects yet. Press n to start a run." in "".join(screen_text(app))
        assert app.view.run_id is None
        assert app.view.project_id is None


async def test_a_run_shows_its_glyph_its_title_and_its_age() -> None:
    app = TreeApp()
    async with app.run_test(size=(34, 20)) as pilot:
        app.view.update_sidebar(sidebar(run_row("a"), run_row("b", RunState.PARTIAL_SUCCESS)))
        await pilot.pause()
        rows = screen_text(app)
        assert rows[0].split() == ["▌▾", "ledger", "●1", "2"]
        assert rows[1].split() == ["●", "Title", "of", "a", "5m"]
        assert rows[2].split() == ["◐", "Title", "of", "b", "5m"]


async def test_a_wide_tree_adds_the_word_and_ascii_needs_no_unicode() -> None:
    app = TreeApp()
    async with app.run_test(size=(60, 20)) as pilot:
        app.add_class("-ascii")
        app.view.update_sidebar(sidebar(run_row("b", RunState.FAILED)))
        await pilot.pause()
        row = screen_text(app)[1]
        assert row.split() == ["x", "Title", "of", "b", "failed", "5m"]
        assert all(line.isascii() for line in screen_text(app))


async def test_keys_move_choose_and_fold() -> None:
    app = TreeApp()
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.update_sidebar(sidebar(run_row("a"), run_row("b")))
        app.view.focus()
        await pilot.press("enter", "j", "enter", "G", "enter", "k", "h")
        assert app.chosen == ["project p1", "run a", "run b"]
        assert app.view.run_id is None
        await pilot.press("h")
        assert len([row for row in screen_text(app) if row]) == 1
        await pilot.press("l", "l")
        assert app.view.run_id == "a"


async def test_the_cursor_stays_on_its_run_and_on_its_row_when_runs_arrive_above() -> None:
    app = TreeApp()
    async with app.run_test(size=(40, 8)) as pilot:
        runs = [run_row(f"old{i}") for i in range(30)]
        app.view.update_sidebar(sidebar(*runs))
        await pilot.pause()
        app.view.move_cursor_to("run:old15")
        await pilot.pause()
        before = screen_text(app)
        row = next(y for y, text in enumerate(before) if "old15" in text)
        app.view.update_sidebar(sidebar(*[run_row(f"new{i}") for i in range(3)], *runs))
        await pilot.pause()
        after = screen_text(app)
        assert app.view.run_id == "old15"
        assert "old15" in after[row]


async def test_folds_survive_an_update_and_a_vanished_run_leaves_the_cursor_near() -> None:
    app = TreeApp()
    async with app.run_test(size=(40, 12)) as pilot:
        nodes = (project_node("p1", run_row("a"), run_row("b")), project_node("p2", name="site"))
        app.view.update_sidebar(Sidebar(nodes))
        app.view.focus()
        await pilot.press("j", "j")
        assert app.view.run_id == "b"
        app.view.update_sidebar(Sidebar((project_node("p1", run_row("a")), nodes[1])))
        assert app.view.project_id == "p2"
        await pilot.press("home", "space")
        app.view.update_sidebar(Sidebar(nodes))
        await pilot.pause()
        assert not any("Title of a" in row for row in screen_text(app))


async def test_a_hostile_title_is_only_text() -> None:
    app = TreeApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.view.update_sidebar(sidebar(run_row("a", title="[/] \x1b]0;own\x07 [red]x\nsecond")))
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "[/]" in text
        assert "[red]x" in text
        assert "\x1b" not in text
        assert "\x07" not in text


async def test_an_error_is_shown_until_the_next_update() -> None:
    app = TreeApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.view.show_error("The database is locked.", "Press ctrl+r to try again.")
        await pilot.pause()
        assert "The database is locked." in "\n".join(screen_text(app))
        app.view.update_sidebar(sidebar(run_row("a")))
        await pilot.pause()
        assert "Title of a" in "\n".join(screen_text(app))
