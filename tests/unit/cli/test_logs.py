"""`foredeck runs logs`: what of the output files is printed."""

from pathlib import Path

import pytest

from foredeck.app.cli.logs import LogPrinter


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "builder.1.log"


def test_control_sequences_are_removed(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(b"\x1b[31mred\x1b[0m\x1b]0;title\x07\nplain\xff\n")
    LogPrinter(titled=False, raw=False).put("Builder", log, whole_lines=False)
    assert capfd.readouterr().out == "red\nplain\ufffd\n"


def test_raw_output_is_every_byte(log: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    log.write_bytes(b"\x1b[31mred\x00\xff")
    LogPrinter(titled=True, raw=True).put("Builder", log, whole_lines=False)
    assert capfdbinary.readouterr().out == b"\x1b[31mred\x00\xff"


def test_a_line_that_grows_is_printed_once_and_whole(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    printer = LogPrinter(titled=False, raw=False)
    log.write_bytes(b"one\ntwo \x1b[3")
    printer.put("Builder", log, whole_lines=True)
    assert capfd.readouterr().out == "one\n"
    with log.open("ab") as file:
        file.write("1mred ü\nrest".encode())
    printer.put("Builder", log, whole_lines=True)
    assert capfd.readouterr().out == "two red ü\n"
    printer.put("Builder", log, whole_lines=False)
    assert capfd.readouterr().out == "rest"


def test_each_file_has_its_title_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_text("one\n" * 50_000)
    second.write_text("two")
    printer = LogPrinter(titled=True, raw=False)
    for title, path in (("Planner", first), ("Builder", second), ("Later", tmp_path / "none")):
        printer.put(title, path, whole_lines=False)
    out = capfd.readouterr().out
    assert out == "── Planner ──\n" + "one\n" * 50_000 + "\n── Builder ──\ntwo"
    assert printer.printed == {first: 200_000, second: 3}
