"""What values look like as text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from foredeck.widgets import formats

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (12_345, "12.3k"),
        (99_999, "100k"),
        (999_949, "1000k"),
        (999_950, "1.0M"),
        (1_234_567, "1.2M"),
        (45_000_000, "45.0M"),
        (2_000_000_000, "2.0G"),
    ],
)
def test_tokens_are_counted_in_five_cells(count: int, text: str) -> None:
    assert formats.tokens(count) == text


@given(st.integers(0, 10**12))
def test_a_token_count_is_never_wider_than_its_column(count: int) -> None:
    assert len(formats.tokens(count)) <= 5


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=59), "59m"),
        (timedelta(hours=23), "23h"),
        (timedelta(days=99), "99d"),
        (timedelta(days=200), "28w"),
        (timedelta(days=800), "2y"),
    ],
)
def test_an_age_has_one_unit_and_three_cells(delta: timedelta, text: str) -> None:
    assert formats.age(NOW - delta, NOW) == text


def test_elapsed_runs_until_the_end_or_until_now() -> None:
    started = NOW - timedelta(seconds=30)
    assert formats.elapsed(None, None, NOW) is None
    assert formats.elapsed(started, None, NOW) == 30
    assert formats.elapsed(started, started + timedelta(seconds=2), NOW) == 2


@given(st.text(max_size=60), st.integers(0, 40))
def test_shortened_text_fits(text: str, width: int) -> None:
    text = text.replace("\x00", "")
    assert cell_len(formats.shorten(text, width)) <= max(width, 0)
    assert cell_len(formats.shorten_middle(text, width)) <= max(width, 0)
    assert cell_len(formats.pad(text, width)) == width
    assert cell_len(formats.pad_left(text, width)) == width


def test_the_middle_is_cut_so_that_both_ends_stay() -> None:
    assert formats.shorten_middle("src/ledger/export/csv.py", 15) == "src/led…/csv.py"
    assert formats.shorten("A long title", 7) == "A long…"
    assert formats.shorten("日本語", 4) == "日…"


def test_lines_break_at_spaces_and_keep_their_indentation() -> None:
    assert formats.wrap("one two three", 7) == ["one two", "three"]
    assert formats.wrap("    code stays", 10) == ["    code", "stays"]
    assert formats.wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert formats.wrap("a\n\nb", 4) == ["a", "", "b"]
    assert formats.wrap("", 4) == [""]


@given(st.text(alphabet="ab 日\n", max_size=200), st.integers(2, 20))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = formats.wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_a_bar_is_as_long_as_it_should_be() -> None:
    assert formats.bar(0.5, 8) == ("━━━━", "────")
    assert formats.bar(7, 4) == ("━━━━", "")
    assert formats.bar(0, 4, ascii_only=True) == ("", "....")
    assert formats.bar(299 / 300, 4) == ("━━━", "─")
    assert formats.bar(0.9, 0) == ("", "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "due"),
        (0, "due"),
        (1, "in 1 min"),
        (60, "in 1 min"),
        (61, "in 2 min"),
        (89 * 60, "in 89 min"),
        (90 * 60, "in 2 h"),
        (3 * 3600 - 60, "in 3 h"),
        (35 * 3600, "in 35 h"),
        (36 * 3600, "in 2 d"),
        (4000 * 86_400, "in 4,000 d"),
    ],
)
def test_until_is_told_to_the_nearest(seconds: float, words: str) -> None:
    assert formats.until(NOW + timedelta(seconds=seconds), NOW) == words
