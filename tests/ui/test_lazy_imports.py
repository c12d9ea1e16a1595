"""The first frame must not pay for the database, the agents or pydantic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]

_PROGRAM = """
import asyncio, sys
from foredeck.app.application import ForedeckApp

async def main():
    painted = asyncio.Event()
    async def connect():
        painted.set()
        await asyncio.Event().wait()
    app = ForedeckApp(connect)
    async with app.run_test(size=(80, 24)) as pilot:
        await asyncio.wait_for(painted.wait(), 30)
        found = [name for name in sys.argv[1:] if name in sys.modules]
        print("loaded:", *found)
        app._connecting.cancel()

asyncio.run(main())
"""

HEAVY = ("sqlalchemy", "aiosqlite", "agents", "openai", "mcp", "pydantic", "websockets", "click")


def test_nothing_heavy_is_imported_before_the_first_frame() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *HEAVY],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "loaded:"


def test_what_is_stored_is_not_even_described_before_the_first_frame() -> None:
    # These modules cost a twentieth of the time until then.
    program = "import sys, foredeck.app.application; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "foredeck.app.screens.workbench" in loaded
    assert "foredeck.services.domain.records" not in loaded
    assert "foredeck.services.domain.views" not in loaded
