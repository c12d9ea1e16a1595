"""`foredeck run` and `foredeck runs` with the real codex and a scripted model."""

import shutil
import signal

import pytest

from foredeck.services.rehearsal.exchange import Fail
from foredeck.services.rehearsal.scenario import DemoScript
from tests.support.cli_desk import STORY, Desk, StuckBuilder, ended, processes_of, until
from tests.support.model_scripts import Always

pytestmark = pytest.mark.codex


def test_a_whole_run_and_how_it_is_looked_at(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    done = desk.run("run", "-", "--workspace", "code", "--format", "json", given=STORY)
    assert done.code == 0, done.err
    run = done.answer
    assert (run["state"], run["verdict"]) == ("success", "APPROVED")
    assert [step["state"] for step in run["steps"]] == ["success"] * 4
    assert "▶ Planner: running" in done.err
    assert "✓ Production Readiness: success" in done.err

    listed = desk.run("runs", "list", "--project", "code", "--format", "json").answer
    assert [item["id"] for item in listed["items"]] == [run["id"]]
    shown = desk.run("runs", "show", run["id"][:8])
    assert "✓ success" in shown.out
    assert "qa_qc" in shown.out
    assert desk.run("runs", "wait", run["id"]).out == "success\n"
    logs = desk.run("runs", "logs", run["id"])
    assert "── Builder ──" in logs.out
    assert "python3 -m unittest" in logs.out
    assert "\x1b" not in logs.out
    nothing = desk.run("runs", "retry", run["id"])
    assert nothing.code == 1
    assert "there is nothing to retry" in nothing.err


def test_an_interrupted_run_leaves_nothing_and_goes_on_where_it_was(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    process = desk.start("run", STORY, "--workspace", "code", "--mode", "direct")
    until((desk.base / "code/up").exists, "the command runs")

    # Beside the host everything works; what is written is written there.
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    assert (item["state"], item["current_stage"]) == ("running", "builder")
    assert desk.run("runs", "wait", item["id"], "--no-block").out == "running\n"
    renamed = desk.run("projects", "rename", "code", "other", "--format", "json")
    assert (renamed.code, renamed.answer["name"]) == (0, "other")
    waiting = desk.start("runs", "wait", item["id"], "--format", "json")
    reading = desk.start("runs", "logs", item["id"], "--follow")

    process.send_signal(signal.SIGINT)
    broken_off = ended(process)
    assert broken_off.code == 130
    assert "Stopping the run and everything it started…" in broken_off.err
    assert "■ cancelled" in broken_off.out
    waited = ended(waiting)
    assert (waited.code, waited.answer["state"]) == (1, "cancelled")
    assert "setsid sleep 300" in ended(reading).out
    assert processes_of(desk.base) == []

    desk.server.script = DemoScript()
    retried = desk.run("runs", "retry", item["id"], "--format", "json")
    assert retried.code == 0, retried.err
    attempts = {step["key"]: step["attempt"] for step in retried.answer["steps"]}
    assert attempts == {"planner": 1, "builder": 2, "qa_qc": 1, "prod_ready": 1}


def test_a_key_that_is_refused(desk: Desk) -> None:
    refused = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}
    desk.server.script = Always([Fail(401, refused)])
    (desk.base / "code").mkdir()
    said = desk.run("run", STORY, "--workspace", "code")
    assert said.code == 1
    assert "key" in said.err
    assert "foredeck runs retry" in said.err


def test_codex_is_missing(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    words = ("run", STORY, "--workspace", "code", "--mode", "direct")
    said = desk.run(*words, FOREDECK_CODEX_PATH="/nowhere/codex")
    assert said.code == 1
    assert "/nowhere/codex cannot be read" in said.err
    assert "Install it with" in said.err


def test_a_workspace_that_vanished(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    words = ("run", STORY, "--workspace", "code", "--mode", "direct", "--no-start")
    created = desk.run(*words)
    assert created.code == 0
    shutil.rmtree(desk.base / "code")
    said = desk.run("runs", "start", created.out.strip())
    assert said.code == 1
    assert str(desk.base / "code") in said.err


def test_a_project_whose_runs_are_one_codex_turn(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    assert desk.run("projects", "set", "shop", "workflow=codex").code == 0
    done = desk.run("run", "Say something", "--project", "shop", "--format", "json")
    assert done.code == 0, done.err
    assert [step["key"] for step in done.answer["steps"]] == ["codex"]
