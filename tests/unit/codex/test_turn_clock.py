"""A turn's time stands still while a person is asked."""

import math
import time

import pytest

from foredeck.services.codex.turn_clock import TurnClock


def test_it_stands_from_the_first_question_to_the_last_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = TurnClock(10)
    now = 104.0
    assert clock.left == 6
    clock.person_asked(begins=True)
    clock.person_asked(begins=True)
    now = 5000.0
    clock.person_asked(begins=False)
    assert (clock.stopped, clock.left) == (True, math.inf)
    now = 6000.0
    clock.person_asked(begins=False)
    assert (clock.stopped, clock.left) == (False, 6)
    clock.person_asked(begins=False)  # an end without a beginning changes nothing
    now = 6006.5
    assert clock.left == -0.5
