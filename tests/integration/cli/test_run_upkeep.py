"""How long what runs have printed is kept, from the command line (SPEC J7)."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from foredeck.services.host.lock import is_held
from tests.support.cli_desk import Desk, ended, processes_of, until

WORKFLOW = """
name: build
steps:
  - id: a
    kind: command
    command: echo out
  - id: b
    kind: command
    command: echo more
    needs: [a]
"""


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    until(lambda: processes_of(desk.base) == [], "no process is left")


def test_the_output_of_an_old_run_goes_with_a_word_and_its_record_stays(desk: Desk) -> None:
    (desk.base / "build.yaml").write_text(WORKFLOW)
    desk.run("projects", "create", "shop")
    said = desk.run("dag", "run", "build.yaml", "--project", "shop", "--format", "json")
    assert said.code == 0, said.err
    run = said.answer["id"]
    path = Path(desk.run("runs", "show", run, "--format", "json").answer["steps"][0]["output_path"])
    assert "out" in desk.run("runs", "logs", run).out
    days = 3 * 86_400 * 1_000_000
    with closing(sqlite3.connect(desk.data / "foredeck.db")) as database, database:
        database.execute("UPDATE run SET ended_at = ended_at - ?", (days,))
    host = desk.start("serve", FOREDECK_RUN_RETENTION_DAYS="2")
    until(lambda: is_held(desk.data), "there is a host")
    until(lambda: not path.parent.exists(), "the output is removed")
    said = desk.run("runs", "logs", run)
    assert (said.code, said.out) == (0, "")
    assert "The output of this run was removed on" in said.err
    shown = desk.run("runs", "show", run)
    assert "removed on" in shown.out
    answer = desk.run("runs", "show", run, "--format", "json").answer
    assert answer["state"] == "success"
    assert answer["output_removed_at"]
    assert "run.remove_output" in desk.run("audit", "list").out
    host.send_signal(signal.SIGTERM)
    ended(host)


def test_the_log_of_a_codex_run_that_is_gone_is_told_from_a_wrong_name(desk: Desk) -> None:
    meta = desk.base / "codex-run-x.meta.json"
    meta.write_text('{"output_removed_at": "2026-11-20T10:00:00+00:00", "summary_file": "s.json"}')
    said = desk.run("codex", "parse", "--log", "codex-run-x.log", "--meta", str(meta))
    assert said.code == 2
    assert "was removed on 2026-11-20 (run_retention_days)" in said.err
    assert "s.json" in said.err


def test_the_setting_is_checked_and_doctor_says_it(desk: Desk) -> None:
    for wrong in ("0", "3651", "x"):
        said = desk.run("projects", "list", FOREDECK_RUN_RETENTION_DAYS=wrong)
        assert said.code == 2
        assert "RUN_RETENTION_DAYS" in said.err
    said = desk.run("doctor", FOREDECK_RUN_RETENTION_DAYS="90")
    assert "that of runs for 90 days" in said.out
