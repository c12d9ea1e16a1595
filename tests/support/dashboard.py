"""The dashboard on a fake host, for pilot tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot
from textual.widgets._toast import Toast

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connect
from foredeck.app.screens.workbench import Workbench
from tests.support.fake_host import NOW, FakeHost

TIMEOUT = 60.0


def make_app(connect: Connect, errors: list[BaseException] | None = None) -> ForedeckApp:
    """Return the app with a still clock; unexpected errors are collected."""
    kept = errors if errors is not None else []
    return ForedeckApp(connect, now=lambda: NOW, report_error=kept.append)


@asynccontextmanager
async def dashboard(
    host: FakeHost,
    size: tuple[int, int] = (120, 40),
    *,
    connect: Connect | None = None,
    errors: list[BaseException] | None = None,
) -> AsyncIterator[Pilot[int]]:
    """Run the app headless until the block ends; fails on an error that nobody expected."""
    unexpected: list[BaseException] = []
    app = make_app(connect or host.connect, unexpected if errors is None else errors)
    async with app.run_test(size=size) as pilot:
        if connect is None:
            await until(pilot, lambda: settled(app, host))
        yield pilot
    await app.disconnect()
    if unexpected:
        raise unexpected[0]


def settled(app: ForedeckApp, host: FakeHost) -> bool:
    """Whether the screen has read everything it shows first."""
    workbench = app.workbench
    if app.host is None or workbench._desk is None or workbench.desk.reader.sidebar is None:
        return False
    return not host.runs or workbench.desk.view.detail is not None


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fails after `TIMEOUT` seconds."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():
            await pilot.pause(0.005)
    await pilot.pause()


def workbench_of(pilot: Pilot[int]) -> Workbench:
    """Return the workbench."""
    app = pilot.app
    assert isinstance(app, ForedeckApp)
    return app.workbench


def toasts(pilot: Pilot[int]) -> list[str]:
    """Return what the toasts on screen say."""
    return [str(toast.render()) for toast in pilot.app.screen.query(Toast)]


def messages(pilot: Pilot[int]) -> list[str]:
    """Return every notice raised so far, shown or not."""
    return [notice.message for notice in pilot.app._notifications]
