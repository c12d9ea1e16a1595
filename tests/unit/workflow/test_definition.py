"""A workflow definition survives its way into the database and back."""

import json
from dataclasses import replace

from foredeck.services.domain.records import Sandbox
from foredeck.services.workflow import definition
from foredeck.services.workflow.builtin import codex_turn, four_agents


def test_the_snapshot_of_the_built_in_workflow_is_exact() -> None:
    spec = four_agents(max_rework=2, stage_timeout=7.5)
    assert definition.from_json(definition.to_json(spec)) == spec


def test_everything_that_a_codex_step_says_survives() -> None:
    spec = codex_turn(
        "Do it",
        thread_id="t",
        model="m",
        sandbox=Sandbox.READ_ONLY,
        codex_config=("a=1", "b=2"),
        turn_timeout=5.0,
        verify="pytest -q",
        log_dir="/logs",
    )
    assert definition.from_json(definition.to_json(spec)) == spec
    checked = four_agents(verify="pytest -q")
    assert definition.from_json(definition.to_json(checked)) == checked
    assert [step.id for step in checked.steps if step.verify] == ["builder"]


def test_a_snapshot_of_the_first_version_is_still_read() -> None:
    fields = json.loads(definition.to_json(four_agents()))
    first = {"id", "kind", "title", "needs", "role", "critical", "retries", "timeout", "rework"}
    for step in fields["steps"]:
        for name in set(step) - first:
            del step[name]
    assert definition.from_json(json.dumps(fields)) == four_agents()


def test_a_step_that_is_done_already_says_so_in_the_snapshot() -> None:
    spec = four_agents()
    spec = replace(spec, steps=(replace(spec.steps[0], skip=True), *spec.steps[1:]))
    assert definition.from_json(definition.to_json(spec)) == spec
