"""The searches of an output pane: one jump and one count at a time, each cancellable."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from textual.worker import Worker

from foredeck.services.domain.safe_text import safe_line
from foredeck.widgets.terminal.finder import Finder
from foredeck.widgets.terminal.output_file import OutputFile
from foredeck.widgets.terminal.search import Needle
from foredeck.widgets.terminal.viewport import Viewport


class SearchedPane(Protocol):
    """What the searches need of the pane."""

    file: OutputFile | None
    view: Viewport
    current: int | None

    @property
    def lines(self) -> int: ...
    @property
    def is_mounted(self) -> bool: ...
    def run_worker(
        self, work: Callable[[], Coroutine[Any, Any, None]], *, group: str, exclusive: bool
    ) -> Worker[None]: ...
    def show_line(self, line: int) -> None: ...
    def search_said(self, summary: str, *, found: bool, done: bool) -> None: ...
    def error_shown(self, line: int | None, *, forward: bool) -> None: ...


class PaneSearch:
    """Runs what the pane's search and error keys ask for, and posts the pane's messages."""

    def __init__(self, pane: SearchedPane) -> None:
        self._pane = pane
        self._workers: dict[str, Worker[None]] = {}
        self._place = ""
        self._counted = ""
        self._count = 0

    def cancel(self) -> None:
        """Stop whatever is running."""
        for worker in self._workers.values():
            worker.cancel()
        self._workers.clear()
        self._place = self._counted = ""
        self._count = 0

    def start(self, needle: Needle) -> None:
        """Go to the first match from the present line on, and count them all."""
        self.cancel()
        if self._pane.file is not None:
            finder = Finder(self._pane.file)
            self._run("jump", partial(self._jump, finder, needle, self._here, forward=True))
            self._run("count", partial(self._count_all, finder, needle))

    def step(self, needle: Needle, *, forward: bool) -> None:
        """Go to the match behind or before the present line."""
        if self._pane.file is not None:
            line = self._here + 1 if forward else self._here
            finder = Finder(self._pane.file)
            self._run("jump", partial(self._jump, finder, needle, line, forward=forward))

    def error(self, *, forward: bool) -> None:
        """Go to the error behind or before the present line; from the end on to the first."""
        if self._pane.file is not None:
            finder = Finder(self._pane.file)
            self._run("jump", partial(self._to_error, finder, forward=forward))

    @property
    def _here(self) -> int:
        pane = self._pane
        current = pane.current
        if current is not None:
            return current
        return 0 if pane.view.follow else pane.view.top

    def _run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if not self._pane.is_mounted:
            return
        if name in self._workers:
            self._workers[name].cancel()
        self._workers[name] = self._pane.run_worker(work, group=f"output-{name}", exclusive=True)

    async def _jump(self, finder: Finder, needle: Needle, line: int, *, forward: bool) -> None:
        hit = await finder.word(needle, line, forward=forward)
        if hit is None:
            edge = 0 if forward else self._pane.lines
            hit = await finder.word(needle, edge, forward=forward)
        if hit is not None:
            self._pane.show_line(hit)
        self._place = "no match" if hit is None else f"line {hit + 1:,}"
        self._say(done=not self._counted.endswith("…"))

    async def _count_all(self, finder: Finder, needle: Needle) -> None:
        share = 0.0
        async for self._count, share in finder.count(needle):
            if share < 1:
                self._counted = f"{self._count:,} so far, {share:.0%} read…"
                self._say(done=False)
        self._counted = f"{self._count:,} match{'' if self._count == 1 else 'es'}"
        self._say(done=True)

    async def _to_error(self, finder: Finder, *, forward: bool) -> None:
        pane = self._pane
        fresh = pane.current is None and pane.view.follow
        line = (0 if fresh else self._here + 1) if forward else self._here
        if fresh and not forward:
            line = pane.lines
        hit = await finder.error(line, forward=forward)
        if hit is not None:
            pane.show_line(hit)
        shown = None if hit is None else hit + 1
        pane.error_shown(shown, forward=forward)

    def _say(self, *, done: bool) -> None:
        if self._place == "no match":
            summary = self._place if done or not self._count else self._counted
        else:
            summary = " · ".join(part for part in (self._place, self._counted) if part)
        found = self._count > 0 or self._place.startswith("line")
        self._pane.search_said(safe_line(summary), found=found, done=done)
