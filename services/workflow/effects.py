"""What the steps of a workflow will do, in sentences, for who has to say whether they may."""

from __future__ import annotations

from collections.abc import Iterator

from foredeck.services.domain.records import StepKind
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec

_MOST_STEPS = 100
_LONGEST = 3000

# Nothing of what is asked about may hide behind a control character.
_VISIBLE = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
_VISIBLE |= dict.fromkeys(range(0x7F, 0xA0), "\N{REPLACEMENT CHARACTER}")


def effects(spec: WorkflowSpec) -> tuple[str, ...]:
    """Return what each step runs, tells codex or asks, and what that is given."""
    lines = [line for step in spec.steps[:_MOST_STEPS] for line in _effects(step)]
    if (more := len(spec.steps) - _MOST_STEPS) > 0:
        lines.append(f"… and {more:,} more steps: read the file.")
    return tuple(lines)


def _effects(step: StepSpec) -> Iterator[str]:
    title = _shown(step.title)
    if step.kind is StepKind.COMMAND:
        yield f"{title} runs: {_shown(step.command)}"
    elif step.kind is StepKind.CODEX:
        yield f"{title} tells codex: {_shown(step.prompt)}"
    elif step.kind is StepKind.AGENT:
        yield f"{title} is the work of the agent {_shown(step.role)}."
    elif step.gate:
        yield f"{title} asks you: {_shown(step.gate.message)}"
    if step.verify:
        yield f"{title} is checked with: {_shown(step.verify.command)}"
    if given := ", ".join(_given(step)):
        yield f"{title} is given: {_shown(given)}"


def _given(step: StepSpec) -> Iterator[str]:
    """Yield the environment of a step, and what it lets codex do."""
    yield from (f"{name}={value}" for name, value in step.environment)
    if step.sandbox:
        yield f"sandbox {step.sandbox}"
    if step.model:
        yield f"model {step.model}"
    yield from step.codex_config


def _shown(text: str) -> str:
    text = text.strip().translate(_VISIBLE)
    more = len(text) - _LONGEST
    return f"{text[:_LONGEST]}… and {more:,} more characters: read the file." if more > 0 else text
