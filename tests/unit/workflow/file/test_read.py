"""From good files to definitions."""

import pytest

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import (
    Backoff,
    Gate,
    InputSpec,
    InputType,
    RetryPolicy,
    Rework,
    StepSpec,
    Verify,
)
from foredeck.services.workflow import definition
from foredeck.services.workflow.file import WorkflowFile, read

RELEASE = """\
name: release
description: Build, test, ship
fail_fast: true
inputs:
  version: {type: string, description: What to build}
  loud: {type: boolean, default: false}
  level: {type: integer, default: 2, choices: [1, 2, 3]}
defaults:
  retries: {max: 1, delay: 2, backoff: linear, max_delay: 60, jitter: 0.1}
  env: {LANG: C, LOUD: "{{inputs.loud}}"}
  timeout: 60
steps:
  - id: build
    kind: command
    title: Build it
    command: make VERSION="$VERSION"
    env: {VERSION: "{{inputs.version}}", LANG: en}
    timeout: 600
  - id: test
    kind: command
    needs: [build]
    matrix: {python: ["3.11", 3.10], os: [linux]}
    command: tox -e py{{matrix.python}}
    critical: false
    retries: {max: "{{inputs.level}}"}
  - id: mend
    kind: codex
    needs: [test]
    when: steps.build.state == "success" and inputs.level >= 2
    prompt: "Mend what fails. The tests said: {{steps.test.summary}}"
    sandbox: workspace-write
    codex_config: [web_search="live"]
    verify: {command: make test, rounds: 3, timeout: 300}
  - id: sign-off
    kind: gate
    needs: [mend]
    gate: "Ship {{inputs.version}}? {{steps.mend.summary}}"
    metadata: {owner: ann, since: 2026}
    priority: 5
"""


@pytest.fixture
def release() -> WorkflowFile:
    return read(RELEASE, "deploy.yaml")


def _steps(text: str, name: str = "x.yaml", **inputs: str) -> tuple[StepSpec, ...]:
    return read(text, name).build(inputs).steps


def test_what_a_file_is(release: WorkflowFile) -> None:
    assert (release.name, release.description) == ("release", "Build, test, ship")
    assert release.inputs == (
        InputSpec("version", description="What to build"),
        InputSpec("loud", InputType.BOOLEAN, False),
        InputSpec("level", InputType.INTEGER, 2, choices=(1, 2, 3)),
    )
    assert release.warnings == ()
    assert release.step_count == 5


def test_a_definition_has_everything_filled_in(release: WorkflowFile) -> None:
    spec = release.build({"version": "1.2", "level": "3"})
    assert (spec.name, spec.description, spec.fail_fast) == ("release", "Build, test, ship", True)
    assert spec.inputs == (("version", "1.2"), ("loud", False), ("level", 3))
    assert definition.from_json(definition.to_json(spec)) == spec
    build, newer, older, mend, gate = spec.steps
    policy = RetryPolicy(1, 2.0, Backoff.LINEAR, 60.0, 0.1)
    assert build == StepSpec(
        "build",
        StepKind.COMMAND,
        "Build it",
        retries=policy,
        timeout=600.0,
        command='make VERSION="$VERSION"',
        environment=(("LANG", "en"), ("LOUD", "false"), ("VERSION", "1.2")),
    )
    assert newer == StepSpec(
        "test-3.11-linux",
        StepKind.COMMAND,
        "Test (3.11, linux)",
        needs=("build",),
        critical=False,
        retries=RetryPolicy(3, 2.0, Backoff.LINEAR, 60.0, 0.1),
        timeout=60.0,
        command="tox -e py3.11",
        environment=(("LANG", "C"), ("LOUD", "false")),
        group="test",
        matrix=(("python", "3.11"), ("os", "linux")),
    )
    assert (older.id, older.command) == ("test-3.10-linux", "tox -e py3.10")
    assert mend == StepSpec(
        "mend",
        StepKind.CODEX,
        "Mend",
        needs=("test-3.11-linux", "test-3.10-linux"),
        retries=policy,
        timeout=60.0,
        when='steps.build.state == "success" and inputs.level >= 2',
        prompt="Mend what fails. The tests said: "
        "test-3.11-linux: {{steps.test-3.11-linux.summary}}\n"
        "test-3.10-linux: {{steps.test-3.10-linux.summary}}",
        sandbox=Sandbox.WORKSPACE_WRITE,
        codex_config=('web_search="live"',),
        verify=Verify("make test", 3, 300.0),
        environment=(("LANG", "C"), ("LOUD", "false")),
    )
    assert gate == StepSpec(
        "sign-off",
        StepKind.GATE,
        "Sign off",
        needs=("mend",),
        gate=Gate("Ship 1.2? {{steps.mend.summary}}"),
        priority=5,
        metadata=(("owner", "ann"), ("since", "2026")),
    )


