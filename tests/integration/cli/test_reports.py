"""`foredeck reports`: made, fetched in every format, shown and deleted, as people type it."""

import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli_desk import PATIENCE, STORY, Desk, Said, end_background_host, until


def stored_run(desk: Desk, request: str = "Do it") -> str:
    """Store a run that is not started, and return its id."""
    desk.run("projects", "create", "shop")
    return desk.run("run", request, "--project", "shop", "--no-start").out.strip()


def check(desk: Desk, text: str) -> Any:
    """Return a report in JSON that fits the schema which the program prints."""
    schema = desk.run("reports", "schema").answer
    report = json.loads(text)
    assert list(Draft202012Validator(schema).iter_errors(report)) == []
    return report


def test_one_is_made_listed_fetched_and_deleted(desk: Desk) -> None:
    run = stored_run(desk)
    empty = desk.run("reports", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "foredeck reports create RUN" in empty.err

    words = ("--report-format", "json", "--title", "A / B \x1b[31m", "--format", "json")
    made = desk.run("reports", "create", run[:6], *words)
    assert made.code == 0, made.err
    answer = made.answer
    assert (answer["run_id"], answer["format"], answer["automatic"]) == (run, "json", False)
    assert (answer["run_state"], answer["project"], answer["task"]) == ("created", "shop", None)
    path = Path(answer["path"])
    assert path.parent == desk.data / "reports"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    report = check(desk, path.read_text())
    assert (report["run"]["id"], report["run"]["state"]) == (run, "created")
    assert (report["title"], report["rehearsal"]) == ("A / B ", True)

    (item,) = desk.run("reports", "list", "--run", run, "--format", "json").answer["items"]
    assert item["id"] == answer["id"]
    assert answer["id"] in desk.run("reports", "list").out
    fetched = desk.run("reports", "download", answer["id"][:6])
    assert fetched.out == f"A-B-{answer['id']}.json\n"
    assert (desk.base / fetched.out.strip()).read_bytes() == path.read_bytes()
    again = desk.run("reports", "download", answer["id"])
    assert (again.code, again.out) == (1, "")
    assert "--force" in again.err
    assert desk.run("reports", "download", answer["id"], "--force").code == 0

    refused = desk.run("reports", "delete", answer["id"])
    assert (refused.code, path.exists()) == (1, True)
    assert "--yes" in refused.err
    assert desk.run("reports", "delete", answer["id"], "--yes").code == 0
    assert not path.exists()
    assert desk.run("reports", "download", answer["id"]).code == 2
    actions = [
        row["action"]
        for row in desk.run("audit", "list", "--action", "report", "--format", "json").answer[
            "items"
        ]
    ]
    assert actions == ["report.delete", "report.create"]


def test_a_run_means_its_latest_report(desk: Desk) -> None:
    run = stored_run(desk)
    none = desk.run("reports", "download", run[:6])
    assert (none.code, none.out) == (2, "")
    assert f"foredeck reports create {run[:6]}" in none.err
    for title in ("First", "Second"):
        assert desk.run("reports", "create", run, "--title", title).code == 0
    fetched = desk.run("reports", "download", run[:6])
    assert (fetched.code, fetched.out.partition("-")[0]) == (0, "Second")
    assert "reports" in desk.run("reports", "open", run).out
    unknown = desk.run("reports", "download", "nowhere")
    assert (unknown.code, "There is no report 'nowhere'." in unknown.err) == (2, True)


def test_another_format_is_made_anew(desk: Desk) -> None:
    run = stored_run(desk)
    made = desk.run("reports", "create", run, "--title", "Morning")
    assert made.code == 0, made.err
    (item,) = desk.run("reports", "list", "--format", "json").answer["items"]
    assert item["format"] == "html"
    piped = desk.run("reports", "download", item["id"], "--format", "json", "--output", "-")
    assert check(desk, piped.out)["title"] == "Morning"
    assert "made anew from the run" in piped.err
    (desk.base / "here").mkdir()
    pdf = desk.run("reports", "download", item["id"], "--format", "pdf", "--output", "here")
    assert pdf.out == f"here/Morning-{item['id']}.pdf\n"
    assert (desk.base / pdf.out.strip()).read_bytes().startswith(b"%PDF-")
    assert desk.run("reports", "list", "--format", "json").answer["total"] == 1

    os.unlink(item["path"])
    whole = desk.run("reports", "download", item["id"], "--output", "-")
    assert whole.out.lower().startswith("<!doctype html>")
    assert "not there any more" in whole.err
    gone = desk.run("reports", "open", item["id"])
    assert gone.code == 1
    assert f"foredeck reports create {run}" in gone.err


def test_where_it_cannot_go(desk: Desk) -> None:
    run = stored_run(desk)
    (desk.base / "there").write_text("mine")
    for place, why in (("there", "--force"), ("no/such/file", "There is no directory no/such")):
        said = desk.run("reports", "create", run, "--output", place)
        assert said.code == (1 if place == "there" else 2)
        assert why in said.err
    assert (desk.base / "there").read_text() == "mine"
    # Nothing was made that nobody got.
    assert desk.run("reports", "list", "--format", "json").answer["total"] == 0
    said = desk.run("reports", "create", run, "--output", "there", "--force")
    assert (said.code, said.out) == (0, "there\n")
    assert (desk.base / "there").read_text() != "mine"
    assert [name for name in os.listdir(desk.base) if name.startswith(".there")] == []
    assert desk.run("reports", "create", run, "--output", "/dev/null").code == 0
    full = desk.run("reports", "create", run, "--output", "/dev/full")
    assert (full.code, "No space left" in full.err) == (1, True)
    assert desk.run("reports", "create", "zz").code == 2
    said = desk.run("reports", "create", run, "--format", "pdf")
    assert said.code == 2
    assert "--report-format pdf" in said.err
    assert desk.run("reports", "show", "zz").code == 2


def test_open_where_there_is_a_display_and_where_not(desk: Desk) -> None:
    run = stored_run(desk)
    row = desk.run("reports", "create", run, "--format", "json").answer
    opened = desk.base / "opened"
    program = desk.base / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"

    def open_it(display: str, connection: str = "") -> Said:
        environ = {"DISPLAY": display, "WAYLAND_DISPLAY": "", "PATH": path}
        words = ("reports", "open", row["id"])
        return desk.run(*words, timeout=PATIENCE, SSH_CONNECTION=connection, **environ)

    over_ssh = open_it("", "1 2 3 4")
    assert over_ssh.out.strip() == row["path"]
    assert f":{row['path']} ." in over_ssh.err.replace("\n", " ")
    assert "copy the file" in open_it("").err
    assert not opened.exists()

    here = open_it(":0")
    assert "Opened with xdg-open" in here.err
    until(opened.exists, "the program was started")
    assert opened.read_text() == row["path"]


def test_shown_as_text(desk: Desk) -> None:
    run = stored_run(desk, "Do \x1b[2J it " + "at once " * 40)
    shown = desk.run("reports", "show", run)
    assert shown.code == 0, shown.err
    assert run in shown.out
    assert "· created" in shown.out
    assert "\x1b" not in shown.out
    assert "A rehearsal" in shown.out
    report = check(desk, desk.run("reports", "show", run, "--format", "json").out)
    assert report["run"]["id"] == run


def test_a_shell_completes_reports(desk: Desk) -> None:
    run = stored_run(desk)
    row = desk.run("reports", "create", run, "--format", "json").answer
    line = f"foredeck reports open {row['id'][:3]}"
    said = desk.run(_FOREDECK_COMPLETE="fish_complete", COMP_WORDS=line, COMP_CWORD=row["id"][:3])
    assert row["id"] in said.out
    assert "html: Do it" in said.out


@pytest.mark.codex
def test_a_run_of_the_four_agents(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    done = desk.run("run", "-", "--workspace", "code", "--format", "json", given=STORY)
    assert done.code == 0, done.err
    run = done.answer["id"]
    report = check(desk, desk.run("reports", "show", run, "--format", "json").out)
    assert report["verdict"]["verdict"] == "APPROVED"
    assert [step["key"] for step in report["steps"]] == [
        "planner",
        "builder",
        "qa_qc",
        "prod_ready",
    ]
    assert [step["needs"] for step in report["steps"]][1] == ["planner"]
    totals = report["totals"]
    assert totals["messages"] + totals["tool_calls"] == len(report["transcript"])
    assert totals["turns"] == len([job for job in report["jobs"] if job["type"] == "codex"])
    assert totals["usage"]["input"] == sum(step["usage"]["input"] for step in report["steps"])
    files = {file["path"]: file["kind"] for file in report["changes"]["files"]}
    assert files["ledger.py"] == "created"
    assert any(patch["path"] == "settle.py" for patch in report["changes"]["patches"])
    assert report["timeline"][0]["new"] == "created"
    shown = desk.run("reports", "show", run, "--transcript").out
    assert "Verdict of prod_ready: APPROVED" in shown
    assert "created  ledger.py" in shown
    assert "run_codex" in shown
    for format_ in ("html", "pdf"):
        made = desk.run("reports", "create", run, "--report-format", format_)
        assert made.code == 0, made.err


@pytest.mark.codex
def test_a_task_leaves_one_behind(desk: Desk) -> None:
    words = ("--name", "look", "--prompt-template", "Look at {{what}}.", "--format", "json")
    made = desk.run("tasks", "create", *words, "--generate-report", "--report-format", "json")
    assert made.code == 0, made.err
    begun = desk.run(
        "tasks", "execute", "look", "--variables", '{"what": "it"}', "--format", "json"
    )
    assert begun.code == 0, begun.err
    execution = begun.answer["id"]
    until(lambda: bool(status(desk, execution).answer["report_id"]), "there is a report")
    report_id = status(desk, execution).answer["report_id"]
    (item,) = desk.run("reports", "list", "--task", "look", "--format", "json").answer["items"]
    assert (item["id"], item["automatic"], item["task"]) == (report_id, True, "look")
    fetched = desk.run("reports", "download", report_id, "--output", "-")
    report = check(desk, fetched.out)
    assert report["run"]["task"]["variables"] == {"what": "it"}
    assert report["run"]["ended_at"] is not None
    end_background_host(desk)
    # Whoever comes next makes no second one; nor a report that somebody deleted.
    desk.run("reports", "delete", report_id, "--yes")
    desk.run("projects", "create", "other")
    assert desk.run("reports", "list", "--format", "json").answer["total"] == 0
    # But one is made that an earlier host did not come to make.
    database = sqlite3.connect(desk.data / "foredeck.db")
    assert database.execute("SELECT reported_at IS NOT NULL FROM execution").fetchone() == (1,)
    with database:
        database.execute("UPDATE execution SET reported_at = NULL")
    database.close()
    desk.run("projects", "create", "third")
    (item,) = desk.run("reports", "list", "--format", "json").answer["items"]
    assert (item["run_id"], item["automatic"]) == (execution, True)
    assert Path(item["path"]).exists()


def status(desk: Desk, execution: str) -> Said:
    return desk.run("tasks", "execution-status", execution, "--format", "json")
