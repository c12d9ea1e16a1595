"""The app that the screen's benchmarks run on a terminal of their own, with its own probes.

    python -m tests.benchmarks.screen_app WIDGET FILE FIGURES

WIDGET is `pane` (the output pane), `log` (Textual's Log, fed in batches from the file) or
`bare` (a line of text). When `q` is pressed, FIGURES gets the lags of the event loop, the
times from key to paint (both in milliseconds) and the anonymous memory in kB, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Log, Static

from foredeck.app.driver import SteadyDriver

_PROBE_SECONDS = 0.005
_BATCH_SECONDS = 0.05


class ScreenApp(App[None]):
    """One widget, and probes of the loop it runs on."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit"), ("z", "reset", "Reset")]

    def __init__(self, kind: str, path: Path, figures: Path) -> None:
        super().__init__(driver_class=SteadyDriver if kind == "pane" else None)
        self.kind = kind
        self.path = path
        self.figures = figures
        self.lags: list[float] = []
        self.keys: list[float] = []
        self._pending: list[float] = []

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
        self.run_worker(self._probe())
        gc.collect()
        gc.freeze()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._pending.append(event.time)
        await super().on_event(event)

    def post_display_hook(self) -> None:
        now = time.monotonic()
        self.keys += [1000 * (now - pressed) for pressed in self._pending]
        self._pending.clear()

    def action_reset(self) -> None:
        self.lags.clear()
        self.keys.clear()
        self._pending.clear()

    async def action_quit(self) -> None:
        status = Path("/proc/self/status").read_text()
        anonymous = status.split("RssAnon:")[1].split()[0]
        figures = {"lags": self.lags, "keys": self.keys, "anonymous": int(anonymous)}
        self.figures.write_text(json.dumps(figures))
        self.exit()

    async def _probe(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_PROBE_SECONDS)
            self.lags.append(1000 * (time.perf_counter() - before - _PROBE_SECONDS))

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
