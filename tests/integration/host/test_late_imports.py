"""A host that opens imports nothing that few hosts need: who waits for it pays for all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 120

_PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from foredeck.app.container import open_services
from foredeck.services.host.commands import CreateProject
from foredeck.services.settings import Settings

async def main():
    root = Path(sys.argv[1])
    settings = Settings(data_dir=root / "data", workspaces_root=root / "workspaces")
    async with open_services(settings, "test") as services:
        await services.scheduler.settled()
        await services.host.do(CreateProject("shop"))
        found = [name for name in sys.argv[2:] if name in sys.modules]
        print(json.dumps(found))

asyncio.run(main())
"""

SELDOM = (
    "croniter",
    "dateutil",
    "tarfile",
    "typst",
    "agents",
    "foredeck.services.backup.service",
    "foredeck.services.codex.exec_runner",
    "foredeck.services.domain.report_model",
    "foredeck.services.host.task_handlers",
    "foredeck.services.reports.building",
    "foredeck.services.tasks.service",
)


def test_what_few_hosts_need_is_not_imported_when_one_opens(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path), *SELDOM],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