def test_rework_and_role() -> None:
    text = """
steps:
  - {id: build_it, kind: agent, role: builder}
  - {id: judge, kind: agent, role: prod_ready, needs: [build_it], rework: {to: build_it, max: 3}}
"""
    first, judge = _steps(text)
    assert (first.role, first.title) == ("builder", "Build it")
    assert judge.rework == Rework("build_it", 3)


def test_a_rework_may_depend_on_what_its_own_step_came_to() -> None:
    text = """
inputs: {strict: {type: boolean, default: false}}
steps:
  - {id: build, kind: agent, role: builder}
  - id: judge
    kind: agent
    role: prod_ready
    needs: [build]
    rework: {to: build, when: 'inputs.strict or contains(steps.judge.summary, "tests")'}
"""
    condition = 'inputs.strict or contains(steps.judge.summary, "tests")'
    assert _steps(text)[1].rework == Rework("build", when=condition)


def test_a_step_without_a_verdict_may_send_work_back_when_its_condition_says_so() -> None:
    text = """
steps:
  - {id: build, kind: codex, prompt: Build it.}
  - id: check
    kind: command
    command: make check
    needs: [build]
    rework: {to: build, max: 2, when: steps.check.state == "failed"}
  - id: look
    kind: gate
    gate: Does it look right?
    needs: [check]
  - id: qa
    kind: agent
    role: qa_qc
    needs: [look]
    rework: {to: look, when: 'contains(steps.qa.summary, "FAIL")'}
"""
    steps = _steps(text)
    assert steps[1].rework == Rework("build", 2, 'steps.check.state == "failed"')
    assert steps[3].rework == Rework("look", when='contains(steps.qa.summary, "FAIL")')


def test_two_steps_may_send_different_work_back() -> None:
    text = """
steps:
  - {id: build, kind: agent, role: builder}
  - {id: judge, kind: agent, role: prod_ready, needs: [build], rework: {to: build}}
  - {id: docs, kind: agent, role: builder, needs: [judge]}
  - {id: read, kind: agent, role: prod_ready, needs: [docs], rework: {to: docs}}
"""
    assert [step.rework for step in _steps(text)][1::2] == [Rework("build"), Rework("docs")]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("dir/nightly.yaml", "nightly"),
        ("my flow.yml", "my-flow"),
        ("<stdin>", "stdin"),
        ("…", "workflow"),
    ],
)
def test_without_a_name_it_is_that_of_the_file(file: str, name: str) -> None:
    assert read("steps: [{id: a, kind: gate, gate: Go?}]", file).name == name


def test_a_step_stands_behind_what_it_needs_and_else_in_file_order() -> None:
    text = """
steps:
  - {id: last, kind: gate, gate: "?", needs: [middle]}
  - {id: other, kind: gate, gate: "?"}
  - {id: middle, kind: gate, gate: "?", needs: [first, other]}
  - {id: first, kind: gate, gate: "?"}
"""
    assert [step.id for step in _steps(text)] == ["other", "first", "middle", "last"]


