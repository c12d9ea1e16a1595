"""`foredeck jobs`: what runs consist of, from the command line."""

from __future__ import annotations

from tests.support.cli_desk import Desk

WORKFLOW = """
name: two
defaults: {retries: {max: 0}}
steps:
  - {id: good, kind: command, command: "echo all is well"}
  - {id: bad, kind: command, needs: [good], command: "echo oops >&2; exit 3"}
"""


def test_jobs_are_listed_shown_and_printed(desk: Desk) -> None:
    empty = desk.run("jobs", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "No jobs here" in empty.err

    (desk.base / "code").mkdir()
    (desk.base / "two.yaml").write_text(WORKFLOW)
    ran = desk.run("dag", "run", "two.yaml", "--workspace", "code", "--format", "json")
    run_id = ran.answer["id"]

    listed = desk.run("jobs", "list", "--run", run_id[:8], "--format", "json").answer
    bad, good = listed["items"]
    assert (listed["total"], bad["step"], good["step"]) == (2, "bad", "good")
    assert (bad["state"], bad["exit_code"], good["state"]) == ("failed", 3, "completed")
    assert good["cpu_seconds"] >= 0
    assert good["peak_memory_bytes"] > 0
    assert desk.run("jobs", "list", "--state", "failed", "--format", "json").answer["total"] == 1
    table = desk.run("jobs", "list", "--type", "shell_command")
    assert [line.split()[0] for line in table.out.splitlines()] == ["Job", bad["id"], good["id"]]
    assert "✗ failed" in table.out

    shown = desk.run("jobs", "show", bad["id"][:9])
    assert "echo oops >&2; exit 3" in shown.out
    assert "ended with exit code 3." in shown.out
    assert (
        desk.run("jobs", "show", bad["id"], "--format", "json").answer["error_class"] == "command"
    )
    assert "all is well" in desk.run("jobs", "logs", good["id"]).out
    assert "oops" not in desk.run("jobs", "logs", good["id"]).out


def test_what_is_not_there_is_told_in_a_line(desk: Desk) -> None:
    for words in (("show", "zzz"), ("logs", "zzz")):
        done = desk.run("jobs", *words)
        assert (done.code, done.out) == (2, "")
        assert "There is no job 'zzz'." in done.err
        assert "foredeck jobs list" in done.err
    done = desk.run("jobs", "list", "--state", "done")
    assert done.code == 2
    assert "'completed'" in done.err
    assert desk.run("jobs", "list", "--project", "none").code == 2
