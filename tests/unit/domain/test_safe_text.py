"""The sanitiser: no control survives, nothing is hidden, twice is once."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foredeck.services.domain.safe_text import MARKS, safe_line, safe_text
from tests.support.hostile import HOSTILE

_PIECES = st.sampled_from(
    [
        *("\x1b", "[", "]", "\x1b[", "\x1b]", "\x1bP", "\x1b_", "\x1b\\", "\x07", "\x9b", "\x9d"),
        *("\x9c", "\r", "\n", "\r\n", "\t", "\x08", "31m", "52;c;", "m", "?", "a", "b c", "é"),
        *("\u202e", "\u200d", "\u200b", "\ufeff", "\u2028", "\u0301", "\u0301" * 9, "\U000e0041"),
        *("\ud800", "\uffff", "\ufe0f", "\u4e2d", "👨", "א", "\x00", "\x7f", "…", "<U+202E>"),
    ]
)
_TEXT = st.one_of(
    st.text(st.characters(codec=None), max_size=60), st.lists(_PIECES, max_size=30).map("".join)
)
_DATA = st.one_of(_TEXT, st.binary(max_size=80))
_DECEIVING = set("\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff\u00ad") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080))
}


def assert_harmless(text: str, *, newlines: bool = True) -> None:
    for character in text:
        if newlines and character == "\n":
            continue
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}, ascii(text)
        assert character not in _DECEIVING, ascii(text)
    text.encode("utf-8")


def longest_mark_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        longest = max(longest, run)
    return longest


@given(_DATA)
@example("\x1b\x1b[m[31m")
@example("a\x90b\x90c\x9cd")
def test_no_control_remains(data: str | bytes) -> None:
    assert_harmless(safe_text(data))
    assert_harmless(safe_line(data), newlines=False)
    assert longest_mark_run(safe_text(data)) <= MARKS


@given(_DATA, st.integers(1, 60), st.integers(1, 5))
def test_twice_is_once_and_limits_hold(data: str | bytes, limit: int, lines: int) -> None:
    text = safe_text(data, limit=limit, lines=lines)
    assert safe_text(text, limit=limit, lines=lines) == text
    assert max(map(len, text.split("\n"))) <= limit
    assert text.count("\n") < lines
    line = safe_line(data, limit=limit)
    assert safe_line(line, limit=limit) == line
    assert len(line) <= limit


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_printable_ascii_is_left_alone(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_outputs(name: str) -> None:
    assert_harmless(safe_text(HOSTILE[name]))
    assert_harmless(safe_line(HOSTILE[name]), newlines=False)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"x\x1b]52;c;Y3Vy\x07y", "xy"),
        (b"x\x1b]52;c;Y3Vy", "x␛]52;c;Y3Vy"),
        (b"\x1b]8;;https://evil/\x1b\\label\x1b]8;;\x1b\\", "label"),
        ("\x9d0;title\x9c!", "!"),
        (b"a\x00b\x07\x7f", "a␀b␇␡"),
        (b"safe\x08\x08", "safe␈␈"),
        (b"\xff\xfe", "��"),
        ("\x85", "�"),
        ("ab\u202ecd", "ab<U+202E>cd"),
        ("pa\u200bss", "pa<U+200B>ss"),
        ("שלום", "שלום"),
        ("中文", "中文"),
        ("a\tb", "a       b"),
        ("10%\r20%\r30%", "␍30%"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("\n\rd", "\nd"),
        ("e" + "\u0301" * 7, "e" + "\u0301" * 4 + "<+3 marks>"),
        ("[/] [red]x[/red]", "[/] [red]x[/red]"),
    ],
)
def test_examples(data: str | bytes, shown: str) -> None:
    assert safe_text(data) == shown


def test_a_line_of_newlines_and_a_long_one() -> None:
    assert safe_line("one\n\ntwo\n") == "one ↵ two"
    assert safe_line("x" * 100, limit=40) == "x" * 24 + "… +76 characters"
    # One digit more than what is too long has: the place of the mark is missing, too.
    assert safe_line("x" * 31, limit=30) == "x" * 14 + "… +17 characters"
    assert safe_text("a\n" * 9, lines=3) == "a\na\n… +8 lines"
    assert safe_line(b"x" * 10_000_000).endswith("characters")