def test_one_instance_of_a_matrix_may_be_needed_and_asked_for() -> None:
    text = """
steps:
  - {id: test, kind: command, command: x, matrix: {on: [linux, "mac os"]}}
  - {id: pack, kind: command, command: y, needs: [test-linux],
     when: 'steps.test-linux.state == "success"'}
"""
    *tests, pack = _steps(text)
    assert [step.id for step in tests] == ["test-linux", "test-mac-os"]
    assert tests[1].matrix == (("on", "mac os"),)
    assert pack.needs == ("test-linux",)


def test_braces_that_mean_nothing() -> None:
    text = r"""
inputs: {word: {default: "{{inputs.word}}"}}
steps:
  - id: look
    kind: command
    command: docker inspect -f '\{{.Name}}' "$W"
    env: {W: "{{inputs.word}}"}
"""
    (step,) = _steps(text)
    assert step.command == """docker inspect -f '{{.Name}}' "$W\""""
    # What is filled in is not looked through again.
    assert step.environment == (("W", "{{inputs.word}}"),)


def test_what_every_run_knows() -> None:
    text = """
steps:
  - {id: a, kind: codex, prompt: "{{run.request}} in {{project.name}} ({{ project.workspace }})"}
"""
    spec = read(text, "x.yaml").build({}, request="Do it", project_name="shop", workspace="/shop")
    assert spec.steps[0].prompt == "Do it in shop (/shop)"


def test_numbers_truth_values_and_words_come_from_inputs() -> None:
    text = """
inputs:
  seconds: {type: number, default: 1.5}
  tries: {type: integer, default: 0}
  hard: {type: boolean, default: true}
  box: {default: read-only}
  check: {default: ""}
steps:
  - id: a
    kind: codex
    prompt: go
    timeout: "{{inputs.seconds}}"
    retries: {max: "{{ inputs.tries }}"}
    critical: "{{inputs.hard}}"
    sandbox: "{{inputs.box}}"
    verify: "{{inputs.check}}"
"""
    (step,) = _steps(text, hard="no", seconds="2")
    assert (step.timeout, step.retries.max, step.critical) == (2.0, 0, False)
    assert (step.sandbox, step.verify) == (Sandbox.READ_ONLY, None)


def test_aliases_and_merged_text_are_plain_yaml() -> None:
    text = """
steps:
  - {id: a, kind: command, command: &c "make all", env: &e {A: "1"}}
  - {id: b, kind: command, command: *c, env: *e}
"""
    first, second = _steps(text)
    assert (first.command, first.environment) == (second.command, second.environment)


def test_warnings_are_no_problems() -> None:
    text = """
inputs:
  what: {description: Free text}
  one: {choices: [a, b]}
  idle: {default: x}
steps:
  - {id: a, kind: command, command: "echo {{inputs.what}} {{inputs.one}} {{run.request}}"}
  - {id: b, kind: gate, gate: Go?, needs: [a, a]}
"""
    assert [str(warning) for warning in read(text, "w.yaml").warnings] == [
        "w.yaml:5: Nothing uses the input idle.",
        "w.yaml:7: The shell will read {{inputs.what}} as a part of the command. "
        'Put it into `env` and write "$WHAT".',
        "w.yaml:7: The shell will read {{run.request}} as a part of the command. "
        'Put it into `env` and write "$REQUEST".',
        "w.yaml:8: b needs a twice.",
    ]


def test_an_input_that_only_a_condition_uses_is_used() -> None:
    text = "inputs: {go: {type: boolean}}\nsteps: [{id: a, kind: gate, gate: Go?, when: inputs.go}]"
    assert read(text, "x.yaml").warnings == ()


def test_numbers_and_truth_values_come_from_the_matrix() -> None:
    text = """
steps:
  - id: a
    kind: command
    command: x
    timeout: "{{matrix.seconds}}"
    critical: "{{matrix.hard}}"
    matrix: {seconds: [1, 2.5], hard: [yes, "false"]}
"""
    found = [(step.timeout, step.critical) for step in _steps(text)]
    assert found == [(1.0, True), (1.0, False), (2.5, True), (2.5, False)]
