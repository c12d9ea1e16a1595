"""`foredeck backup`: while a host works, and what becomes of its work in a copy."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from foredeck.services.host.lock import is_held
from tests.support.cli_desk import Desk, Said, ended, processes_of, until

BUSY = """
name: busy
steps:
  - {id: one, kind: command, command: "echo one >> effects"}
  - {id: two, kind: command, needs: [one],
     command: "echo two >> effects; until test -e go; do sleep 0.05; done; echo end"}
  - {id: three, kind: command, needs: [two], command: "echo three >> effects"}
"""
GATED = """
name: gated
steps:
  - {id: sign-off, kind: gate, gate: "Ship it?"}
  - {id: ship, kind: command, needs: [sign-off], command: "echo shipped >> shipped"}
"""


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    until(lambda: processes_of(desk.base) == [], "no process is left")


def begun(desk: Desk, name: str, workflow: str) -> str:
    """Start a run in a project of that name, and return its id."""
    (desk.base / f"{name}.yaml").write_text(workflow)
    said = desk.run("projects", "create", name)
    assert said.code == 0, said.err
    said = desk.run(
        *("dag", "run", f"{name}.yaml", "--project", name, "--detach", "--format", "json")
    )
    assert said.code == 0, said.err
    return str(said.answer["id"])


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_copy_of_what_was_at_work_runs_nothing_twice(desk: Desk) -> None:
    host = desk.start("serve", FOREDECK_JOB_LIMIT="1")
    until(lambda: is_held(desk.data), "there is a host")
    busy, gated = begun(desk, "busy", BUSY), begun(desk, "gated", GATED)
    effects = desk.base / "workspaces" / "busy" / "effects"
    waiting = "echo job >> jobs; until test -e job-go; do sleep 0.05; done"
    words = ("jobs", "submit", "--project", "gated", "--priority", "high")
    job = desk.run(*words, "first", "--command", waiting).out.strip()
    queued = desk.run(*words, "second", "--command", "echo second >> jobs").out.strip()
    jobs = desk.base / "workspaces" / "gated" / "jobs"
    until(lambda: lines(effects) == ["one", "two"], "the second step works")
    until(lambda: lines(jobs) == ["job"], "the job works")

    made = desk.run("backup", "create", "--output", "kept.tar.gz", "--format", "json")
    assert made.code == 0, made.err
    file = desk.base / "kept.tar.gz"
    assert (made.answer["id"], made.answer["output"]) == (str(file), True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "command.create_backup" in desk.run("audit", "list").out
    assert desk.run("backup", "create", "--output", "kept.tar.gz").code == 1
    whole = desk.run("backup", "verify", "kept.tar.gz")
    assert whole.code == 0, whole.err
    assert "whole: " in whole.out
    refused = desk.run("backup", "restore", "kept.tar.gz", "--force")
    assert refused.code == 1
    assert "is working on" in refused.err

    def there(*command: str) -> Said:
        return desk.run("--data-dir", "copy", *command)

    restored = there("backup", "restore", "kept.tar.gz")
    assert restored.code == 0, restored.err
    assert busy in restored.err
    assert "foredeck jobs resume" in restored.err
    other = desk.start("--data-dir", "copy", "serve")
    copy = desk.base / "copy"
    until(lambda: is_held(copy), "there is a host of the copy")
    until(lambda: there("jobs", "show", job, "--format", "json").answer["state"] == "lost", "lost")
    shown = there("runs", "show", busy, "--format", "json").answer
    assert shown["state"] == "waiting"
    assert [step["state"] for step in shown["steps"]] == ["success", "waiting", "pending"]
    assert "when the backup was taken" in shown["steps"][1]["reason"]
    assert there("runs", "show", gated, "--format", "json").answer["state"] == "waiting"
    assert there("jobs", "show", queued, "--format", "json").answer["state"] == "queued"
    assert there("audit", "verify").code == 0
    assert "two" not in there("runs", "logs", busy, "--step", "one").out
    # The original works on as if nothing had happened, and the copy has begun nothing.
    assert (lines(effects), lines(jobs)) == (["one", "two"], ["job"])
    (effects.parent / "go").touch()
    (jobs.parent / "job-go").touch()
    until(lambda: lines(effects) == ["one", "two", "three"], "the original run goes on")
    until(lambda: lines(jobs) == ["job", "second"], "its jobs go on")
    state = ("jobs", "show", job, "--format", "json")
    until(lambda: desk.run(*state).answer["state"] == "completed", "its job has ended")
    host.send_signal(signal.SIGTERM)
    ended(host)

    # And it goes on once a person says so.
    assert there("jobs", "resume").code == 0
    until(lambda: lines(jobs) == ["job", "second", "second"], "the queue goes on")
    assert there("runs", "resume", gated).code == 4  # it needs a person: there is the gate
    assert there("runs", "approve", gated).code == 0
    until(lambda: lines(jobs.parent / "shipped") == ["shipped"], "the gate was opened")
    assert there("runs", "resume", busy).code == 0
    until(lambda: lines(effects)[3:] == ["two", "three"], "the run goes on")
    other.send_signal(signal.SIGTERM)
    ended(other)


def test_it_is_restored_to_its_own_place_and_what_is_there_moved_aside(desk: Desk) -> None:
    assert desk.run("projects", "create", "shop").code == 0
    made = desk.run("backup", "create", "--no-output")
    assert made.code == 0, made.err
    (file,) = desk.base.glob("foredeck-*.tar.gz")
    assert "left out" in made.out
    desk.run("projects", "create", "later")
    refused = desk.run("backup", "restore", str(file))
    assert refused.code == 1
    assert "--force" in refused.err
    done = desk.run("backup", "restore", str(file), "--force", "--format", "json")
    assert done.code == 0, done.err
    assert sqlite_names(Path(done.answer["moved_aside"])) == ["later", "shop"]
    names = [
        item["name"] for item in desk.run("projects", "list", "--format", "json").answer["items"]
    ]
    assert names == ["shop"]
    assert "backup.restore" in desk.run("audit", "list").out


def sqlite_names(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / "foredeck.db")) as database:
        return [row[0] for row in database.execute("SELECT name FROM project ORDER BY name")]


def test_a_file_that_is_no_backup_is_told_in_a_line(desk: Desk) -> None:
    (desk.base / "x.tar.gz").write_bytes(os.urandom(2000))
    for command in (("verify",), ("restore",)):
        said = desk.run("backup", *command, "x.tar.gz")
        assert said.code == 2
        assert said.err == (
            "error: The backup cannot be used: it is no backup.\n"
            "Use another backup; nothing was changed.\n"
        )
    assert not desk.data.exists() or not (desk.data / "foredeck.db").exists()


@pytest.mark.parametrize("command", ["verify", "restore"])
def test_what_cannot_be_read_is_named_before_anything_else(desk: Desk, command: str) -> None:
    (desk.base / "loop").symlink_to("loop")
    os.mkfifo(desk.base / "pipe")
    host = desk.start("serve")
    until(lambda: is_held(desk.data), "the host is there")
    for name, sentence in {
        "none": "There is no file {}.",
        "loop": "{} cannot be read: Too many levels of symbolic links.",
        "pipe": "{} is no file.",
        ".": "{} is a directory.",
    }.items():
        said = desk.run("backup", command, name)
        path = desk.base / name
        advice = "Name a backup: foredeck backup create makes one."
        assert (said.code, said.err) == (2, f"error: {sentence.format(path)}\n{advice}\n")
    host.send_signal(signal.SIGTERM)
    ended(host)


def test_beside_a_host_it_says_what_to_do(desk: Desk) -> None:
    made = desk.run("backup", "create", "--output", "kept.tar.gz")
    assert "MiB" not in made.out  # so little is told in KiB
    host = desk.start("serve")
    until(lambda: is_held(desk.data), "the host is there")
    said = desk.run("backup", "restore", "kept.tar.gz")
    host.send_signal(signal.SIGTERM)
    ended(host)
    assert said.code == 1
    assert "foredeck serve (process" in said.err
    assert "End it first, or restore elsewhere: --data-dir DIR." in said.err


def test_killed_in_the_middle_it_leaves_no_half_file_under_its_name(desk: Desk) -> None:
    assert desk.run("projects", "create", "shop").code == 0
    (desk.data / "output").mkdir(exist_ok=True)
    with (desk.data / "output" / "large.log").open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(1 << 20))
    process = desk.start("backup", "create", "--output", "kept.tar.gz")
    until(lambda: bool(list(desk.base.glob(".kept.tar.gz.*/archive"))), "it is being written")
    process.kill()
    process.communicate()
    assert not (desk.base / "kept.tar.gz").exists()
    again = desk.run("backup", "create", "--output", "kept.tar.gz")
    assert again.code == 0, again.err
    assert desk.run("backup", "verify", "kept.tar.gz").code == 0
