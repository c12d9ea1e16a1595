"""Runs the dashboard on a fake host in this terminal: `python -m tests.support.run_dashboard`.

Arguments: the state (empty, running, failed, finished) and a directory for its files. When
the connection is closed, `closed` appears there, holding how many runs were at work.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connection
from tests.support import fake_host
from tests.support.fake_host import NOW, FakeHost


def build(state: str, directory: Path) -> FakeHost:
    """Return the fake host in one of its states."""
    if state == "empty":
        return fake_host.empty()
    host = getattr(fake_host, state)(directory)
    assert isinstance(host, FakeHost)
    return host


def main() -> int:
    """Run the dashboard and return its exit code."""
    directory = Path(sys.argv[2])
    host = build(sys.argv[1], directory)

    async def close() -> None:
        # Long enough that nobody could have closed it without waiting.
        await asyncio.sleep(0.2)
        (directory / "closed").write_text(str(len(host.runs)))

    async def connect() -> Connection:
        (directory / "opened").touch()
        return Connection(host, close)

    from foredeck.app.driver import SteadyDriver

    app = ForedeckApp(
        connect,
        now=lambda: NOW,
        log_path=directory / "foredeck.log",
        driver_class=SteadyDriver,
    )
    return app.run() or 0


if __name__ == "__main__":
    sys.exit(main())
