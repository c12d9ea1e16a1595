"""A terminal driver whose writer never blocks.

A terminal may stop reading: a dead SSH link, Ctrl-S, a sleeping laptop. Textual's own
writer then blocks the event loop once thirty writes are queued. Here frames that the
terminal does not take are dropped, and when it has taken all that was queued, the whole
screen is painted once more.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

QUEUED_BYTES: Final = 64 * 1024
"""More than that is not queued; a frame of a large screen has some 20 kB."""
MODES_BYTES: Final = 16 * 1024
STOP_SECONDS: Final = 1.0
_CHUNK: Final = 4096

# What changes the terminal's state instead of painting: modes, keyboard protocol, queries,
# bell, clipboard. It is queued even when frames are not.
_MODE = re.compile(
    r"(?:\x1b\[[?<=>][\d;$]*[a-z]|\x1b\](?:52|[0-2]);[^\x07\x1b]*(?:\x07|\x1b\\)|\x07)+\Z"
)
_SYNC_START: Final = "\x1b[?2026h"
_SYNC_END: Final = "\x1b[?2026l"


class SteadyWriter:
    """Writes to a file descriptor in a thread; `write` never waits.

    `drained` is called in the thread when everything queued has been taken after something
    had to be dropped.
    """

    def __init__(self, fd: int, drained: Callable[[], None]) -> None:
        self._fd = fd
        self._drained = drained
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._changed = threading.Condition()
        self._dropped = False
        self._dropping_frame = False
        self._stopping = False
        # A daemon: a terminal that never reads again must not keep the program alive.
        self._thread = threading.Thread(target=self._run, name="terminal-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, text: str) -> None:
        """Queue a frame or a mode sequence; a frame for which there is no room is dropped."""
        with self._changed:
            if self._accepts(text):
                self._queue.append(text.encode("utf-8", "replace"))
                self._queued += len(self._queue[-1])
                self._changed.notify()
            else:
                self._dropped = True

    def offer(self, text: str) -> bool:
        """Queue this if the terminal has taken everything so far; return whether it has.

        For what must not come late, or in numbers, from a terminal that reads again.
        """
        with self._changed:
            if self._queued or self._dropped or self._stopping:
                return False
            self._queue.append(text.encode("utf-8", "replace"))
            self._queued += len(self._queue[-1])
            self._changed.notify()
            return True

    def stop(self) -> None:
        """Write the modes that are still queued, and end; after a second without it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(STOP_SECONDS)

    def _accepts(self, text: str) -> bool:
        room = self._queued < QUEUED_BYTES
        if text == _SYNC_START:
            # The parts of a frame share its fate.
            self._dropping_frame = not room
            return room
        if text == _SYNC_END:
            dropping, self._dropping_frame = self._dropping_frame, False
            return not dropping
        if _MODE.match(text):
            return self._queued < QUEUED_BYTES + MODES_BYTES
        # Once a frame is missing, only a whole repaint is of use to the screen.
        return room and not self._dropping_frame and not self._dropped

    def _run(self) -> None:
        while (data := self._next()) is not None:
            if not self._put(data):
                return

    def _next(self) -> bytes | None:
        """Wait for the next write; None at the end."""
        with self._changed:
            while not self._queue:
                if self._stopping:
                    return None
                if self._dropped:
                    self._dropped = False
                    self._tell_drained()
                self._changed.wait()
            return self._queue.popleft()

    def _put(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                count = os.write(self._fd, view[:_CHUNK])
            except BlockingIOError:
                with self._changed:
                    self._changed.wait(0.01)
                continue
            except OSError:
                return False  # the terminal is gone
            view = view[count:]
            with self._changed:
                self._queued -= count
        return True

    def _tell_drained(self) -> None:
        # The app may be on its way out; then there is nothing to repaint.
        with contextlib.suppress(RuntimeError):
            self._drained()


class SteadyDriver(LinuxDriver):
    """Textual's driver for a terminal, with a writer that never blocks the event loop."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._steady: SteadyWriter | None = None
        self._has_terminal = False
        super().__init__(app, debug=debug, mouse=mouse, size=size)

    @property  # type: ignore[override]
    def _writer_thread(self) -> SteadyWriter | None:
        return self._steady

    @_writer_thread.setter
    def _writer_thread(self, thread: object) -> None:
        """Textual assigns a writer of its own, not started yet; ours takes its place."""
        if thread is None or self._file is None:
            self._steady = None
        else:
            self._steady = SteadyWriter(self._file.fileno(), self._repaint)

    def start_application_mode(self) -> None:
        """Take the terminal."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._has_terminal = True

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        self._has_terminal = False
        super().stop_application_mode()

    def ring(self, text: str) -> bool:
        """Send what rings or shows a notice, unless the terminal has stalled; whether it was."""
        writer = self._steady
        return self._has_terminal and writer is not None and writer.offer(text)

    def _sigcont_application(self, *arguments: object) -> None:
        """Come back from a stop.

        After SIGSTOP, of which nobody is warned, Textual would read the keys twice, forget
        what the terminal was like before, and wait at the end for a key.
        """
        if self._must_signal_resume:
            super()._sigcont_application(*arguments)
        elif self._auto_restart:
            # Not in the handler: it may have interrupted a write.
            self._loop.call_soon_threadsafe(self._take_again)

    def _take_again(self) -> None:
        """Take the terminal once more: a shell may have used it meanwhile."""
        if self._has_terminal:
            self.suspend_application_mode()
            self.resume_application_mode()
            self._repaint()

    def _repaint(self) -> None:
        self._app.call_later(self._app.refresh)
