"""Scripts of a model for tests of agents."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from foredeck.services.rehearsal.exchange import Action, ModelRequest, Say


@dataclass
class InOrder:
    """Answers the n-th request with the n-th answer, and then with plain words."""

    answers: list[Sequence[Action]]
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        with self.lock:
            number, self.asked = self.asked, self.asked + 1
        return self.answers[number] if number < len(self.answers) else [Say("Nothing more.")]


@dataclass
class Always:
    """Gives every request the same answer."""

    actions: Sequence[Action]

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        return self.actions
