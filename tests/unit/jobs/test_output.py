"""The output writer: batches, parts, insertions, full disks."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.errors import StorageFull, StoreError
from foredeck.services.domain.segments import Insertion, Segment, SegmentKind, parse_line
from foredeck.services.jobs import output
from foredeck.services.jobs.output import OutputWriter, read_tail

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.binary(max_size=20), st.just(0.0)),
        st.tuples(st.just("segment"), st.just(b""), st.just(0.0)),
        st.tuples(st.just("insert"), st.binary(min_size=1, max_size=20), st.floats(0, 1)),
        st.tuples(st.just("flush"), st.just(b""), st.just(0.0)),
    ),
    max_size=25,
)


def fill(ballast: Path) -> None:
    """Take all the room there is."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def is_full(writer: OutputWriter) -> bool:
    return writer.full


def records(path: Path) -> list[Segment | Insertion]:
    lines = path.with_name(path.name + ".seg").read_text().splitlines()
    parsed = [parse_line(line) for line in lines]
    assert None not in parsed
    return [record for record in parsed if record is not None]


def starts(path: Path) -> list[int]:
    """Where each part begins after every insertion, as a reader computes it."""
    found: list[int] = []
    for record in records(path):
        if isinstance(record, Segment):
            found.append(record.at)
        else:
            found = [at + record.length if at > record.at else at for at in found]
    return found


