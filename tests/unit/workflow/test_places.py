"""Who gets a place, and in which order."""

import asyncio
import random

import pytest

from foredeck.services.workflow.places import Applicant, Places


def applicant(places: Places) -> Applicant:
    return Applicant(places, asyncio.Event())


def test_there_are_so_many_places_and_no_more() -> None:
    places = Places(2)
    one = applicant(places)
    assert [one.take() for _ in range(3)] == [True, True, False]
    places.give_back()
    assert one.wake.is_set()
    assert [one.take(), one.take()] == [True, False]


def test_those_in_the_line_take_turns() -> None:
    places = Places(1)
    first, second, third = (applicant(places) for _ in range(3))
    assert first.take()
    assert not first.take()
    assert not second.take()
    assert not third.take()
    got = []
    for _ in range(6):
        places.give_back()
        (winner,) = [one for one in (first, second, third) if one.granted]
        assert winner.take()
        assert not winner.take()  # it stands in line again, behind the others
        got.append(winner)
    assert got == [first, second, third] * 2


def test_whoever_comes_anew_does_not_get_ahead() -> None:
    places = Places(1)
    first, second, late = (applicant(places) for _ in range(3))
    assert first.take()
    assert not second.take()
    places.give_back()
    assert not late.take()
    assert second.take()


def test_what_is_not_needed_any_more_goes_to_the_next() -> None:
    places = Places(1)
    first, second, third = (applicant(places) for _ in range(3))
    assert first.take()
    assert not second.take()
    assert not third.take()
    places.give_back()
    second.pass_on()
    assert (second.granted, third.granted) == (0, 1)
    third.leave()
    assert places.free == 1
    assert second.take()


def test_what_works_already_counts_also_beyond_the_limit() -> None:
    places = Places(2)
    one = applicant(places)
    for _ in range(3):
        places.occupy()
    assert not one.take()
    places.give_back()
    assert (one.granted, places.free) == (0, 0)
    places.give_back()
    assert (one.granted, places.free) == (1, 0)
    assert one.take()


@pytest.mark.parametrize("seed", range(50))
def test_no_place_is_ever_lost_or_given_twice(seed: int) -> None:
    chance = random.Random(seed)
    limit = chance.randint(1, 4)
    places = Places(limit)
    runs = [applicant(places) for _ in range(4)]
    taken = 0
    for _ in range(300):
        one = chance.choice(runs)
        match chance.randrange(5):
            case 4:
                taken += 1
                places.occupy()
            case 0 | 1:
                taken += one.take()
            case 2 if taken:
                taken -= 1
                places.give_back()
            case _:
                chance.choice((one.pass_on, one.leave))()
        granted = sum(run.granted for run in runs)
        assert taken + granted + places.free == limit
        # A free place and somebody who waits for one never go together.
        assert not (places.free > 0 and places.queue)
