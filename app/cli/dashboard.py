"""`foredeck`: the dashboard, with the services in its own process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connection
from foredeck.app.error_log import LOG_NAME, LOGGER, open_log, report
from foredeck.services.domain.errors import UsageError
from foredeck.services.domain.safe_text import safe_text

if TYPE_CHECKING:
    from foredeck.app.cli.session import Session
    from foredeck.services.host.interface import Host
    from foredeck.services.settings import Settings

# Long enough to read three sentences.
_NOTICE_SECONDS = 30


def open_dashboard(session: Session) -> int:
    """Open the dashboard and return its exit code."""
    settings = session.settings
    return run_dashboard(settings, debug=session.debug)


def run_dashboard(
    settings: Settings,
    *,
    debug: bool = False,
    begin: Callable[[Host], Awaitable[None]] | None = None,
    notice: str = "",
) -> int:
    """Show the dashboard until the person leaves; the services close before it returns.

    `begin` is awaited with the open host before anything is read from it; `notice` is a
    warning that stays on the screen for a while.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The dashboard needs a terminal.",
            "Without one, use the commands: foredeck --help lists them.",
        )
    from foredeck.app.driver import SteadyDriver

    log_path = settings.data_dir / LOG_NAME
    open_log(log_path, level=10 if debug else 20)

    async def open_services() -> Connection:
        try:
            connection = await connect(settings, begin)
        finally:
            # What is loaded now is never garbage; looking through it would cost the screen
            # a pause of 80 ms at each full collection.
            gc.freeze()
            gc.enable()
        if notice:
            app.notify(safe_text(notice), severity="warning", timeout=_NOTICE_SECONDS, markup=False)
        return connection

    app = ForedeckApp(
        open_services,
        theme=settings.theme,
        frame_rate=settings.frame_rate,
        log_path=log_path,
        report_error=report,
        driver_class=SteadyDriver,
    )
    code = app.run()
    LOGGER.info("the dashboard ended with %s", code)
    return code or 0


async def connect(
    settings: Settings, begin: Callable[[Host], Awaitable[None]] | None = None
) -> Connection:
    """Open the services on a loop of their own and `begin`; called after the first paint.

    The container is imported in that thread too: SQLAlchemy takes a quarter of a second.
    """
    from foredeck.services.host.in_process import ServiceThread

    def open_host() -> AbstractAsyncContextManager[Host]:
        from foredeck.app import container

        return container.open_host(settings, "the dashboard")

    thread = ServiceThread(open_host)
    host = await thread.start()
    try:
        if begin:
            await begin(host)
    except BaseException:
        await thread.close()
        raise
    return Connection(host, thread.close)
