"""The dashboard on a host of its own with a batch of jobs, and with probes.

    python -m tests.benchmarks.jobs_app DIRECTORY JOBS FIGURES

The queue is paused at first. `Z` forgets what was measured, `Q` writes FIGURES and leaves.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType

from foredeck.app.application import ForedeckApp
from foredeck.app.cli.dashboard import connect
from foredeck.app.driver import SteadyDriver
from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.host.commands import CreateProject, PauseJobs, SubmitBatch
from foredeck.services.host.interface import Host
from foredeck.services.settings import Settings
from tests.benchmarks.probes import ProbedApp

_COMMAND = "sleep 0.05"


class JobsApp(ProbedApp, ForedeckApp):
    """The dashboard itself."""

    BINDINGS: ClassVar[list[BindingType]] = [("Q", "finish", "Finish"), ("Z", "reset", "Reset")]
    figures = Path()

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self.probe())

    def action_finish(self) -> None:
        self.write_figures(self.figures)
        self.leave()


async def prepare(host: Host, jobs: int) -> None:
    """Have a batch wait in a paused queue."""
    project = await host.do(CreateProject("demo"))
    await host.do(PauseJobs())
    wish = JobWish("many", project=project.id)
    await host.do(SubmitBatch(BatchWish(wish, commands=(_COMMAND,) * jobs)))


def main() -> int:
    """Run the dashboard."""
    base, jobs, figures = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    settings = Settings(
        data_dir=base / "data", workspaces_root=base / "workspaces", codex_home=base / "codex"
    )
    begin = partial(prepare, jobs=jobs)
    app = JobsApp(partial(connect, settings, begin), driver_class=SteadyDriver)
    app.figures = figures
    return app.run() or 0


if __name__ == "__main__":
    sys.exit(main())
