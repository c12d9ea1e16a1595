"""A scripted model that lets codex count: a harmless run that takes a known time."""

from __future__ import annotations

from collections.abc import Sequence

from foredeck.services.rehearsal.exchange import Action, ModelRequest
from foredeck.services.rehearsal.plays import Play, replay, run

# Where each number is written once, below the workspace.
NUMBERS = "numbers.txt"


class CountingScript:
    """Has codex write `count` numbers into `NUMBERS`, one every `pause` seconds."""

    def __init__(self, count: int, pause: float) -> None:
        self._command = (
            f"for i in $(seq 1 {count}); do echo $i | tee -a {NUMBERS}; sleep {pause:g}; done"
        )

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        """Return the answer to one request."""
        return replay(self._play(), request.turn_outputs)

    def _play(self) -> Play:
        counted = yield from run(self._command)
        return f"Counted; the command ended with {counted.exit_code}."
