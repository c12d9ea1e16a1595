"""What the apps of the benchmarks measure of themselves: the loop's lag, and key to paint."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from textual import events
from textual.app import App

_PROBE_SECONDS = 0.005


class ProbedApp(App[Any]):
    """Has `lags` of the event loop, and times from key to paint in `keys`, in milliseconds."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lags: list[float] = []
        self.keys: list[float] = []
        self._pressed: list[float] = []
        self._seen: set[float] = set()

    async def on_event(self, event: events.Event) -> None:
        # A key that nobody has handled comes by once more, on its way up.
        if isinstance(event, events.Key) and event.time not in self._seen:
            self._seen.add(event.time)
            self._pressed.append(event.time)
        await super().on_event(event)

    def post_display_hook(self) -> None:
        now = time.monotonic()
        self.keys += [1000 * (now - pressed) for pressed in self._pressed]
        self._pressed.clear()

    def action_reset(self) -> None:
        """Forget what was measured so far."""
        self.lags.clear()
        self.keys.clear()
        self._pressed.clear()

    def write_figures(self, path: Path) -> None:
        """Write them as JSON, with the anonymous memory in kB."""
        status = Path("/proc/self/status").read_text()
        anonymous = int(status.split("RssAnon:")[1].split()[0])
        path.write_text(json.dumps({"lags": self.lags, "keys": self.keys, "anonymous": anonymous}))

    async def probe(self) -> None:
        """Measure the loop's lag until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_PROBE_SECONDS)
            self.lags.append(1000 * (time.perf_counter() - before - _PROBE_SECONDS))
