"""The Textual application: connection, lifetime, errors, themes. What it shows is in screens/."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import textual.screen
from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.signal import Signal
from textual.types import CSSPathType

from foredeck.app.connection import Connect, Connection
from foredeck.app.error_log import open_log, report, tell
from foredeck.app.hang_up import on_hang_up
from foredeck.app.key_order import KeyOrder
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.workbench import Workbench
from foredeck.services.domain import clock
from foredeck.services.domain.errors import ForedeckError, HostGone
from foredeck.services.domain.safe_text import safe_text
from foredeck.styles.themes import (
    ANSI_DARK,
    ANSI_LIGHT,
    DARK,
    LIGHT,
    THEMES,
    VARIABLE_DEFAULTS,
    theme_for,
)

if TYPE_CHECKING:
    from foredeck.app.attendance import Attendance
    from foredeck.app.bridge import HostChanged
    from foredeck.app.lost_host import LostHost
    from foredeck.app.ringing import Rings
    from foredeck.services.host.interface import Host

FRAME_RATE = 20
_STYLES = Path(__file__).parent.parent / "styles"
# Unexpected errors after which the screen is given up: it would only repeat itself.
_ERROR_LIMIT = 100


def _commands() -> type[Provider]:
    """Return the palette's provider; loaded when the palette is opened for the first time."""
    from foredeck.app.commands import ForedeckCommands

    return ForedeckCommands


