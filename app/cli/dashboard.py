"""`foredeck`: the dashboard, with the services in its own process."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connection
from foredeck.app.error_log import LOG_NAME, LOGGER, open_log, report
from foredeck.services.domain.errors import UsageError
from foredeck.services.domain.safe_text import safe_text

if TYPE_CHECKING:
    from foredeck.app.cli.session import Session
    from foredeck.app.container import Answering
    from foredeck.app.joining import Joined
    from foredeck.services.departure import Departure
    from foredeck.services.host.interface import Host
    from foredeck.services.settings import Settings

# Long enough to read three sentences.
_NOTICE_SECONDS = 30
# How often a dashboard whose host is gone looks for another one, in seconds.
_LOOK_AGAIN = 0.2


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
    outlived: bool = True,
) -> int:
    """Show the dashboard until the person leaves; the services close before it returns.

    `begin` is awaited with the open host before anything is read from it; `notice` is a
    warning that stays on the screen for a while. `outlived` lets a host in the background go
    on with the runs when the line drops, or when the person wants it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The dashboard needs a terminal.",
            "Without one, use the commands: foredeck --help lists them.",
        )
    from foredeck.app.cli.background import leave_to_background
    from foredeck.app.cli.interrupts import end_undisturbed
    from foredeck.app.driver import SteadyDriver
    from foredeck.app.ringing import Rings
    from foredeck.services.store import glance

    log_path = settings.data_dir / LOG_NAME
    open_log(log_path, level=10 if debug else 20)

    async def open_services() -> Connection:
        try:
            connection = await connect(settings, begin, outlived=outlived)
        except BaseException:
            _collect_garbage()
            raise
        if notice:
            app.notify(safe_text(notice), severity="warning", timeout=_NOTICE_SECONDS, markup=False)
        return connection

    app = ForedeckApp(
        open_services,
        theme=settings.theme,
        frame_rate=settings.frame_rate,
        rings=Rings(settings.notify_bell, settings.notify_desktop),
        log_path=log_path,
        report_error=report,
        driver_class=SteadyDriver,
    )
    code = app.run()
    end_undisturbed()
    LOGGER.info("the dashboard ended with %s", code)
    if app.works_on and glance.works(settings.data_dir):
        leave_to_background(settings)
    return code or 0


def _collect_garbage() -> None:
    """Do so from now on, but for what is loaded already.

    That is never garbage, and looking through it would cost the screen a pause of 80 ms at
    each full collection.
    """
    gc.freeze()
    gc.enable()


async def connect(
    settings: Settings,
    begin: Callable[[Host], Awaitable[None]] | None = None,
    *,
    outlived: bool = True,
) -> Connection:
    """Become the host, or attach to the one that runs; called after the first paint.

    With the setting `host` it is one in the background, which is started if need be.
    """
    from foredeck.services.departure import Departure
    from foredeck.services.settings import HostPlace

    if settings.host is HostPlace.BACKGROUND:
        from foredeck.app.cli.background import ensure_background_host

        await asyncio.to_thread(ensure_background_host, settings)

    departure = Departure()

    def join(answering: Answering) -> AbstractAsyncContextManager[Joined]:
        from foredeck.app import joining

        return joining.join_host(
            settings, "the dashboard", departure=departure, answering=answering
        )

    return await _connect_by(join, settings, begin, departure if outlived else None)


async def _reattach(settings: Settings) -> Connection:
    """Wait until another process is the host, and attach to it."""
    from foredeck.app.joining import join_other
    from foredeck.services.domain.errors import HostBusy, HostGone
    from foredeck.services.host.lock import is_held

    while True:
        if is_held(settings.data_dir):
            with suppress(HostBusy, HostGone):
                return await _connect_by(lambda _answering: join_other(settings), settings)
        await asyncio.sleep(_LOOK_AGAIN)


async def _connect_by(
    join: Callable[[Answering], AbstractAsyncContextManager[Joined]],
    settings: Settings,
    begin: Callable[[Host], Awaitable[None]] | None = None,
    departure: Departure | None = None,
) -> Connection:
    """Join a host on a loop of its own and `begin`.

    What it takes is imported in that thread too: SQLAlchemy takes a quarter of a second. A
    client has such a loop as well: a screen that is stuck does not keep the host waiting.
    """
    from foredeck.services.host.in_process import ServiceThread

    others: list[str] = []

    @asynccontextmanager
    async def open_host(answering: Answering) -> AsyncIterator[Host]:
        async with join(answering) as joined:
            if joined.remote:
                identity = joined.remote.identity
                others.append(f"{identity.role} ({identity.pid})")
            yield joined.host

    thread = ServiceThread(open_host)

    async def opened() -> None:
        try:
            await thread.opened()
        finally:
            _collect_garbage()

    try:
        host = await thread.start()
        if begin:
            await thread.opened()
            await begin(host)
    except BaseException:
        await thread.close()
        raise
    if others:
        again = partial(_reattach, settings)
        return Connection(host, thread.close, opened, attached_to=others[0], reattach=again)
    let_work_on = _leaver(departure)
    return Connection(host, thread.close, opened, thread.go_on, let_work_on=let_work_on)


def _leaver(departure: Departure | None) -> Callable[[], None] | None:
    """Return what says that the house is left as it is."""
    if departure is None:
        return None
    leaving = departure

    def let_work_on() -> None:
        leaving.leaving = True

    return let_work_on
