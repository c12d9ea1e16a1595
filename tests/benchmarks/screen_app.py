"""The app that the screen's benchmarks run on a terminal of their own, with its own probes.

    python -m tests.benchmarks.screen_app WIDGET FILE FIGURES

WIDGET is `pane` (the output pane), `log` (Textual's Log, fed in batches from the file) or
`bare` (a line of text). When `q` is pressed, FIGURES gets the lags of the event loop, the
times from key to paint (both in milliseconds) and the anonymous memory in kB, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Log, Static

from foredeck.app.driver import SteadyDriver
from tests.benchmarks.probes import ProbedApp

_BATCH_SECONDS = 0.05


class ScreenApp(ProbedApp):
    """One widget, and probes of the loop it runs on."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit"), ("z", "reset", "Reset")]

    def __init__(self, kind: str, path: Path, figures: Path) -> None:
        super().__init__(driver_class=SteadyDriver if kind == "pane" else None)
        self.kind = kind
        self.path = path
        self.figures = figures

    def compose(self) -> ComposeResult:
        yield self._make()

    def _make(self) -> Widget:
        if self.kind == "pane":
            from foredeck.widgets.terminal.output_pane import OutputPane

            pane = OutputPane()
            self.call_after_refresh(pane.focus)
            self.call_after_refresh(pane.show_file, self.path)
            return pane
        if self.kind == "log":
            log = Log()
            self.call_after_refresh(log.focus)
            self.call_after_refresh(lambda: self.run_worker(self._feed(log)))
            return log
        return Static("a bare line", markup=False)

    def on_mount(self) -> None:
        self.animation_level = "none"
        self.run_worker(self.probe())
        gc.collect()
        gc.freeze()

    async def action_quit(self) -> None:
        self.write_figures(self.figures)
        self.exit()

    async def _feed(self, log: Log) -> None:
        rest = ""
        with self.path.open(encoding="utf-8", errors="replace") as file:
            while True:
                *lines, rest = (rest + file.read()).split("\n")
                if lines:
                    log.write_lines(lines)
                await asyncio.sleep(_BATCH_SECONDS)


if __name__ == "__main__":
    ScreenApp(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])).run()
