"""Whether somebody is there to answer: the clients of the host say so."""

from __future__ import annotations


class Presence:
    """Counts who is there; lives on the services' loop.

    A client is a dashboard, which can answer for every run, or a command on a terminal,
    which answers for the run that it follows. It is there until it, or the loss of its
    connection, says otherwise.
    """

    def __init__(self) -> None:
        self._clients: dict[str, str | None] = {}

    def declare(self, client: str, run_id: str | None = None) -> None:
        """`client` is there from now on, for one run or for all."""
        self._clients[client] = run_id

    def release(self, client: str) -> None:
        """`client` is gone; nothing happens if it never was there."""
        self._clients.pop(client, None)

    def attends(self, run_id: str | None) -> bool:
        """Whether somebody is there for a run (None: for what belongs to no run)."""
        return any(run is None or run == run_id for run in self._clients.values())
