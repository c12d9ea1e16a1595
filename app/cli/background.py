"""A host without a screen, started on the quiet: it goes on when this process ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from foredeck.services.domain.errors import ForedeckError, HostBusy, HostGone, StoreError
from foredeck.services.domain.safe_text import safe_line

if TYPE_CHECKING:
    from foredeck.services.settings import Settings

# How long a host may take to answer once it is started, in seconds.
START_SECONDS = 30.0
# How often one is started: another process may hold the data directory in that very moment,
# for a look or a short command, and be gone again.
_STARTS = 3
_POLL = 0.05


def ensure_background_host(settings: Settings, *, takes_up: bool = False) -> None:
    """Return when a host answers on the data directory; start one if none runs.

    With `takes_up` it has to be one that goes on with what this process has left: a command
    that is the host for a moment does not. The one that is started reads the same settings
    file and environment, and ends by itself when it has been idle. Blocks for a second or two:
    not for an event loop. Raises `HostGone` if it does not come up, saying what it said, and
    `HostBusy` if another holds the data directory all the time and does not answer.
    """
    from foredeck.services.host.lock import is_held, unheard

    deadline = time.monotonic() + START_SECONDS
    started: list[subprocess.Popen[bytes]] = []
    while not _answers(settings.data_dir, takes_up=takes_up):
        ended = not started or started[-1].poll() is not None
        if ended and not is_held(settings.data_dir):
            if len(started) == _STARTS:
                raise _failed(settings, f"ended at once (code {started[-1].returncode})")
            started.append(_start(settings))
        if time.monotonic() > deadline and not started:
            raise unheard(settings.data_dir)
        if time.monotonic() > deadline:
            raise _failed(settings, f"does not answer after {START_SECONDS:.0f} seconds")
        time.sleep(_POLL)


def leave_to_background(settings: Settings) -> None:
    """Start a host that goes on with the runs, if the settings say so, and say that it does.

    This process must have let go of the data directory; its terminal may be gone already.
    Where no host comes up, the next start goes on with them: that is written to the log.
    """
    from foredeck.app.cli.render import say
    from foredeck.app.error_log import LOGGER

    if not settings.hand_over:
        return
    try:
        ensure_background_host(settings, takes_up=True)
    except ForedeckError as error:
        LOGGER.error("nobody goes on with the runs until the next start: %s", error)
    else:
        say("The runs go on in the background; foredeck shows them.")


def serve_command(settings: Settings) -> list[str]:
    """Return the words that start a host on this data directory.

    Nothing is imported from the working directory (`-P`): that may be a workspace.
    """
    words = [sys.executable, "-P", "-m", "foredeck.app.cli.main"]
    return [*words, "--data-dir", str(settings.data_dir.absolute()), "serve"]


def _answers(data_dir: Path, *, takes_up: bool) -> bool:
    """Whether a host is there and says who it is, one that `takes_up` if that is asked for."""
    import asyncio

    from foredeck.services.host.remote import RemoteHost

    async def greet() -> bool:
        host = await RemoteHost.open(data_dir)
        await host.close()
        return host.identity.takes_up or not takes_up

    try:
        return asyncio.run(greet())
    except (HostBusy, HostGone):  # on a busy machine it may be slow to say who it is
        return False


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    log = _log_path(settings)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"The data directory {settings.data_dir} cannot be used: {error.strerror}.",
            "Check its permissions, or choose another with --data-dir.",
        ) from error
    try:
        return subprocess.Popen(
            [*serve_command(settings), "--until-idle"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)


def _log_path(settings: Settings) -> Path:
    from foredeck.app.error_log import LOG_NAME

    return settings.data_dir / LOG_NAME


def _failed(settings: Settings, what: str) -> HostGone:
    log = _log_path(settings)
    try:
        last = log.read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()[-2:]
    except OSError:
        last = []
    said = f" It said: {safe_line(' '.join(last), limit=400)}" if last else ""
    return HostGone(f"The background host {what}.{said}", f"Its log is {log}.")
