"""The app-server of a data directory, and its end."""

from __future__ import annotations

import signal
from pathlib import Path

from foredeck.services.codex.server_record import ServerPlace, read_record
from foredeck.services.jobs.processes import find_marked, send_signal


def kill_app_server(data_dir: Path) -> bool:
    """Kill the app-server, its shim and all it has started, as a machine short of memory does.

    Returns whether there was one.
    """
    record = read_record(ServerPlace(data_dir / "codex"))
    if record is None:
        return False
    for process in (*record.processes(), *find_marked(record.mark)):
        send_signal(process, signal.SIGKILL)
    return True
