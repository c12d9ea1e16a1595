"""An app that is one output pane, for tests and benchmarks on a real terminal.

    python -m tests.support.pane_program FILE [--ticks FILE] [--rate N] [--stock-driver]

`q` leaves; `n` shows the next file of the directory if FILE is one. The file given with
`--ticks` gets the number of turns of the event loop, and every turn repaints the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from foredeck.app.driver import SteadyDriver
from foredeck.widgets.terminal.output_pane import OutputPane


class PaneApp(App[None]):
    """A title line and the pane."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit"), ("n", "next_file", "Next file")]

    def __init__(self, path: Path, ticks: Path | None, rate: float, stock: bool) -> None:
        super().__init__(driver_class=None if stock else SteadyDriver)
        self.paths = sorted(path.iterdir()) if path.is_dir() else [path]
        self.ticks = ticks
        self.rate = rate

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield OutputPane(frame_rate=self.rate)

    def on_mount(self) -> None:
        self.query_one(OutputPane).focus()
        self.action_next_file()
        if self.ticks is not None:
            self.run_worker(self._tick(self.ticks))
        gc.collect()
        gc.freeze()

    def action_next_file(self) -> None:
        if self.paths:
            path = self.paths.pop(0)
            self.query_one(OutputPane).show_file(path)
            self.query_one("#title", Static).update(f"== {path.name} ==")
        else:
            self.query_one("#title", Static).update("== no more files ==")

    async def _tick(self, path: Path) -> None:
        count = 0
        scratch = path.with_suffix(".new")
        while True:
            await asyncio.sleep(0.02)
            count += 1
            self.refresh()
            scratch.write_text(str(count))
            os.replace(scratch, path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--ticks", type=Path)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--stock-driver", action="store_true")
    options = parser.parse_args()
    PaneApp(options.path, options.ticks, options.rate, options.stock_driver).run()


if __name__ == "__main__":
    main()
