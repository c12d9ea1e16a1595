"""The output pane: follows a growing file, searches it, and jumps to its errors."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from foredeck.widgets.terminal import messages
from foredeck.widgets.terminal.file_view import FRAME_RATE, FileView
from foredeck.widgets.terminal.line_index import LINE_STEP
from foredeck.widgets.terminal.pane_search import PaneSearch
from foredeck.widgets.terminal.search import Needle

_SIDE_STEP = 8


class OutputPane(FileView, can_focus=True):
    """Shows one output file; what happens is told by its messages.

    Searches and jumps run beside the screen: `SearchProgress` and `ErrorShown` say how
    they went.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_rows(-1)", "Up", show=False),
        Binding("down,j", "scroll_rows(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "scroll_pages(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f,space", "scroll_pages(1)", "Page down", show=False),
        Binding("ctrl+u", "scroll_pages(-0.5)", "Half a page up", show=False),
        Binding("ctrl+d", "scroll_pages(0.5)", "Half a page down", show=False),
        Binding("home", "top", "First line", show=False),
        Binding("end,G", "bottom", "Last line, and follow", show=False),
        Binding("left,h", "sideways(-1)", "Left", show=False),
        Binding("right,l", "sideways(1)", "Right", show=False),
        Binding("0", "line_start", "Start of the lines", show=False),
    ]

    FollowChanged = messages.FollowChanged
    Moved = messages.Moved
    SearchProgress = messages.SearchProgress
    ErrorShown = messages.ErrorShown

    def __init__(
        self,
        *,
        frame_rate: float = FRAME_RATE,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(frame_rate=frame_rate, id=id, classes=classes)
        self._searches = PaneSearch(self)
        self._said: tuple[int, bool] = (100, True)

    def show_file(self, path: Path | None, title: str = "") -> None:
        """Show an output file (that need not exist yet), from its end; None shows nothing.

        A search goes on in the new file.
        """
        self._searches.cancel()
        super().show_file(path, title)
        if self.needle is not None:
            self._searches.start(self.needle)

    def on_unmount(self) -> None:
        """Stop the searches; the file is closed by the base class."""
        self._searches.cancel()

    @property
    def follow(self) -> bool:
        """Whether the end of the output is kept in sight."""
        return self.view.follow

    @follow.setter
    def follow(self, follow: bool) -> None:
        self.view.follow = follow
        if follow:
            self.view.go(self.view.last_top)
            self.view.follow = True
            self.current = None
        self.moved()

    # --- search and errors ------------------------------------------------------------

    def search(self, text: str) -> None:
        """Look for a word from the present line on; `SearchProgress` tells how it went."""
        if not text:
            self.clear_search()
        elif self.needle is None or text != self.needle.text:
            self.needle = Needle(text)
            self._searches.start(self.needle)
            self.refresh()

    def next_match(self) -> None:
        """Go to the next line that holds the word, from the end on to the beginning."""
        if self.needle is not None:
            self._searches.step(self.needle, forward=True)

    def previous_match(self) -> None:
        """Go to the previous line that holds the word, from the beginning on to the end."""
        if self.needle is not None:
            self._searches.step(self.needle, forward=False)

    def clear_search(self) -> None:
        """Forget the word; the position stays."""
        self._searches.cancel()
        self.needle = self.current = None
        self.refresh()

    def next_error(self) -> None:
        """Go to the next line that tells of an error; `ErrorShown` says whether there is one."""
        self._searches.error(forward=True)

    def previous_error(self) -> None:
        """Go to the previous line that tells of an error."""
        self._searches.error(forward=False)

    def show_line(self, line: int) -> None:
        """Bring a line (from 0) into sight, mark it, and stop following."""
        self.current = line
        self.view.show(line)
        self.moved()

    def search_said(self, summary: str, *, found: bool, done: bool) -> None:
        """Tell how the search stands."""
        self.post_message(self.SearchProgress(self, summary, found=found, done=done))

    def error_shown(self, line: int | None, *, forward: bool) -> None:
        """Tell how a jump to an error ended."""
        self.post_message(self.ErrorShown(self, line, forward=forward))

    # --- keys and mouse ---------------------------------------------------------------

    def action_scroll_rows(self, rows: int) -> None:
        self._scroll(rows)

    def action_scroll_pages(self, pages: float) -> None:
        self._scroll(int(pages * max(1, self.view.height - 1)))

    def action_top(self) -> None:
        self.view.go(0)
        self.moved()

    def action_bottom(self) -> None:
        self.follow = True

    def action_sideways(self, steps: int) -> None:
        self._shift_to(self.shift + steps * _SIDE_STEP)

    def action_line_start(self) -> None:
        self._shift_to(0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def on_click(self, event: events.Click) -> None:
        """A click on the scroll bar goes there."""
        if self.view.thumb() and event.x >= self.size.width - 1:
            self.view.go(self.view.last_top * event.y // max(1, self.view.height - 1))
            self.moved()

    def _scroll(self, rows: int) -> None:
        self.view.scroll(rows)
        self.moved()

    def _shift_to(self, shift: int) -> None:
        lines = self.visible_lines()
        widest = max((max(line.raw.length, len(line.text)) for line in lines), default=0)
        shift = max(0, min(shift, widest - self.size.width // 2))
        if shift // LINE_STEP != self.shift // LINE_STEP:
            self.forget_rows()
        self.shift = shift
        self.refresh()

    def moved(self) -> None:
        """Repaint, and tell where the pane is now."""
        super().moved()
        percent, follow = self.view.percent, self.view.follow
        said = self._said
        self._said = (percent, follow)
        if follow != said[1]:
            self.post_message(self.FollowChanged(self, follow))
        if percent != said[0]:
            self.post_message(self.Moved(self, self.view.top + 1, self.view.total, percent))
