"""The dashboard on a host of its own over what is stored already, with probes.

    python -m tests.benchmarks.kept_app DIRECTORY FIGURES

`Z` forgets what was measured, `Q` writes FIGURES and leaves.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from foredeck.app.cli.dashboard import connect
from foredeck.app.driver import SteadyDriver
from foredeck.services.settings import Settings
from tests.benchmarks.jobs_app import JobsApp


def main() -> int:
    """Run the dashboard."""
    base = Path(sys.argv[1])
    settings = Settings(
        data_dir=base / "data", workspaces_root=base / "workspaces", codex_home=base / "codex"
    )
    app = JobsApp(partial(connect, settings), driver_class=SteadyDriver)
    app.figures = Path(sys.argv[2])
    return app.run() or 0


if __name__ == "__main__":
    sys.exit(main())
