"""`foredeck batch …`: many commands at once, from the command line."""

from __future__ import annotations

import csv
import io
import signal
from collections.abc import Iterator

import pytest

from foredeck.services.host.lock import is_held
from tests.support.cli_desk import Desk, end_background_host, ended, processes_of, until

WAIT = "until test -e go; do sleep 0.02; done"
ROWS = 'name,n\n"O\'Hara; touch never",1\nBob,2\n'


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    if is_held(desk.data):
        end_background_host(desk)
    until(lambda: processes_of(desk.base) == [], "no process is left")


def submit(desk: Desk, *arguments: str) -> str:
    done = desk.run("batch", "submit", *arguments)
    assert done.code == 0, done.err
    return done.out.strip()


def test_the_commands_of_a_file_are_queued_run_and_told(desk: Desk) -> None:
    (desk.base / "commands").write_text("# three\necho one\n\nexit 7\nprintf '=2'\n")
    said = desk.run("batch", "submit", "work", "--commands", "commands", "--type", "export_data")
    batch = said.out.strip()
    assert "Batch of 3 submitted" in said.err
    assert "No host is there to start it." in said.err
    answer = desk.run("batch", "status", batch, "--format", "json").answer
    assert answer["id"] == answer["parent_task_id"] == batch
    assert (answer["total_tasks"], answer["pending"], answer["progress_percentage"]) == (3, 3, 0)
    assert (answer["is_complete"], answer["has_failures"]) == (False, False)

    host = desk.start("serve")
    followed = desk.run("batch", "status", batch[:7], "--follow")
    assert followed.code == 1
    assert "3/3 · 1 failed" in followed.err
    assert "100 %" in followed.out
    answer = desk.run("batch", "status", batch, "--format", "json").answer
    assert (answer["state"], answer["completed"], answer["failed"]) == ("failed", 2, 1)

    items = desk.run("batch", "result", batch, "--format", "json").answer["items"]
    assert [(one["index"], one["exit_code"], one["output"]) for one in items] == [
        (1, 0, "one\n"),
        (2, 7, ""),
        (3, 0, "=2"),
    ]
    rows = list(
        csv.DictReader(io.StringIO(desk.run("batch", "result", batch, "--format", "csv").out))
    )
    assert [row["command"] for row in rows] == ["echo one", "exit 7", "printf '=2'"]
    assert rows[2]["output"] == "'=2"
    table = desk.run("batch", "result", batch).out
    assert "Command exited with code 7" in table

    (row,) = desk.run("jobs", "list", "--format", "json").answer["items"]
    assert (row["id"], row["children"], row["type"]) == (batch, 3, "export_data")
    of_it = desk.run("jobs", "list", "--batch", batch, "--format", "json").answer["items"]
    assert [one["batch_index"] for one in of_it] == [1, 2, 3]
    assert "number 2" in desk.run("jobs", "show", of_it[1]["id"]).out
    refused = desk.run("jobs", "logs", batch)
    assert refused.code == 2
    assert f"foredeck batch result {batch}" in refused.err
    assert f"foredeck batch result {batch}" in desk.run("jobs", "result", batch).err

    (desk.base / "commands").unlink()
    retried = desk.run("batch", "retry-failed", batch)
    assert "goes on with 1 jobs" in retried.err
    assert desk.run("jobs", "wait", batch).code == 1
    host.send_signal(signal.SIGTERM)
    ended(host)


def test_rows_fill_a_template_and_their_cells_stay_text(desk: Desk) -> None:
    (desk.base / "rows.csv").write_text(ROWS)
    texts = submit(
        desk, "a", "--csv", "rows.csv", "--command", "echo {{name}} {{n}} >> made", "--detach"
    )
    assert desk.run("batch", "status", texts, "-f").code == 0
    words = submit(desk, "b", "--csv", "rows.csv", "--", "touch", "{{name}}.{{n}}")
    assert desk.run("jobs", "wait", words).code == 0
    assert sorted((desk.base / "made").read_text().splitlines()) == [
        "Bob 2",
        "O'Hara; touch never 1",
    ]
    assert (desk.base / "O'Hara; touch never.1").exists()
    assert not (desk.base / "never").exists()


