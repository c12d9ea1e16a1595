import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.codex.command_output import LiveTrace, Missing


def trace(*live: bytes) -> LiveTrace:
    found = LiveTrace()
    for chunk in live:
        found.add(chunk)
    return found


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 8))
def test_head_live_and_tail_make_the_report(chunks: list[bytes], lost: int) -> None:
    live = trace(*chunks[lost:])
    missing = live.missing_from(b"".join(chunks))
    assert missing.head + b"".join(chunks[lost:]) + missing.tail == b"".join(chunks)


def test_repeated_lines_are_told_apart_by_their_number() -> None:
    assert trace(b"y\n", b"y\n").missing_from(b"y\n" * 5) == Missing(b"y\n" * 3)


def test_nothing_came_live() -> None:
    assert trace().missing_from(b"all") == Missing(tail=b"all")
    assert trace(b"x").missing_from(b"") == Missing()


def test_a_shortened_report_still_has_the_head() -> None:
    lines = [b"line %d\n" % number for number in range(300_000)]
    whole = b"".join(lines)
    half = 512 * 1024
    report = whole[:half] + b"\n... %d bytes omitted ...\n" % (len(whole) - 2 * half)
    report += whole[-half:]
    live = trace(*lines[3:])
    assert live.missing_from(report) == Missing(b"line 0\nline 1\nline 2\n")


def test_a_shortened_report_of_identical_lines() -> None:
    whole = b"y\n" * 1_000_000
    half = 512 * 1024
    report = whole[:half] + b"\n... %d bytes omitted ...\n" % (len(whole) - 2 * half)
    report += whole[-half:]
    assert trace(whole[4:]).missing_from(report) == Missing(b"y\ny\n")


def test_live_output_that_stopped_is_finished_from_the_report() -> None:
    lines = [b"%07d\n" % number for number in range(400_000)]
    whole = b"".join(lines)
    half = 512 * 1024
    marker = b"\n... %d bytes omitted ...\n" % (len(whole) - 2 * half)
    report = whole[:half] + marker + whole[-half:]
    in_the_tail = trace(*lines[1:399_990]).missing_from(report)
    assert in_the_tail == Missing(lines[0], b"".join(lines[399_990:]))
    in_the_middle = trace(*lines[1:200_000]).missing_from(report)
    assert in_the_middle == Missing(lines[0], marker + whole[-half:])


def test_replaced_bytes_change_the_length_but_not_the_place() -> None:
    report = "head\nbad: ���\nend\n".encode()
    live = trace("bad: ���\n".encode(), b"end\n")
    assert live.missing_from(report) == Missing(b"head\n")


@pytest.mark.parametrize("report", [b"something else entirely", b"li"])
def test_a_report_that_does_not_fit_is_kept_whole_and_said(report: bytes) -> None:
    missing = trace(b"live output").missing_from(report)
    assert (missing.head, missing.tail) == (b"", report)
    assert "left out pieces" in missing.note


def test_pieces_left_out_of_the_middle_are_said() -> None:
    lines = [b"line %d\n" % number for number in range(5000)]
    missing = trace(*lines[3:1000], *lines[1050:]).missing_from(b"".join(lines))
    assert missing.tail == b"".join(lines)
    assert "left out pieces" in missing.note


def test_pieces_left_out_of_a_shortened_output_are_counted() -> None:
    lines = [b"%07d\n" % number for number in range(400_000)]
    whole = b"".join(lines)
    half = 512 * 1024
    marker = b"\n... %d bytes omitted ...\n" % (len(whole) - 2 * half)
    report = whole[:half] + marker + whole[-half:]
    missing = trace(*lines[2:150_000], *lines[150_010:]).missing_from(report)
    assert missing.head == b"".join(lines[:2])
    assert missing.tail == b""
    assert missing.note == "Codex left out about 80 bytes of this output."
