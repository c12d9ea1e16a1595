"""Bad input at the command line: a sentence, what to do, an exit code, never a traceback."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli_desk import PROGRAM, Desk


@pytest.mark.parametrize(
    ("words", "sentence", "advice"),
    [
        (["bogus"], "No such command 'bogus'.", "foredeck --help says how."),
        (["run"], "Missing argument 'REQUEST'.", "foredeck run --help says how."),
        (["runs", "shw"], "No such command 'shw'. Did you mean 'show'?", "foredeck runs --help"),
        (["runs", "list", "--data-dir", "x"], "No such option", "It goes before the command:"),
        (["run", "  ", "--project", "p"], "The request is empty.", "Say in a sentence"),
        ([], "The dashboard needs a terminal.", "foredeck --help lists them."),
    ],
)
def test_a_wrong_command_line_is_explained(
    desk: Desk, words: list[str], sentence: str, advice: str
) -> None:
    said = desk.run(*words)
    assert said.code == 2
    assert said.out == ""
    first, second = said.err.splitlines()
    assert first.startswith(f"error: {sentence}")
    assert advice in second


def test_an_unknown_project_is_answered_with_the_nearest_names(desk: Desk) -> None:
    assert desk.run("projects", "create", "webshop").code == 0
    said = desk.run("run", "Build it", "--project", "wepshop")
    assert said.code == 2
    assert "There is no project 'wepshop'.\nDid you mean webshop?" in said.err
    unknown = desk.run("runs", "show", "zzz")
    assert unknown.code == 2
    assert "There is no run 'zzz'." in unknown.err


def test_a_request_from_stdin_may_be_empty_too(desk: Desk) -> None:
    said = desk.run("run", "-", "--workspace", ".", given="\n \n")
    assert (said.code, said.out) == (2, "")
    assert "The request is empty." in said.err


def test_a_request_from_stdin_has_to_be_text(desk: Desk) -> None:
    done = subprocess.run(
        [*PROGRAM, "run", "-", "--workspace", "."],
        input=b"ab\xff",
        capture_output=True,
        cwd=desk.base,
        env=desk.environment(),
    )
    assert done.returncode == 2
    assert b"not UTF-8 text: byte 2" in done.stderr


def test_a_broken_settings_file_names_the_file(desk: Desk) -> None:
    (desk.base / "config.toml").write_text("turn_limit = [")
    said = desk.run("runs", "list")
    assert said.code == 2
    assert "config.toml is not valid TOML" in said.err


def test_a_newer_database_is_left_alone(desk: Desk) -> None:
    assert desk.run("projects", "create", "shop").code == 0
    with sqlite3.connect(desk.data / "foredeck.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    for words in (["runs", "list"], ["projects", "create", "other"], ["runs", "wait", "x"]):
        said = desk.run(*words)
        assert said.code == 1
        assert "was written by a later version of Foredeck" in said.err
        assert "Upgrade Foredeck" in said.err


def test_a_data_directory_that_cannot_be_used(desk: Desk) -> None:
    (desk.base / "file").touch()
    for place in ("file/below", "file", "/proc/nowhere", "x" * 300):
        said = desk.run("--data-dir", place, "projects", "list")
        assert said.code == 1
        assert "cannot be used" in said.err
        assert "choose another with --data-dir" in said.err


def test_standard_output_that_takes_nothing(desk: Desk) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "runs", "list", "--format", "json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=desk.base,
            env=desk.environment(),
        )
    assert done.returncode == 1
    assert done.stderr == "error: The answer could not be written: No space left on device.\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_break_nothing(desk: Desk, closed: str) -> None:
    script = f'"$0" "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, *PROGRAM, "projects", "create", "shop"],
        capture_output=True,
        text=True,
        cwd=desk.base,
        env=desk.environment(),
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert desk.run("projects", "list", "--format", "json").answer["total"] == 1


def test_a_reader_that_leaves_early_hears_no_complaint(desk: Desk) -> None:
    process = desk.start("doctor", "--format", "json", FOREDECK_CODEX_PATH="/nowhere")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) in {1, 141}


def test_the_first_look_after_an_upgrade_brings_the_database_up_to_date(desk: Desk) -> None:
    versions = Path(__file__).parents[2] / "unit" / "store" / "versions"
    desk.data.mkdir(mode=0o700, exist_ok=True)
    with closing(sqlite3.connect(desk.data / "foredeck.db")) as database:
        database.executescript((versions / "0008.sql").read_text())
    said = desk.run("jobs", "list", "--format", "json")
    assert (said.code, said.err) == (0, "")
    assert desk.run("runs", "list", "--format", "json").code == 0
