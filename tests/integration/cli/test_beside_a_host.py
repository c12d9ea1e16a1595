"""Commands beside a running host, a host without a screen, and runs left to the background."""

import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from foredeck.services.host.address import reachable, socket_path
from foredeck.services.host.lock import is_held, read_holder
from foredeck.services.rehearsal.scenario import DemoScript
from tests.support.cli_desk import STORY, Desk, StuckBuilder, ended, processes_of, until

pytestmark = pytest.mark.codex


def serve(desk: Desk, *words: str) -> "subprocess.Popen[str]":
    """Start a host without a screen and wait until it holds the data directory."""
    process = desk.start("serve", *words)
    until((desk.data / "host/socket").exists, "the host listens")
    return process


def end(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> str:
    """End a host in order; return what it said."""
    process.send_signal(number)
    said = ended(process)
    assert said.code == 0, said.err
    return said.err


def test_a_whole_run_beside_a_host(desk: Desk) -> None:
    host = serve(desk)
    assert desk.run("projects", "create", "shop", "--format", "json").answer["name"] == "shop"
    done = desk.run("run", STORY, "--project", "shop", "--format", "json")
    assert done.code == 0, done.err
    assert "▶ Planner: running" in done.err
    assert done.answer["state"] == "success"
    run = done.answer["id"]
    assert desk.run("runs", "wait", run).out == "success\n"
    watched = desk.run("runs", "watch", run)
    assert (watched.code, "✓ success" in watched.out) == (0, True)
    assert "python3 -m unittest" in desk.run("runs", "logs", run, "--follow").out
    nothing = desk.run("runs", "cancel", run)
    assert nothing.code == 1
    assert "there is nothing to stop" in nothing.err
    unknown = desk.run("runs", "show", "nosuchrun")
    assert unknown.code == 2
    said = end(host)
    assert said.count(f"▶ running {run} shop: {STORY}") == 1
    assert f"✓ success {run} shop: {STORY}" in said
    assert not (desk.data / "host/socket").exists()


def test_the_audit_trail_names_the_client_and_not_the_host(desk: Desk) -> None:
    host = serve(desk)
    desk.run("projects", "create", "shop")
    rows = desk.run("audit", "list", "--format", "json").answer["items"]
    assert len(rows) == 2
    for row in rows:  # the command, and the change it made
        assert "/foredeck projects create (" in row["actor"]
        assert str(host.pid) not in row["actor"]
    end(host)


def test_a_client_cancels_with_ctrl_c_and_another_one_waits(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    host = serve(desk)
    process = desk.start("run", STORY, "--workspace", "code", "--mode", "direct")
    until((desk.base / "code/up").exists, "the command runs")
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    waiting = desk.start("runs", "wait", item["id"])
    reading = desk.start("runs", "logs", item["id"], "--follow")
    watching = desk.start("runs", "watch", item["id"])
    leaving = desk.start("runs", "watch", item["id"])
    assert leaving.stderr is not None
    assert item["id"] in leaving.stderr.readline()
    leaving.send_signal(signal.SIGINT)
    left = ended(leaving)
    assert (left.code, left.out) == (130, "")
    assert desk.run("runs", "wait", item["id"], "--no-block").out == "running\n"

    process.send_signal(signal.SIGINT)
    broken_off = ended(process)
    assert broken_off.code == 130
    assert "■ cancelled" in broken_off.out
    assert ended(waiting).code == 1
    assert ended(watching).code == 1
    assert "setsid sleep 300" in ended(reading).out
    end(host, signal.SIGINT)
    assert processes_of(desk.base) == []


def test_a_client_says_that_its_host_went_away(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    host = serve(desk)
    process = desk.start("run", STORY, "--workspace", "code", "--mode", "direct")
    until((desk.base / "code/up").exists, "the command runs")
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    watching = desk.start("runs", "watch", item["id"])
    assert watching.stderr is not None
    assert item["id"] in watching.stderr.readline()
    host.kill()
    host.wait()
    said = ended(process)
    assert said.code == 1
    assert f"The host went away: foredeck serve (process {host.pid})." in said.err
    assert f"foredeck runs show {item['id']}" in said.err

    # Whoever only looks on waits for the next host, and sees what it does.
    cancelled = desk.run("runs", "cancel", item["id"])
    assert cancelled.code == 0, cancelled.err
    seen = ended(watching)
    assert seen.code == 1
    assert "Waiting for another one" in seen.err
    assert "■ cancelled" in seen.out
    assert processes_of(desk.base) == []


def test_a_command_that_was_the_host_stays_for_the_run_of_another(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    for name in ("one", "two"):
        (desk.base / name).mkdir()
    first = desk.start("run", STORY, "--workspace", "one", "--mode", "direct")
    until((desk.base / "one/up").exists, "the first command runs")
    second = desk.start("run", STORY, "--workspace", "two", "--mode", "direct")
    until((desk.base / "two/up").exists, "the second command runs")
    first.send_signal(signal.SIGINT)
    said = first.stderr
    assert said is not None
    until(lambda: "Runs still work in this process" in said.readline(), "it stays")
    assert second.poll() is None
    second.send_signal(signal.SIGINT)
    assert ended(second).code == 130
    assert ended(first).code == 130
    assert processes_of(desk.base) == []


def test_a_run_that_is_left_to_the_background(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    begun = desk.run("run", STORY, "--workspace", "code", "--detach", FOREDECK_IDLE_TIMEOUT="1")
    assert begun.code == 0, begun.err
    run = begun.out.strip()
    assert f"foredeck runs watch {run}" in begun.err
    holder = read_holder(desk.data)
    assert holder is not None
    assert holder["role"] == "foredeck serve"
    assert f"foredeck serve (process {holder['pid']})" in begun.err
    assert os.getsid(int(holder["pid"])) == int(holder["pid"])
    watched = desk.run("runs", "watch", run, "--format", "json")
    assert (watched.code, watched.answer["state"]) == (0, "success")
    until(lambda: not is_held(desk.data), "the background host has ended when it was idle")
    until(lambda: not processes_of(desk.base), "nothing of it is left")
    log = (desk.data / "foredeck.log").read_text()
    assert f"✓ success {run}" in log


def test_a_service_that_is_restarted_goes_on_with_its_runs(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    host = serve(desk)
    words = ("run", STORY, "--workspace", "code", "--mode", "direct", "--detach")
    run = desk.run(*words).out.strip()
    until((desk.base / "code/up").exists, "the command runs")
    assert "Closing; a run is taken up by the next host." in end(host)
    again = serve(desk)
    until(lambda: desk.run("runs", "show", run, "--format", "json").code == 0, "it answers")
    assert desk.run("runs", "wait", run, "--no-block").out == "running\n"
    assert (desk.base / "code/up").exists()
    assert desk.run("runs", "cancel", run).code == 0
    assert "Closing." in end(again)
    assert processes_of(desk.base) == []


def test_start_and_retry_in_the_background(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    words = ("run", STORY, "--workspace", "code", "--mode", "direct", "--no-start")
    run = desk.run(*words).out.strip()
    answer = desk.run("runs", "start", run, "--detach", "--format", "json").answer
    assert (answer["id"], answer["state"]) == (run, "running")
    until((desk.base / "code/up").exists, "the command runs")
    holder = read_holder(desk.data)
    assert desk.run("runs", "cancel", run).code == 0
    desk.server.script = DemoScript()
    again = desk.run("runs", "retry", run, "--detach")
    assert (again.code, again.out.strip()) == (0, run)
    assert read_holder(desk.data) == holder
    assert desk.run("runs", "wait", run).out == "success\n"
    assert holder is not None
    os.kill(int(holder["pid"]), signal.SIGTERM)
    until(lambda: not is_held(desk.data), "the background host has ended")


def test_a_background_host_that_cannot_come_up_says_why(desk: Desk) -> None:
    desk.data.mkdir()
    (desk.data / "foredeck.db").write_bytes(b"this is no database" * 100)
    said = desk.run("runs", "start", "abc", "--detach")
    assert said.code == 1
    assert "is not a Foredeck database" in said.err
    # Who looks while the host holds the directory hears of the file from the file itself.
    if "The background host" in said.err:
        assert "error: The background host ended at once (code 1). It said: " in said.err
        assert "foredeck.log" in said.err


def test_what_happened_as_json_lines(desk: Desk) -> None:
    none = desk.run("events")
    assert none.code == 1
    assert "foredeck serve" in none.err
    host = serve(desk)
    following = desk.start("events", "--follow")
    nothing = desk.run("events")
    assert (nothing.code, nothing.out) == (0, "")
    (desk.base / "code").mkdir()
    run = desk.run("run", STORY, "--workspace", "code", "--no-start").out.strip()

    lines = [json.loads(line) for line in desk.run("events").out.splitlines()]
    seqs = [line["seq"] for line in lines]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert lines[0]["event"] == "ProjectSaved"
    assert lines[1] | {"time": "", "project_id": ""} == {
        "seq": seqs[1],
        "event": "RunSaved",
        "time": "",
        "run_id": run,
        "project_id": "",
        "state": "created",
        "previous": None,
    }
    assert lines[1]["time"].startswith("20")
    later = desk.run("events", "--since", str(seqs[1])).out.splitlines()
    assert [json.loads(line)["seq"] for line in later] == seqs[2:]
    missed = desk.run("events", "--since", "17").out.splitlines()
    assert json.loads(missed[0])["event"] == "Resync"
    assert len(missed) == len(lines) + 1
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["seq"] >= seqs[0]
    end(host)
    gone = ended(following)
    assert gone.code == 1
    assert "The host went away" in gone.err


def test_a_stopped_host_is_named_and_reading_goes_on_without_it(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    host = serve(desk)
    host.send_signal(signal.SIGSTOP)
    try:
        listed = desk.run("projects", "list", "--format", "json")
        assert listed.answer["total"] == 1
        refused = desk.run("projects", "rename", "shop", "other")
        assert refused.code == 1
        assert f"foredeck serve (process {host.pid}" in refused.err
        assert "does not answer" in refused.err
    finally:
        host.send_signal(signal.SIGCONT)
    end(host)


def test_the_second_host_is_refused_and_the_socket_is_private(desk: Desk) -> None:
    host = serve(desk)
    path = socket_path(desk.data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    second = desk.run("serve")
    assert second.code == 1
    assert f"foredeck serve (process {host.pid}" in second.err
    end(host)


def test_it_ends_when_it_is_idle_and_not_while_somebody_is_attached(desk: Desk) -> None:
    host = serve(desk, "--until-idle", "--idle", "0.5")
    with socket.socket(socket.AF_UNIX) as client:
        with reachable(socket_path(desk.data)) as address:
            client.connect(address)
        assert json.loads(client.recv(4096))["role"] == "foredeck serve"
        started = time.monotonic()
        while time.monotonic() - started < 2:
            assert host.poll() is None, ended(host)
            assert desk.run("projects", "list").code == 0
    assert ended(host).code == 0


def test_the_unit_names_this_program_and_this_data(desk: Desk, tmp_path: Path) -> None:
    unit = desk.run("--data-dir", "with space%", "serve", "--unit").out
    assert 'serve"' in unit
    assert f'"{tmp_path}/with space%%"' in unit
    assert f'Environment="FOREDECK_CONFIG={tmp_path}/config.toml"' in unit
    for words in ("KillMode=process", "Restart=on-failure", "loginctl enable-linger"):
        assert words in unit


def test_two_commands_at_the_same_moment(desk: Desk) -> None:
    started = [desk.start("projects", "create", f"p{number}") for number in range(6)]
    endings = [ended(process) for process in started]
    assert [each.code for each in endings] == [0] * 6, [each.err for each in endings]
    assert desk.run("projects", "list", "--format", "json").answer["total"] == 6
