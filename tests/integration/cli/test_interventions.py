"""`foredeck runs budget|prompt|pause|resume|skip|restart` with the real codex."""

import pytest

from foredeck.services.rehearsal.scenario import DemoScript
from tests.support.cli_desk import STORY, Desk, StuckBuilder, end_background_host, ended, until

pytestmark = pytest.mark.codex


def test_a_budget_an_edited_prompt_going_back_and_starting_anew(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    words = ("run", STORY, "--workspace", "code", "--mode", "direct")
    run = desk.run(*words, "--no-start", "--budget-tokens", "1").out.strip()

    own = desk.run("runs", "prompt", run, "builder").out
    assert STORY in own
    changed = desk.run("runs", "prompt", run, "builder", "--set", "-", given=f"{own}\nMind it.")
    assert changed.code == 0, changed.err
    assert "+Mind it." in changed.out
    assert "+Mind it." in desk.run("runs", "prompt", run, "builder", "--diff").out
    empty = desk.run("runs", "prompt", run, "builder", "--set", "-", given=" ")
    assert (empty.code, "--reset" in empty.err) == (2, True)

    held = desk.run("runs", "start", run)
    assert held.code == 3, held.err
    assert "of 1 tokens used: raise it to go on" in held.err
    assert f"foredeck runs budget {run} --tokens" in held.err
    assert "of 1 tokens" in desk.run("runs", "budget", run).out
    assert desk.run("runs", "wait", run, "--no-block").code == 3
    raised = desk.run("runs", "budget", run, "--tokens", "0", "--format", "json")
    assert (raised.code, raised.answer["state"]) == (0, "success"), raised.err

    refused = desk.run("runs", "retry", run, "--step", "qa_qc", "--downstream")
    assert refused.code == 2
    assert "Runs again: QA/QC, Production Readiness." in refused.err
    assert "Add --yes" in refused.err
    back = desk.run(
        "runs", "retry", run, "--step", "qa_qc", "--downstream", "--yes", "--format", "json"
    )
    assert back.code == 0, back.err
    assert [step["attempt"] for step in back.answer["steps"]] == [1, 1, 2, 2]

    anew = desk.run("runs", "restart", run, "--format", "json")
    assert anew.code == 0, anew.err
    assert (anew.answer["parent_run_id"], anew.answer["trigger"]) == (run, "retry")
    shown = desk.run("runs", "show", run, "--format", "json").answer
    assert shown["restarted_as"] == anew.answer["id"]
    lines = desk.run("runs", "show", anew.answer["id"]).out.splitlines()
    assert ["Restart", "of", run] in [line.split() for line in lines]


def test_a_run_of_another_process_is_paused_and_goes_on_later(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    (desk.base / "code").mkdir()
    process = desk.start("run", STORY, "--workspace", "code", "--mode", "direct")
    until((desk.base / "code/up").exists, "the command runs")
    (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
    skipped = desk.run("runs", "skip", item["id"], "qa_qc", "--reason", "by hand")
    assert skipped.code == 0, skipped.err
    paused = desk.run("runs", "pause", item["id"], "--format", "json")
    assert (paused.code, paused.answer["state"]) == (0, "running")
    assert "Paused" in desk.run("runs", "show", item["id"]).out
    again = desk.run("runs", "pause", item["id"])
    assert (again.code, "paused already" in again.err) == (1, True)
    assert desk.run("runs", "cancel", item["id"]).code == 0
    ended(process)

    desk.server.script = DemoScript()
    resumed = desk.run("runs", "resume", item["id"])
    assert (resumed.code, "not paused" in resumed.err) == (1, True)
    retried = desk.run("runs", "retry", item["id"], "--format", "json")
    assert retried.code == 0, retried.err
    states = {step["key"]: step["state"] for step in retried.answer["steps"]}
    assert states["qa_qc"] == "skipped"


def test_what_goes_on_by_it_is_left_to_the_background(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    words = ("run", STORY, "--workspace", "code", "--mode", "direct")
    held = desk.run(*words, "--budget-tokens", "1", "--format", "json")
    assert held.code == 3, held.err
    run = held.answer["id"]
    raised = desk.run("runs", "budget", run, "--tokens", "0", "--detach")
    assert (raised.code, raised.out.strip()) == (0, run), raised.err
    assert "It goes on in foredeck serve" in raised.err
    assert desk.run("runs", "wait", run).out == "success\n"
    anew = desk.run("runs", "restart", run, "--detach", "--format", "json")
    assert (anew.code, anew.answer["id"] != run) == (0, True), anew.err
    assert desk.run("runs", "wait", anew.answer["id"]).out == "success\n"
    end_background_host(desk)
