"""Gates on the command line: a run rests at one, and another command answers it."""

from __future__ import annotations

import asyncio

from foredeck.app.container import open_services
from foredeck.services.domain.records import Mode
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.host.commands import CreateProject
from foredeck.services.settings import Settings
from foredeck.services.workflow.runs import RunService, RunWish
from tests.support.cli_desk import Desk, end_background_host
from tests.support.dags import gate


def stored(desk: Desk, *steps: StepSpec) -> str:
    """Store a run of these steps and return its id."""

    async def store() -> str:
        settings = Settings(
            data_dir=desk.data,
            workspaces_root=desk.base / "workspaces",
            codex_home=desk.base / "codex-home",
        )
        async with open_services(settings, "a test") as services:
            project = await services.host.do(CreateProject("demo"))
            workflow = WorkflowSpec("release", steps)
            runs = RunService(services.store, lambda *_: workflow, lambda _: Mode.DIRECT)
            return (await runs.create(RunWish(project.id, "Release it"))).id

    return asyncio.run(store())


def test_a_run_rests_at_a_gate_and_goes_on_when_it_is_approved(desk: Desk) -> None:
    run = stored(desk, gate("sign-off", message="Ship 1.2?"))
    done = desk.run("runs", "start", run)
    assert done.code == 4, done.err
    assert "Asks for approval: Ship 1.2?" in done.out
    listed = desk.run("runs", "questions", run)
    assert "Sign-Off asks for approval: Ship 1.2?" in listed.out
    assert "approve, reject" in listed.out
    assert f"foredeck runs approve {run}" in listed.out
    refused = desk.run("runs", "approve", run, "--session")
    assert refused.code == 2
    assert "At a gate there is only yes or no." in refused.err
    said = desk.run(
        "runs", "approve", run, "--comment", "go", "--format", "json", FOREDECK_IDLE_TIMEOUT="1"
    )
    assert said.code == 0, said.err
    assert "✓ Answered “approve”: Ship 1.2?" in said.err
    assert (said.answer["kind"], said.answer["answer"]) == ("gate", "approve")
    assert desk.run("runs", "wait", run).out == "success\n"
    assert "approved by user: go" in desk.run("runs", "show", run).out


def test_a_rejection_fails_the_run_with_its_comment(desk: Desk) -> None:
    run = stored(desk, gate("sign-off", message="Ship 1.2?"))
    assert desk.run("runs", "start", run).code == 4
    said = desk.run(
        "runs", "approve", run, "--reject", "--comment", "no changelog", FOREDECK_IDLE_TIMEOUT="1"
    )
    assert said.code == 0, said.err
    assert desk.run("runs", "wait", run).out == "failed\n"
    assert "Rejected: no changelog" in desk.run("runs", "show", run).out


def test_a_restart_says_first_that_its_gates_ask_again(desk: Desk) -> None:
    run = stored(desk, gate("sign-off", message="Ship 1.2?"))
    assert desk.run("runs", "start", run).code == 4
    assert desk.run("runs", "approve", run, FOREDECK_IDLE_TIMEOUT="1").code == 0
    assert desk.run("runs", "wait", run).out == "success\n"
    again = desk.run("runs", "restart", run)
    assert again.code == 4, again.err
    assert "Asks again: Sign-Off. Approvals of this run do not count there." in again.err
    (asked,) = desk.run("runs", "questions", "--format", "json").answer["items"]
    assert (asked["kind"], asked["state"]) == ("gate", "open")
    assert asked["run_id"] != run
    end_background_host(desk)  # it stays as long as the gate is open