def test_a_batch_is_cancelled_with_what_it_started(desk: Desk) -> None:
    (desk.base / "commands").write_text(f"touch up; {WAIT}\n" * 2 + "touch never\n" * 30)
    batch = submit(desk, "long", "--commands", "commands", "--stop-after", "3", "--detach")
    until((desk.base / "up").exists, "it works")
    cancelled = desk.run("batch", "cancel", batch, "--reason", "wrong file", "--format", "json")
    assert cancelled.answer["state"] == "cancelled"
    assert cancelled.answer["reason"] == "wrong file"
    assert "cancelled: long" in cancelled.err
    again = desk.run("batch", "retry-failed", batch)
    assert again.code == 1
    assert "was cancelled" in again.err


def test_a_held_batch_is_queued_later(desk: Desk) -> None:
    (desk.base / "commands").write_text("true\ntrue\n")
    batch = submit(desk, "later", "--commands", "commands", "--hold")
    assert desk.run("batch", "status", batch, "--format", "json").answer["state"] == "pending"
    assert desk.run("jobs", "execute", batch, "--detach").code == 0
    assert desk.run("batch", "status", batch, "-f").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Where do the commands come from?"),
        (("--commands", "rows.csv", "--csv", "rows.csv"), "two sources"),
        (("--commands", "rows.csv", "--", "true"), "goes with --csv"),
        (("--commands", "missing"), "missing cannot be read: No such file"),
        (("--commands", "empty"), "at least one command"),
        (("--commands", "many"), "1,001 commands; 1,000 are possible"),
        (("--commands", "binary"), "is not UTF-8 text"),
        (("--csv", "rows.csv"), "What is to be done with each row?"),
        (("--csv", "rows.csv", "--", "echo"), "names no column"),
        (("--csv", "rows.csv", "-c", "x {{n}}", "--", "x"), "not both"),
        (("--csv", "rows.csv", "--", "echo", "{{m}}"), "no column 'm'"),
        (("--csv", "rows.csv", "-c", "echo '{{n}}'"), "stands in quotation marks"),
        (("--commands", "rows.csv", "--stop-after", "0"), "--stop-after"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_stored(
    desk: Desk, arguments: tuple[str, ...], words: str
) -> None:
    (desk.base / "rows.csv").write_text(ROWS)
    (desk.base / "empty").write_text("# nothing\n")
    (desk.base / "many").write_text("true\n" * 1001)
    (desk.base / "binary").write_bytes(b"\xff\xfe\n")
    done = desk.run("batch", "submit", "x", *arguments)
    assert words in done.err
    assert done.code == 2
    assert "Traceback" not in done.err
    assert desk.run("jobs", "list", "--format", "json").answer["total"] == 0


def test_a_batch_is_shown_without_what_only_a_command_has(desk: Desk) -> None:
    (desk.base / "commands").write_text("true\n", "utf-8")
    wanted = ("--commands", "commands", "--hold", "--stop-after", "1")
    batch = desk.run("batch", "submit", "one", *wanted).out.strip()
    shown = desk.run("jobs", "show", batch).out
    assert "0/1" in shown
    assert "Asked for" not in shown
    assert "Exit code" not in shown
    assert "Stops after  1 failure\n" in desk.run("batch", "status", batch).out


def test_what_is_no_batch_is_told(desk: Desk) -> None:
    job = desk.run("jobs", "submit", "x", "--", "true").out.strip()
    for command in ("status", "result", "cancel", "retry-failed"):
        done = desk.run("batch", command, job)
        assert f"Job {job} is no batch" in done.err
        assert done.code == 1
    listed = desk.run("jobs", "list", "--batch", job)
    assert (listed.code, listed.out) == (1, "")
    assert f"Job {job} is no batch" in listed.err
    assert desk.run("batch", "status", "zzz").code == 2
