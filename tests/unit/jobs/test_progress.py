"""What a command says of its progress."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.jobs.progress import ProgressReader
from tests.support.hostile import HOSTILE


def heard(*blocks: bytes) -> tuple[float | None, str]:
    reader = ProgressReader()
    for block in blocks:
        reader.feed(block)
    return reader.percent, reader.message


@pytest.mark.parametrize(
    ("text", "percent", "message"),
    [
        (b"progress: 42 half of it\n", 42, "half of it"),
        (b"  Progress: 42%\n", 42, ""),
        (b"progress: 42 % \n", 42, ""),
        (b"progress: 42 \n", 42, ""),
        (b"progress:42%   half of it\n", 42, "half of it"),
        (b"progress: 12.5% on\r\n", 12.5, "on"),
        (b"progress: 250 more\n", 100, "more"),
        (b"progress: -3 less\n", 0, "less"),
        (b"\x1b]9;4;1;7\x07", 7, ""),
        (b"\x1b]9;4;2;7\x1b\\", 7, ""),
        (b"progress: 10 ten\n\x1b]9;4;1;20\x07", 20, "ten"),
        (b"\x1b]9;4;1;20\x07progress: 10 ten\n", 20, ""),
        (b"progress: 1 a\rprogress: 2 b\r", 2, "b"),
        (b"progress: 1 \x1b[31mred\x1b[0m [/] x\n", 1, "red [/] x"),
    ],
)
def test_what_is_said(text: bytes, percent: float, message: str) -> None:
    assert heard(text) == (percent, message)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"progress: 42",
        b"progress: soon\n",
        b"my progress: 42\n",
        b"\x1b]9;4;0;42\x07",
        b"42%\n",
    ],
)
def test_what_is_not_said(text: bytes) -> None:
    assert heard(text) == (None, "")


@given(
    st.lists(
        st.sampled_from([b"progress: 7 go\n", b"\x1b]9;4;1;9\x07", b"x", b"\n", b"progress:"])
    ),
    st.lists(st.integers(0, 60)),
)
def test_it_does_not_matter_where_blocks_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    blocks = [data[a:b] for a, b in pairwise(edges)]
    assert heard(*blocks) == heard(data)


def test_endless_lines_cost_no_memory_and_what_follows_is_heard() -> None:
    reader = ProgressReader()
    for _ in range(100):
        reader.feed(b"y" * 100_000)
    assert len(reader._rest) <= 4096
    reader.feed(b"progress: 5 no\nprogress: 6 yes\n")
    assert (reader.percent, reader.message) == (6, "yes")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_stay_words(name: str) -> None:
    line = HOSTILE[name].replace(b"\n", b" ").replace(b"\r", b" ")[:2000]
    percent, message = heard(b"progress: 3 " + line + b"\n")
    assert percent == 3.0
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in message)


_SAID = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            b"progress: 7 go\n",
            b"\r progress: 55.5% on\r",
            b"progress: 8 " + b"m" * 5000 + b"\n",
            b"\n" + b" " * 4090 + b"progress: 9\n",
            b"x" * 5000,
            b"\x1b]9;4;1;11\x1b\\",
            b"\x1b]9;4;4;12\x07",
            b"\x1b]9;4;",
            b"\n",
        ]
    ),
)


@given(st.lists(_SAID, max_size=8), st.lists(st.integers(0, 25_000), max_size=8))
def test_it_does_not_matter_where_long_lines_and_sequences_are_cut(
    parts: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(parts)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert heard(*(data[a:b] for a, b in pairwise(edges))) == heard(data)


@pytest.mark.parametrize("size", [0, 10_000])
@pytest.mark.parametrize("end", [b"\x07", b"\x1b\\"])
def test_a_sequence_is_heard_byte_by_byte_also_in_an_endless_line(size: int, end: bytes) -> None:
    data = b"x" * size + b"\x1b]9;4;1;42.5" + end + b"more"
    assert heard(*(bytes([byte]) for byte in data)) == (42.5, "")
    for cut in range(size, len(data) + 1):
        assert heard(data[:cut], data[cut:]) == (42.5, "")


def test_a_line_of_blanks_takes_no_longer_than_any_other() -> None:
    # Tried in every way there is, these would take days; so do not wait for an assertion.
    blanks = b" " * (1 << 18)
    assert heard(b"progress: 5" + blanks, blanks + b"\n") == (None, "")
    assert heard(b"progress:" + blanks, b"progress: 7 on\n") == (None, "")
    assert heard(b"\n" + blanks, b"\nprogress: 7 on\n") == (7, "on")
