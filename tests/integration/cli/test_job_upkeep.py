"""What jobs may take and how long what they leave is kept, from the command line."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from foredeck.services.host.lock import is_held
from tests.support.cli_desk import Desk, ended, processes_of, until
from tests.support.greedy import GREEDY


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    until(lambda: processes_of(desk.base) == [], "no process is left")


def test_a_job_is_given_a_memory_cap(desk: Desk) -> None:
    said = desk.run("jobs", "submit", "x", "--memory", "0.5GiB", "--", "true")
    assert "Memory cap  512 MiB" in desk.run("jobs", "show", said.out.strip()).out
    said = desk.run("jobs", "execute", "--memory", "64M", "--command", f"echo begun; {GREEDY}")
    assert (said.code, said.out) == (137, "begun\n")
    assert "Command used more than 64 MiB of memory and was stopped." in said.err
    for size in ("512", "1M"):
        said = desk.run("jobs", "submit", "x", f"--memory={size}", "--", "true")
        assert said.code == 2
        assert "Traceback" not in said.err
        assert "--memory 512M" in said.err or "between 64M" in said.err


def test_the_output_of_an_old_job_goes_with_a_word_and_its_record_stays(desk: Desk) -> None:
    said = desk.run("jobs", "execute", "--format", "json", "--", "sh", "-c", "echo out; exit 3")
    job = said.answer["id"]
    path = Path(desk.run("jobs", "result", job, "--format", "json").answer["output_path"])
    days = 8 * 86_400 * 1_000_000
    with closing(sqlite3.connect(desk.data / "foredeck.db")) as database, database:
        database.execute("UPDATE job SET ended_at = ended_at - ?", (days,))
    host = desk.start("serve")
    until(lambda: is_held(desk.data), "there is a host")
    until(lambda: not path.exists(), "the output is removed")
    until(lambda: "removed on" in desk.run("jobs", "show", job).out, "that is stored")
    for command in (("logs",), ("logs", "--times"), ("result",)):
        said = desk.run("jobs", *command, job)
        assert (said.code, said.out) == (0, "")
        assert f"The output of job {job} was removed on" in said.err
        assert "job_retention_days" in said.err
        assert "said nothing" not in said.err
    answer = desk.run("jobs", "show", job, "--format", "json").answer
    assert (answer["state"], answer["exit_code"]) == ("failed", 3)
    assert answer["output_removed_at"]
    assert "job.remove_output" in desk.run("audit", "list").out
    host.send_signal(signal.SIGTERM)
    ended(host)
