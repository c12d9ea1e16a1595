"""The built-in workflows are files, and the files say what the functions promise."""

import pytest

from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import RetryPolicy, Rework, StepSpec, Verify
from foredeck.services.workflow import builtin
from foredeck.services.workflow.builtin import codex_turn, four_agents
from foredeck.services.workflow.file import read

RETRIES = RetryPolicy(max=2, delay=2.0, jitter=0.2)


def _stage(role: str, title: str, needs: tuple[str, ...] = ()) -> StepSpec:
    kind = StepKind.AGENT
    return StepSpec(role, kind, title, needs, role, retries=RETRIES, timeout=7.5)


def test_the_four_agents_are_these_steps() -> None:
    spec = four_agents(max_rework=2, stage_timeout=7.5, verify="pytest -q")
    planner, builder, checker, judge = spec.steps
    assert spec.name == "four-agents"
    assert planner == _stage("planner", "Planner")
    assert builder == StepSpec(
        "builder",
        StepKind.AGENT,
        "Builder",
        ("planner",),
        "builder",
        retries=RETRIES,
        timeout=7.5,
        verify=Verify("pytest -q"),
    )
    assert checker == _stage("qa_qc", "QA/QC", ("builder",))
    assert (judge.id, judge.title, judge.needs) == (
        "prod_ready",
        "Production Readiness",
        ("qa_qc",),
    )
    assert (judge.critical, judge.rework) == (False, Rework("builder", 2))


def test_a_copy_of_the_file_gives_the_same_definition() -> None:
    file = read(builtin.text("four-agents"), "four-agents.yaml")
    assert file.warnings == ()
    assert file.build({}) == four_agents()
    values = {"max_rework": "2", "stage_timeout": "7.5", "verify": "pytest -q"}
    assert file.build(values) == four_agents(max_rework=2, stage_timeout=7.5, verify="pytest -q")


def test_a_copy_of_the_codex_file_gives_the_same_definition() -> None:
    file = read(builtin.text("codex"), "codex.yaml")
    assert file.warnings == ()
    assert file.build({}, request="Do {{it}}") == codex_turn("Do {{it}}")
    assert file.build({"verify": "make test"}, request="x") == codex_turn("x", verify="make test")


def test_a_codex_turn_is_what_its_caller_asks_for() -> None:
    (step,) = codex_turn(
        "Go on",
        thread_id="t",
        model="m",
        sandbox=Sandbox.READ_ONLY,
        codex_config=("a=1",),
        turn_timeout=5.0,
        stage_timeout=100.0,
        log_dir="/logs",
    ).steps
    assert step == StepSpec(
        "codex",
        StepKind.CODEX,
        "Codex",
        retries=RETRIES,
        timeout=105.0,
        prompt="Go on",
        thread_id="t",
        model="m",
        sandbox=Sandbox.READ_ONLY,
        codex_config=("a=1",),
        turn_timeout=5.0,
        log_dir="/logs",
    )


def test_a_setting_below_what_a_file_may_say_is_no_error() -> None:
    assert {step.timeout for step in four_agents(stage_timeout=0.2).steps} == {1.0}


def test_a_name_that_is_no_built_in_workflow() -> None:
    with pytest.raises(NotFound, match="The built-in workflows are four-agents and codex"):
        builtin.text("../four-agents")