class ForedeckApp(App[int]):
    """The dashboard.

    `connect` opens the services after the first paint. `run` returns when the terminal is
    back to normal AND the connection is closed; the exit code is then in `return_code`.
    `log_path` is where unexpected errors go, `report_error` replaces that in tests.
    """

    TITLE = "Foredeck"
    # Absolute, so that a subclass in another place finds them.
    CSS_PATH: ClassVar[CSSPathType] = [
        _STYLES / "app.tcss",
        _STYLES / "widgets.tcss",
        _STYLES / "workbench.tcss",
    ]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "ask_quit", "Quit", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "Commands", key_display="^p"),
        Binding("ctrl+c", "how_to_quit", "Quit", show=False),
    ]

    def __init__(
        self,
        connect: Connect,
        *,
        theme: str = DARK,
        frame_rate: int = FRAME_RATE,
        rings: Rings | None = None,
        now: Callable[[], datetime] = clock.now,
        log_path: Path | None = None,
        report_error: Callable[[BaseException], None] | None = None,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.animation_level = "none"
        for known in THEMES:
            self.register_theme(known)
        self.ansi_theme_dark, self.ansi_theme_light = ANSI_DARK, ANSI_LIGHT
        self.theme = self._fitting(theme)
        self.now = now
        self.changed: Signal[HostChanged] = Signal(self, "host_changed")
        self._frame_rate = frame_rate
        self._workbench = Workbench(frame_rate)
        self._connect = connect
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._lost_host: LostHost | None = None
        self._rings = rings
        self._attendance: Attendance | None = None
        self._lets_work_on = False
        self.works_on = False
        self._log_path = log_path
        self._report_error = report_error
        self._errors: list[str] = []
        self._keys = KeyOrder(self, super().on_event)

    def _fitting(self, wanted: str) -> str:
        """Return the theme to use: true colours need a terminal that has them."""
        if wanted not in self.available_themes:
            wanted = DARK
        if wanted in {DARK, LIGHT}:
            return theme_for(self.console.color_system, dark=wanted == DARK)
        return wanted

    # --- the connection ---------------------------------------------------------------

    @property
    def host(self) -> Host | None:
        """The open host, or None while there is none."""
        return self._connection.host if self._connection else None

    @property
    def is_host(self) -> bool:
        """Whether this process works on the runs itself, and they end with it."""
        return self._connection is not None and not self._connection.attached_to

    @property
    def can_let_work_on(self) -> bool:
        """Whether what works here may go on without this process."""
        return self._connection is not None and self._connection.let_work_on is not None

    @property
    def attached_to(self) -> str:
        """Who the host is, if it is another process."""
        return self._connection.attached_to if self._connection else ""

    @property
    def workbench(self) -> Workbench:
        """The screen below all others."""
        return self._workbench

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLE_DEFAULTS)

    def get_default_screen(self) -> Workbench:
        return self._workbench

    def on_mount(self) -> None:
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        """After the first paint: bring in the views, then the data."""
        self._cap_frames()
        try:
            await self.workbench.furnish()
        except Exception:
            if not self._exit:
                raise
            return  # the person left before the views were in their places
        self.connect()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and isinstance(self.screen, PromptScreen):
            self.screen.expect_change()
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    def _cap_frames(self) -> None:
        """Paint at most `frame_rate` times a second; the first paint does not wait for that.

        Screens read the module's constant when they make their paint timer; that of the
        workbench is made already.
        """
        textual.screen.UPDATE_PERIOD = 1 / self._frame_rate  # type: ignore[misc]
        self.workbench._update_timer._interval = 1 / self._frame_rate

    def connect(self) -> None:
        """Open the services in the background; does nothing while that goes on or is done.

        When the host of another process is gone, this takes its place.
        """
        if self._connection is None and (self._connecting is None or self._connecting.done()):
            self.workbench.show_opening()
            self._connecting = asyncio.create_task(self._open(), name="open the services")

    async def _open(self) -> None:
        await self._forget_lost_host()
        try:
            connection = await self._connect()
            self.adopt(connection)
            await connection.opened()
        except ForedeckError as error:
            await self._fail(error)
        except Exception as error:
            self._report(error)
            await self._fail(
                ForedeckError("The data could not be opened.", self._where_details_are())
            )

    async def _fail(self, error: ForedeckError) -> None:
        """Let go of a host that did not open to the end, and say why."""
        await self._let_go()
        self.workbench.show_failure(error)

    def adopt(self, connection: Connection) -> None:
        """Show what this host has, and hear of its changes."""
        from foredeck.app.attendance import Attendance
        from foredeck.app.bridge import HostBridge, HostChanged

        self._connection = connection
        self._attendance = self._attendance or Attendance(self, self._rings)
        bridge = HostBridge(
            connection.host,
            self.changed,
            self.notice,
            lost=self._lost,
            report_error=self._report,
            ring=self._attendance.ring,
        )
        if not self.is_running:
            return
        self.run_worker(
            bridge.run(), name="bridge", group="bridge", exit_on_error=False, exclusive=True
        )
        watching = self._attendance.watch(connection.host)
        self.run_worker(self._guard(watching), group="attendance", exclusive=True)
        if connection.attached_to:
            from foredeck.app.pulse import feel_pulse

            self.run_worker(self._guard(feel_pulse(self, connection)), group="pulse")
        self.workbench.show_host()
        if len(self.screen_stack) > 1:
            # What lies over the workbench has read from an earlier host.
            self.changed.publish(HostChanged(resync=True))

    def data_shown(self) -> None:
        """What is stored is on the screen: nothing has to stand back for that any more."""
        if self._connection is not None:
            self._connection.shown()

    def _lost(self, error: HostGone) -> None:
        """The host of another process is gone: offer to take its place, and wait for the next."""
        connection, self._connection = self._connection, None
        if connection is not None:
            from foredeck.app.lost_host import LostHost

            self.workbench.show_lost(error)
            self._lost_host = LostHost(self, connection, error)

    async def _forget_lost_host(self) -> None:
        lost, self._lost_host = self._lost_host, None
        if lost is not None:
            await lost.close()

    def leave(self, return_code: int = 0, *, let_work_on: bool = False) -> None:
        """End the application; `run` closes the connection afterwards.

        With `let_work_on` what works here, if anything does, is left as it is; `works_on` says
        afterwards that it was. Services that are still being opened are left so as well.
        """
        self._lets_work_on = self._lets_work_on or let_work_on
        self._let_work_on()
        self.exit(return_code=return_code)

    def _let_work_on(self) -> None:
        connection = self._connection
        if self._lets_work_on and connection and connection.let_work_on and not self.works_on:
            connection.let_work_on()
            self.works_on = True

    async def disconnect(self) -> None:
        """Close the services in order and wait for it; safe to call twice.

        An opening that is under way is awaited first: what it opened must be closed too.
        """
        if self._connecting is not None and not self._connecting.done():
            await asyncio.wait({self._connecting})
        self._let_work_on()
        await self._forget_lost_host()
        await self._let_go()

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if self._attendance is not None:
                await self._attendance.leave(connection.host)
        finally:
            await connection.close()

    # --- the lifetime -----------------------------------------------------------------

    async def run_async(self, **options: Any) -> int:
        """Run until the person leaves or a signal ends it, then close the services.

        Returns the exit code.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_failed)
        loop.add_signal_handler(signal.SIGTERM, self._end_on, signal.SIGTERM)
        on_hang_up(lambda: self._end_on(signal.SIGHUP))
        try:
            result = await super().run_async(**options)
        finally:
            # The signals are heard until the loop closes: a second one must not end this.
            await self._close_in_order()
        # A result other than the exit code comes from who drives the app (a picture of it).
        return result if result is not None else self.return_code or 0

    async def _close_in_order(self) -> None:
        working = len(self.workbench.working())
        if working and self.is_host and not self.works_on:
            tell(f"Stopping {working} run{'s' if working > 1 else ''}…\n")
        try:
            await self.disconnect()
        except ForedeckError as error:
            tell(f"{safe_text(str(error))}\n")
        except Exception as error:
            self._report(error)
            tell(f"Foredeck did not close cleanly. {self._where_details_are()}\n")

    def _end_on(self, number: int) -> None:
        """End in order; a line that drops is no reason to stop what works."""
        self.leave(128 + number, let_work_on=True)

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._report(error or RuntimeError(str(context.get("message"))))

    async def action_ask_quit(self) -> None:
        """Leave; the workbench asks first when runs are working."""
        await self.workbench.run_action("ask_quit")

    def action_how_to_quit(self) -> None:
        """Say which key leaves: ctrl+c is pressed by habit, and may be pressed by mistake."""
        self.notice("Press q (or ctrl+q) to quit.", "information")

    # --- notices and errors -----------------------------------------------------------

    def notice(self, message: str, severity: str = "information") -> None:
        """Show a toast; `message` may be untrusted."""
        level = severity if severity in {"warning", "error"} else "information"
        self.notify(safe_text(message), severity=level, markup=False)  # type: ignore[arg-type]

    def show_error(self, error: Exception) -> None:
        """Show what an action raised: its sentence, or one sentence for the unexpected."""
        if isinstance(error, ForedeckError):
            self.notice(str(error), "error")
        else:
            self._handle_exception(error)

    def start(self, work: Coroutine[Any, Any, None], group: str = "action") -> None:
        """Run an action's coroutine in the background; what it raises is shown."""
        if group == "dialog":
            self.clear_notifications()  # else they lie over its buttons
        self.workbench.run_worker(self._guard(work), group=group, exit_on_error=False)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.show_error(error)

    def _handle_exception(self, error: Exception) -> None:
        """Log what nobody caught and say one sentence; Textual would end with a traceback."""
        self._report(error)
        repeated = repr(error) in self._errors
        self._errors.append(repr(error))
        if self._exit:
            return
        if not self._running or len(self._errors) > _ERROR_LIMIT:
            self._give_up()
        elif not repeated:
            self.notice(f"Something unexpected went wrong. {self._where_details_are()}", "error")

    def _give_up(self) -> None:
        self._return_code = 1
        sentence = f"Foredeck's screen cannot go on. {self._where_details_are()}"
        self._exit_renderables[:] = [Text(sentence)]
        self._close_messages_no_wait()

    def _report(self, error: BaseException) -> None:
        if self._report_error is not None:
            self._report_error(error)
            return
        if self._log_path is not None:
            open_log(self._log_path)
        report(error)

    def _where_details_are(self) -> str:
        return f"Details are in {self._log_path}." if self._log_path else ""