async def test_bytes_wait_for_a_batch_and_arrive_by_themselves(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    writer.write("one\n")
    writer.write(b"two\n")
    assert writer.path.stat().st_size == 0
    assert writer.size == 8
    async with asyncio.timeout(5):
        while writer.path.stat().st_size != 8:
            await asyncio.sleep(0.01)
    writer.close()
    assert writer.path.read_bytes() == b"one\ntwo\n"


async def test_a_big_batch_is_one_write_and_needs_no_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = os.pwrite

    def counted(fd: int, data: bytes, at: int) -> int:
        calls.append(len(data))
        return real(fd, data, at)

    monkeypatch.setattr(os, "pwrite", counted)
    writer = OutputWriter(tmp_path / "a.log")
    for _ in range(output.FLUSH_BYTES // 1024):
        writer.write(b"x" * 1024)
    assert calls == [output.FLUSH_BYTES]
    writer.close()


def test_without_a_loop_bytes_arrive_at_once(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    writer.write("now")
    assert writer.path.read_text() == "now"
    writer.close()


def test_files_are_private(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "deep" / "er" / "a.log")
    writer.close()
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(writer.path.with_name("a.log.seg").stat().st_mode) == 0o600
    assert stat.S_IMODE(writer.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(writer.path.parent.parent.stat().st_mode) == 0o700


def test_a_part_begins_on_a_fresh_line(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    assert writer.segment(SegmentKind.PROMPT, "p") == 0
    writer.write("no newline")
    assert writer.segment(SegmentKind.OUTPUT) == 11
    writer.write("newline\n")
    assert writer.segment(SegmentKind.NOTE) == 19
    writer.close()
    assert writer.path.read_text() == "no newline\nnewline\n"
    assert [(r.at, r.kind, r.label) for r in records(writer.path) if isinstance(r, Segment)] == [
        (0, "prompt", "p"),
        (11, "output", ""),
        (19, "note", ""),
    ]


def test_an_existing_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"before")
    path.with_name("a.log.seg").write_text('{"at":0,"kind":"note","ms":1}\n{"at":')
    writer = OutputWriter(path)
    assert writer.size == 6
    assert writer.segment(SegmentKind.OUTPUT) == 7
    writer.write("after")
    writer.close()
    assert path.read_bytes() == b"before\nafter"
    lines = path.with_name("a.log.seg").read_text().splitlines()
    assert [parse_line(line) is not None for line in lines] == [True, False, True]


def test_an_insertion_moves_what_is_behind(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    writer.write("command\n")
    at = writer.segment(SegmentKind.OUTPUT)
    writer.write("second\n")
    writer.segment(SegmentKind.MESSAGE)
    writer.write("done\n")
    writer.insert(at, "first\n")
    assert writer.size == len(b"command\nfirst\nsecond\ndone\n")
    writer.write("more\n")
    writer.segment(SegmentKind.NOTE)
    writer.close()
    assert writer.path.read_text() == "command\nfirst\nsecond\ndone\nmore\n"
    assert starts(writer.path) == [8, 21, 31]


async def test_an_insertion_into_what_is_not_written_yet_leaves_no_record(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    writer.write("a\nc\n")
    writer.segment(SegmentKind.NOTE)
    writer.insert(2, "b\n")
    writer.close()
    assert writer.path.read_text() == "a\nb\nc\n"
    assert [(type(r), r.at) for r in records(writer.path)] == [(Segment, 6)]


@given(steps=_STEPS, waiting=st.booleans())
def test_the_file_is_what_was_asked_for(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, bytes, float]],
    waiting: bool,
) -> None:
    path = tmp_path_factory.mktemp("out") / "a.log"
    expected, marks = bytearray(), list[int]()

    async def drive() -> None:
        writer = OutputWriter(path)
        for name, data, where in steps:
            if name == "write":
                writer.write(data)
                expected.extend(data)
            elif name == "flush":
                writer.flush()
            elif name == "segment":
                if expected and not expected.endswith(b"\n"):
                    expected.extend(b"\n")
                marks.append(writer.segment(SegmentKind.NOTE))
                assert marks[-1] == len(expected)
            else:
                at = int(where * len(expected))
                writer.insert(at, data)
                if at < len(expected):
                    marks[:] = [mark + len(data) if mark > at else mark for mark in marks]
                expected[at:at] = data
            assert writer.size == len(expected)
        writer.close()

    if waiting:
        asyncio.run(drive())
    else:
        with pytest.raises(StopIteration):
            drive().send(None)
    assert path.read_bytes() == expected
    assert starts(path) == marks


def test_a_big_tail_is_moved_whole(tmp_path: Path) -> None:
    tail = os.urandom(1_000_003)
    writer = OutputWriter(tmp_path / "a.log")
    writer.write(b"head" + tail)
    writer.flush()
    writer.insert(4, b"new" * 5)
    writer.close()
    assert writer.path.read_bytes() == b"head" + b"new" * 5 + tail


@pytest.mark.parametrize("allowed", range(8))
def test_a_death_in_the_middle_of_an_insertion_loses_nothing(tmp_path: Path, allowed: int) -> None:
    """The process is killed at its n-th write; every old line must still be there."""
    path = tmp_path / "a.log"
    old = b"".join(b"%07d\n" % n for n in range(150_000))
    path.write_bytes(old)
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        from pathlib import Path
        from foredeck.services.jobs.output import OutputWriter
        writer = OutputWriter(Path({str(path)!r}))
        real, left = os.pwrite, [{allowed}]
        def dying(fd, data, at):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return real(fd, data, at)
        os.pwrite = dying
        writer.insert(800, b"inserted\\n" * 1000)
        writer.close()
        """
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode in {0, -signal.SIGKILL}
    assert set(old.split()) <= {line.strip(b"\0") for line in path.read_bytes().split()}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not possible here")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


async def test_a_full_disk_keeps_everything_in_memory(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    writer = OutputWriter(small_disk / "a.log")
    writer.write("start\n")
    writer.flush()
    fill(ballast)
    wanted = b"start\n" + b"y" * 100_000 + b"\n"
    writer.write(wanted[6:])
    writer.segment(SegmentKind.NOTE, "late")
    assert is_full(writer)
    assert writer.size == len(wanted)
    with pytest.raises(StorageFull):
        writer.flush()
    writer.insert(6, "in between\n")
    writer.write("end\n")
    ballast.unlink()
    async with asyncio.timeout(10):
        while is_full(writer):
            await asyncio.sleep(0.02)
    writer.close()
    assert writer.path.read_bytes() == b"start\nin between\n" + wanted[6:] + b"end\n"
    assert starts(writer.path) == [len(wanted) + 11]


def test_beyond_the_bound_the_newest_bytes_are_given_up_visibly(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "MEMORY_LIMIT", 300_000)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    writer = OutputWriter(small_disk / "a.log")
    writer.write(b"a" * 290_000)
    assert is_full(writer)
    writer.write(b"b" * 200_000)
    writer.write(b"c" * 7)
    with pytest.raises(StorageFull):
        writer.flush()
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    writer.flush()
    assert not is_full(writer)
    writer.write("on it goes\n")
    with pytest.raises(StorageFull):
        writer.close()
    told = b"\n[200007 bytes not kept: the disk was full]\non it goes\n"
    assert writer.path.read_bytes() == b"a" * 290_000 + told


def test_a_file_size_limit_counts_as_full(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        writer.write(b"x" * 5000)
        assert is_full(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    writer.flush()
    writer.close()
    assert writer.path.read_bytes() == b"x" * 5000


def test_another_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fd: int, data: bytes, at: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    writer = OutputWriter(tmp_path / "a.log")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", broken)
        with pytest.raises(StoreError, match="Input/output error"):
            writer.write("x")
    writer.close()
    assert writer.path.read_text() == "x"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        OutputWriter(tmp_path / "file" / "a.log")


def test_a_closed_writer_refuses(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.write("x")


def test_an_insertion_outside_is_refused(tmp_path: Path) -> None:
    writer = OutputWriter(tmp_path / "a.log")
    with pytest.raises(StoreError, match="inserted"):
        writer.insert(1, "x")
    writer.close()


def test_the_tail_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert read_tail(path, 3) == ""
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(50_000)))
    assert read_tail(path, 2) == "line 49998\nline 49999\n"
    path.write_bytes(b"one\rtwo\nthree")
    assert read_tail(path, 1) == "three"
    assert read_tail(path, 9) == "one\rtwo\nthree"
    assert read_tail(path, 0) == ""


def test_the_tail_of_a_sparse_giant_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.truncate(2**34)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast \xff\n")
    assert read_tail(path, 1) == "last \N{REPLACEMENT CHARACTER}\n"
