"""What sizes, durations and money look like, wherever a person reads them."""

import pytest

from foredeck.services.domain import amounts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-3, "0s"),
        (0, "0s"),
        (0.04, "0.1s"),
        (0.44, "0.4s"),
        (0.97, "1s"),
        (7.9, "7s"),
        (64, "1m 04s"),
        (3599.9, "59m 59s"),
        (7500, "2h 05m"),
        (273600, "3d 04h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, text: str) -> None:
    assert amounts.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (48_213, "47.1 KiB"),
        (1_048_575, "1.0 MiB"),
        (1024**2, "1.0 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (5_000_000_000, "4.7 GiB"),
        (5 * 1024**4, "5.0 TiB"),
        (5_000 * 1024**4, "5,000.0 TiB"),
    ],
)
def test_sizes_are_told_in_a_readable_unit(count: int, words: str) -> None:
    assert amounts.size(count) == words


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "$0"),
        (0.0001, "<$0.01"),
        (0.01, "$0.01"),
        (0.125, "$0.12"),
        (12.3, "$12.30"),
        (99.994, "$99.99"),
        (99.996, "$100"),
        (1234.5, "$1,234"),
    ],
)
def test_dollars_are_short(amount: float, shown: str) -> None:
    assert amounts.dollars(amount) == shown


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (2000, "2,000 steps")]
)
def test_one_thing_is_not_many(count: int, said: str) -> None:
    assert amounts.plural(count, "step") == said
