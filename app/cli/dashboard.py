"""`foredeck`: the dashboard, with the services in its own process."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connection
from foredeck.app.error_log import LOGGER, open_log, report
from foredeck.services.domain.errors import UsageError
from foredeck.services.host.in_process import ServiceThread
from foredeck.services.host.interface import Host

if TYPE_CHECKING:
    from foredeck.app.cli.session import Session
    from foredeck.services.settings import Settings

LOG_NAME = "foredeck.log"


def open_dashboard(session: Session) -> int:
    """Open the dashboard and return its exit code."""
    settings = session.settings
    return run_dashboard(settings, debug=session.debug)


def run_dashboard(settings: Settings, *, debug: bool = False) -> int:
    """Show the dashboard until the person leaves; the services close before it returns."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The dashboard needs a terminal.",
            "Without one, use the commands: foredeck --help lists them.",
        )
    from foredeck.app.driver import SteadyDriver

    log_path = settings.data_dir / LOG_NAME
    open_log(log_path, level=10 if debug else 20)
    app = ForedeckApp(
        lambda: connect(settings),
        theme=settings.theme,
        frame_rate=settings.frame_rate,
        log_path=log_path,
        report_error=report,
        driver_class=SteadyDriver,
    )
    code = app.run()
    LOGGER.info("the dashboard ended with %s", code)
    return code or 0


async def connect(settings: Settings) -> Connection:
    """Open the services on a loop of their own; called after the first paint.

    The container is imported in that thread too: SQLAlchemy takes a quarter of a second.
    """

    def open_host() -> AbstractAsyncContextManager[Host]:
        from foredeck.app import container

        return container.open_host(settings, "the dashboard")

    thread = ServiceThread(open_host)
    return Connection(await thread.start(), thread.close)
