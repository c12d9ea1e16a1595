"""`foredeck jobs submit|execute|…`: commands as jobs, from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.services.host.lock import is_held
from tests.support.cli_desk import Desk, end_background_host, ended, processes_of, until

WAIT = "until test -e go; do sleep 0.02; done"


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    if is_held(desk.data):
        end_background_host(desk)
    until(lambda: processes_of(desk.base) == [], "no process is left")


def serve(desk: Desk) -> subprocess.Popen[str]:
    """Start a host and wait until it answers."""
    host = desk.start("serve")
    until(lambda: is_held(desk.data), "there is a host")
    until(lambda: desk.run("jobs", "limit", "--format", "json").answer["starts"], "it starts jobs")
    return host


def end(host: subprocess.Popen[str]) -> str:
    host.send_signal(signal.SIGTERM)
    return ended(host).err


def state(desk: Desk, job: str) -> str:
    return str(desk.run("jobs", "show", job, "--format", "json").answer["state"])


def test_a_command_is_executed_and_its_output_and_exit_code_are_its_own(desk: Desk) -> None:
    text = r"printf 'out\033]52;c;Y3Vy\007put\n'; echo err >&2; read x; exit 7"
    done = desk.run("jobs", "execute", "--", "sh", "-c", text)
    assert (done.code, done.out) == (7, "output\n")
    assert "\nerr\n" in done.err
    assert "\x1b" not in done.err
    assert "is failed (exit code 7)" in done.err
    (row,) = desk.run("jobs", "list", "--format", "json").answer["items"]
    assert (row["state"], row["project"], row["run_id"]) == ("failed", "scratch", None)
    assert row["name"].startswith("sh -c ")

    raw = desk.run("jobs", "execute", "--raw", "--command", r"printf '\033[1mx'")
    assert (raw.code, raw.out) == (0, "\x1b[1mx")
    answer = desk.run("jobs", "execute", "--name", "j", "--format", "json", "--", "true").answer
    assert (answer["name"], answer["state"], answer["words"]) == ("j", "completed", ["true"])
    assert desk.run("jobs", "execute", "--timeout", "1", "--", "sleep", "60").code == 124


def test_a_job_is_stored_without_a_host_and_starts_with_one(desk: Desk) -> None:
    said = desk.run(
        "jobs", "submit", "nightly", "--command", "echo hi > made", "--priority", "high"
    )
    job = said.out.strip()
    assert said.code == 0
    assert "No host is there to start it." in said.err
    assert state(desk, job) == "queued"
    table = desk.run("jobs", "list")
    assert "nightly" in table.out
    assert "none. Start one: foredeck, or foredeck serve" in desk.run("jobs", "limit").out
    host = serve(desk)
    assert "there, and starts what waits" in desk.run("jobs", "limit").out
    waited = desk.run("jobs", "wait", job, "--format", "json")
    assert (waited.code, waited.answer["state"], waited.answer["priority"]) == (
        0,
        "completed",
        "high",
    )
    assert (desk.base / "made").read_text() == "hi\n"
    assert f"completed {job} nightly" in end(host)
    shown = desk.run("jobs", "show", job[:6]).out
    for words in ("nightly", "high", "0/3", "echo hi > made", "100 %"):
        assert words in shown


def test_detached_a_host_in_the_background_starts_it_and_goes(desk: Desk) -> None:
    job = desk.run("jobs", "submit", "x", "--detach", "--", "sh", "-c", WAIT).out.strip()
    until(lambda: state(desk, job) == "in_progress", "the job works")
    (desk.base / "go").touch()
    assert desk.run("jobs", "wait", job).code == 0


def test_a_host_that_is_killed_loses_no_job(desk: Desk) -> None:
    host = serve(desk)
    text = f"echo w >> effects; echo one; {WAIT}; echo two"
    job = desk.run("jobs", "submit", "x", "--command", text).out.strip()
    until((desk.base / "effects").exists, "the job works")
    host.kill()
    host.wait()
    assert state(desk, job) == "in_progress"
    host = serve(desk)
    following = desk.start("jobs", "logs", job, "-f")
    (desk.base / "go").touch()
    assert ended(following).out == "one\ntwo\n"
    assert desk.run("jobs", "wait", job).code == 0
    assert (desk.base / "effects").read_text() == "w\n"
    end(host)


def test_a_host_that_ends_in_order_leaves_its_jobs_at_work(desk: Desk) -> None:
    host = serve(desk)
    job = desk.run("jobs", "submit", "x", "--command", f"touch up; {WAIT}").out.strip()
    until((desk.base / "up").exists, "the job works")
    assert "Closing; a job is taken up by the next host." in end(host)
    assert state(desk, job) == "in_progress"
    # Without a host it can still be ended.
    done = desk.run("jobs", "cancel", job, "--reason", "enough")
    assert done.code == 0
    assert state(desk, job) == "cancelled"


def test_an_idle_host_waits_for_jobs(desk: Desk) -> None:
    host = desk.start("serve", "--until-idle", "--idle", "0.2")
    until(lambda: is_held(desk.data), "there is a host")
    desk.run("jobs", "submit", "x", "--command", f"touch up; {WAIT}; touch done")
    until((desk.base / "up").exists, "the job works")
    # Each of these takes as long as the host would stay with nothing to do.
    assert [desk.run("jobs", "list").code for _ in range(3)] == [0, 0, 0]
    assert host.poll() is None
    (desk.base / "go").touch()
    assert ended(host).code == 0
    assert (desk.base / "done").exists()


def test_ctrl_c_ends_the_command(desk: Desk) -> None:
    process = desk.start("jobs", "execute", "--command", "touch up; setsid sleep 300 & sleep 300")
    until((desk.base / "up").exists, "the job works")
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert said.code == 130
    (row,) = desk.run("jobs", "list", "--format", "json").answer["items"]
    assert row["state"] == "cancelled"


def test_a_terminal_that_goes_away_leaves_the_job_to_the_background(desk: Desk) -> None:
    process = desk.start("jobs", "execute", "--command", f"touch up; {WAIT}")
    until((desk.base / "up").exists, "the job works")
    process.send_signal(signal.SIGHUP)
    ended(process)
    (row,) = desk.run("jobs", "list", "--format", "json").answer["items"]
    assert row["state"] == "in_progress"
    (desk.base / "go").touch()
    assert desk.run("jobs", "wait", row["id"]).code == 0


def test_retries_results_and_logs(desk: Desk) -> None:
    text = 'echo try >> tries; test -e ok || { echo "not yet" >&2; exit 3; }; echo \'{"a": 1}\''
    done = desk.run("jobs", "execute", "--max-retries", "1", "--command", text)
    assert done.code == 3
    job = desk.run("jobs", "list", "--format", "json").answer["items"][0]["id"]
    assert f"then: foredeck jobs retry {job}" in done.err
    result = desk.run("jobs", "result", job, "--format", "json").answer
    assert (result["state"], result["error"], result["errors"]) == (
        "failed",
        "not yet",
        "not yet\n",
    )
    (desk.base / "ok").touch()
    held = desk.run("jobs", "retry", job, "--hold", "--format", "json")
    assert (held.answer["state"], held.answer["attempt"]) == ("pending", 2)
    host = serve(desk)
    assert state(desk, job) == "pending"
    desk.run("jobs", "execute", job)
    assert desk.run("jobs", "wait", job).code == 0
    result = desk.run("jobs", "result", job, "--format", "json").answer
    assert (result["output_data"], result["output_is_json"]) == ({"a": 1}, True)
    assert desk.run("jobs", "result", job).out == '{"a": 1}\n'
    assert desk.run("jobs", "logs", job).out == '{"a": 1}\n'
    assert "not yet" in desk.run("jobs", "logs", job, "--attempt", "1").err
    last = desk.run("jobs", "execute", "--max-retries", "0", "--", "false")
    assert "it has no retries left: submit it again." in last.err
    refused = desk.run("jobs", "retry", job)
    assert refused.code == 1
    assert "only a failed, timed out or lost one is retried" in refused.err
    end(host)


def test_a_cancelled_job_tells_why(desk: Desk) -> None:
    job = desk.run("jobs", "submit", "x", "--hold", "--", "true").out.strip()
    assert desk.run("jobs", "cancel", job, "--reason", "wrong \x1b[31mbranch").code == 0
    shown = desk.run("jobs", "show", job).out
    assert any(line.split() == ["Cancelled", "wrong", "branch"] for line in shown.splitlines())
    answer = desk.run("jobs", "show", job, "--format", "json").answer
    assert (answer["state"], "branch" in answer["cancel_reason"]) == ("cancelled", True)


def test_the_queue_is_paused_limited_and_reordered(desk: Desk) -> None:
    assert desk.run("jobs", "pause", "--format", "json").answer["paused"] is True
    one = desk.run("jobs", "submit", "one", "--command", "echo one >> order")
    assert "The queue is paused" in one.err
    two = desk.run("jobs", "submit", "two", "--command", "echo two >> order").out.strip()
    assert desk.run("jobs", "limit", "1", "--format", "json").answer["limit"] == 1
    done = desk.run("jobs", "priority", two, "critical", "--format", "json")
    assert done.answer["priority"] == "critical"
    host = serve(desk)
    assert desk.run("jobs", "limit", "--format", "json").answer["queued"] == 2
    desk.run("jobs", "resume")
    assert desk.run("jobs", "wait", one.out.strip(), two).code == 0
    assert (desk.base / "order").read_text() == "two\none\n"
    assert desk.run("jobs", "limit", "--default", "--format", "json").answer["limit"] == 10
    end(host)


def test_everything_that_can_be_given(desk: Desk) -> None:
    (desk.base / "in.csv").write_text("a,b\n")
    (desk.base / "sub").mkdir()
    command = 'cat "$FOREDECK_INPUT"; cat "$FOREDECK_INPUT_FILE"; echo $PLAIN $HIDDEN; pwd'
    words = (
        *("--type", "data_import", "--description", "all of it", "--env", "PLAIN=p"),
        *("--env", "HIDDEN=env:FROM_HERE", "--input", "-", "--input-file", "in.csv"),
        *("--meta", "ticket=7", "--merge-stderr", "--auto-retry", "-C", "sub"),
    )
    done = desk.run(
        *("jobs", "execute", *words, "--command", command),
        given="[1, 2]",
        FROM_HERE="hidden",
    )
    assert done.code == 0, done.err
    assert done.out == f"[1, 2]a,b\np hidden\n{desk.base / 'sub'}\n"
    job = desk.run("jobs", "list", "--type", "data_import", "--format", "json").answer["items"][0]
    shown = desk.run("jobs", "show", job["id"], "--format", "json").answer
    assert shown["environment"] == {"PLAIN": "p", "HIDDEN": "env:FROM_HERE"}
    assert (shown["metadata"], shown["auto_retry"]) == ({"ticket": "7"}, True)
    assert shown["description"] == "all of it"
    assert shown["created_by"].endswith("/foredeck jobs execute")
    trail = desk.run("audit", "list", "--resource", f"job:{job['id']}", "--format", "json").answer
    assert {row["trace_id"] for row in trail["items"]} >= {shown["trace_id"]}


@pytest.mark.codex
def test_a_job_runs_in_codex_s_sandbox(desk: Desk) -> None:
    said = desk.run("jobs", "execute", "--sandbox", "read-only", "--command", "echo hi; touch made")
    assert (said.code, said.out) == (1, "hi\n")
    assert "Read-only file system" in said.err
    assert not (desk.base / "made").exists()
    said = desk.run("jobs", "execute", "--sandbox", "workspace-write", "--", "touch", "made")
    assert (said.code, (desk.base / "made").exists()) == (0, True)
    job = desk.run("jobs", "list", "--format", "json").answer["items"][0]["id"]
    assert desk.run("jobs", "show", job, "--format", "json").answer["sandbox"] == "workspace-write"
    assert "workspace-write (codex's)" in desk.run("jobs", "show", job).out


def test_without_codex_there_is_no_sandbox(desk: Desk) -> None:
    words = ("jobs", "submit", "x", "--sandbox", "read-only", "--", "true")
    said = desk.run(*words, FOREDECK_CODEX_PATH="/nowhere")
    assert (said.code, said.out) == (1, "")
    assert "error: /nowhere cannot be read" in said.err
    assert "codex_path" in said.err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("submit", "x", "--sandbox", "none", "--", "true"), 2, "'none' is not one of"),
        (("submit", "x"), 2, "There is no command."),
        (("submit", " ", "--", "true"), 2, "A job needs a name."),
        (("submit", "x", "--type", "codex", "--", "true"), 2, "foredeck codex run"),
        (("submit", "x", "--timeout", "0", "--", "true"), 2, "between 1 and 86400 seconds"),
        (("submit", "x", "--max-retries", "11", "--", "true"), 2, "between 0 and 10"),
        (("submit", "x", "--command", "a", "--", "b"), 2, "not both"),
        (("submit", "x", "--env", "A", "--", "b"), 2, "Expected --env NAME=VALUE"),
        (("submit", "x", "--env", "MY_TOKEN=abc", "--", "b"), 2, "looks like a secret"),
        (("submit", "x", "-C", "nowhere", "--", "b"), 2, "There is no directory"),
        (("submit", "x", "--project", "none", "--", "b"), 2, "There is no project 'none'"),
        (("submit", "x", "--input", "{", "--", "b"), 2, "is no JSON"),
        (("submit", "x", "--input-file", "none", "--", "b"), 2, "cannot be read"),
        (("execute",), 2, "What is to be executed?"),
        (("execute", "zzz"), 2, "There is no job 'zzz'."),
        (("execute", "zzz", "--", "true"), 2, "takes no -- COMMAND"),
        (("execute", "zzz", "--timeout", "3"), 2, "takes no --timeout"),
        (("cancel", "zzz"), 2, "There is no job 'zzz'."),
        (("retry", "zzz"), 2, "There is no job 'zzz'."),
        (("result", "zzz"), 2, "There is no job 'zzz'."),
        (("wait", "zzz"), 2, "There is no job 'zzz'."),
        (("priority", "zzz", "high"), 2, "There is no job 'zzz'."),
        (("priority", "zzz", "huge"), 2, "'huge' is not one of"),
        (("limit", "0"), 2, "0 is not in the range"),
        (("limit", "3", "--default"), 2, "not both"),
    ],
)
def test_wrong_input_is_told_in_a_line(
    desk: Desk, words: tuple[str, ...], code: int, sentence: str
) -> None:
    done = desk.run("jobs", *words)
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert len(done.err.splitlines()) <= 3


def test_the_jobs_of_runs_are_directed_with_their_runs(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    (desk.base / "one.yaml").write_text(
        'name: one\nsteps: [{id: a, kind: command, command: "true"}]\n'
    )
    desk.run("dag", "run", "one.yaml", "--workspace", "code")
    job = desk.run("jobs", "list", "--format", "json").answer["items"][0]["id"]
    for verb in ("cancel", "retry", "execute", "result"):
        done = desk.run("jobs", verb, job)
        assert done.code == 1
        assert "belongs to a run" in done.err
    for verb in ("cancel", "retry", "logs", "show"):
        found = desk.run(
            _FOREDECK_COMPLETE="fish_complete",
            COMP_WORDS=f"foredeck jobs {verb} {job[:4]}",
            COMP_CWORD=job[:4],
        )
        assert job in found.out


def test_a_job_in_a_project_s_directory_belongs_to_it(desk: Desk, tmp_path: Path) -> None:
    (desk.base / "shop" / "src").mkdir(parents=True)
    desk.run("projects", "create", "shop", "--workspace", "shop")
    done = desk.run("jobs", "execute", "-C", "shop/src", "--command", "pwd")
    assert done.out == f"{os.path.realpath(desk.base / 'shop' / 'src')}\n"
    done = desk.run("jobs", "execute", "--project", "shop", "--command", "pwd")
    assert done.out == f"{os.path.realpath(desk.base / 'shop')}\n"
    listed = json.loads(desk.run("jobs", "list", "--project", "shop", "--format", "json").out)
    assert listed["total"] == 2


def test_lines_are_printed_with_the_times_at_which_they_were_there(desk: Desk) -> None:
    command = f"echo one; echo oops >&2; {WAIT}; printf 'two\\033[1m\\nthree'"
    job = desk.run("jobs", "submit", "x", "--detach", "--command", command).out.strip()
    until(lambda: "one" in desk.run("jobs", "logs", job, "--times").out, "the first has a time")
    until(lambda: "oops" in desk.run("jobs", "logs", job, "--times").err, "the error as well")
    (desk.base / "go").touch()
    assert desk.run("jobs", "wait", job).code == 0
    done = desk.run("jobs", "logs", job, "--times", "--follow")
    shown = [re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{3}) (.*)", line) for line in done.out.splitlines()]
    lines = [(line[1], line[2]) for line in shown if line]
    assert [text for _time, text in lines] == ["one", "two", "three"]
    assert lines[0][0] < lines[1][0] <= lines[2][0]
    assert re.search(r"^── \d{4}-\d\d-\d\d ──$", done.err, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} oops$", done.err, re.MULTILINE)
    assert desk.run("jobs", "logs", job, "--times", "--raw").code == 2


def test_a_queue_is_drained_for_maintenance(desk: Desk) -> None:
    host = serve(desk)
    working = desk.run("jobs", "submit", "x", "--command", WAIT).out.strip()
    until(lambda: state(desk, working) == "in_progress", "it works")
    draining = desk.start("jobs", "pause", "--wait", "--format", "json")
    until(lambda: desk.run("jobs", "limit", "--format", "json").answer["paused"], "it is paused")
    waiting = desk.run("jobs", "submit", "y", "--", "true").out.strip()
    assert draining.poll() is None
    (desk.base / "go").touch()
    drained = ended(draining)
    assert drained.code == 0
    assert (drained.answer["working"], drained.answer["queued"]) == (0, 1)
    assert "1 job works still" in drained.err
    assert state(desk, waiting) == "queued"
    desk.run("jobs", "resume")
    assert desk.run("jobs", "wait", waiting).code == 0
    end(host)
