"""What of a stream is missing in a file that an earlier host has left."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.codex.written import name_of, read_written
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.jobs.printed import Printed

STREAM = st.lists(st.sampled_from([b"a", b"b\n", b"\n", b"\n\n", b"abc", b"x\ny"]), max_size=12)


def shown(path: Path, pieces: list[bytes], until: int, *, noisy: bool) -> None:
    """Show the stream as one host does that dies after so many bytes of it."""
    writer = OutputWriter(path)
    if noisy:
        writer.segment(SegmentKind.NOTE)
        writer.write("Taken up again.\n")
    written = read_written(path, "job").get("command")
    printed = Printed(path, written.spans if written else ())
    missing = b"".join(printed.missing(piece) for piece in pieces)
    rest = missing[: max(0, until)]
    if rest:
        writer.segment(SegmentKind.OUTPUT, of=name_of("job", "command"))
        writer.write(rest)
    writer.close()


@given(pieces=STREAM, stops=st.lists(st.integers(0, 10), max_size=4))
def test_hosts_that_die_anywhere_lose_no_byte_but_may_break_a_line(
    tmp_path_factory: object, pieces: list[bytes], stops: list[int]
) -> None:
    path = tmp_path_factory.mktemp("printed") / "one.log"  # type: ignore[attr-defined]
    for number, stop in enumerate([*stops, 1 << 20]):
        shown(path, pieces, stop, noisy=number > 0)
    stream = b"".join(pieces)
    written = read_written(path, "job").get("command")
    spans = written.spans if written else []
    data = path.read_bytes()
    parts = b"".join(data[span.start : span.end] for span in spans)
    assert parts.replace(b"\n", b"") == stream.replace(b"\n", b"")
    # A line break more for each part at most: what comes after one begins a line of its own.
    assert stream.count(b"\n") <= parts.count(b"\n") + len(spans)
    assert parts.count(b"\n") <= stream.count(b"\n") + len(spans)


def test_what_was_redacted_otherwise_counts_by_its_length(tmp_path: Path) -> None:
    path = tmp_path / "one.log"
    path.write_bytes(b"0123456789")
    spans = read_spans((2, 6))
    assert Printed(path, spans).missing(b"abcdefgh") == b"efgh"


def test_the_stream_may_come_in_any_pieces(tmp_path: Path) -> None:
    path = tmp_path / "one.log"
    path.write_bytes(b"..abc\n...def")
    printed = Printed(path, read_spans((2, 6), (9, 12)))
    assert [printed.missing(piece) for piece in (b"a", b"bcd", b"", b"ef", b"gh")] == [
        b"",
        b"",
        b"",
        b"",
        b"gh",
    ]


def read_spans(*places: tuple[int, int]) -> list[Place]:
    return [Place(*place) for place in places]


class Place:
    """Bytes `start` to `end`."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
