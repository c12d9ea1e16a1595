"""Whether a house that closes leaves its work going for the next one."""

from __future__ import annotations


class Departure:
    """Shared by everybody who owns work: who is cancelled while `leaving` lets go of it.

    Then nothing is stopped and nothing is stored: what goes on outside (turns of the codex
    app-server) goes on, and the next host takes everything up again from what is stored, as
    it does after a crash.
    """

    def __init__(self) -> None:
        self.leaving = False
