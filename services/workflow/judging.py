"""Whether conditions hold, by what a run's steps have come to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module

from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import Step
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import StepState
from foredeck.services.domain.workflow import WorkflowSpec
from foredeck.services.workflow.step_values import values_of

_log = logging.getLogger(__name__)

_SHOWN = 200
_NOT_EVALUATED = "its condition for sending it back cannot be evaluated"


def holds(text: str, values: Mapping[str, object]) -> bool:
    """Whether a condition holds; raises what its grammar or its values make of it."""
    # The grammar is needed by few runs only, and not before one of their steps is ready.
    conditions = import_module("foredeck.services.workflow.conditions")
    return bool(conditions.parse(text).holds(values))


def shown_of(text: str) -> str:
    """Return a condition as it is quoted in a sentence."""
    return safe_line(text, limit=_SHOWN)


def no_rework(workflow: WorkflowSpec, steps: Sequence[Step], step: Step, summary: str) -> str:
    """Return why a verdict does not send the work back, by the condition of its step.

    Empty if it does. The condition may name the step itself, which has just come to `summary`.
    """
    text = next(s.rework.when if s.rework else "" for s in workflow.steps if s.id == step.spec_id)
    if not text:
        return ""
    met, wrong = sends_back(workflow, steps, replace(step, summary=summary), StepState.SUCCESS)
    return wrong if met else f"its condition for sending it back does not hold: {shown_of(text)}"


def sends_back(
    workflow: WorkflowSpec, steps: Sequence[Step], step: Step, state: StepState
) -> tuple[bool, str]:
    """Return whether the condition of a step's rework holds, by what the step has come to.

    That is `state`, and the summary in `step`. With it comes why that cannot be said; then it
    is taken to hold.
    """
    text = next(s.rework.when if s.rework else "" for s in workflow.steps if s.id == step.spec_id)
    own = {
        f"steps.{step.spec_id}.state": state.value,
        f"steps.{step.spec_id}.summary": step.summary,
    }
    try:
        return holds(text, values_of(workflow, steps, step) | own), ""
    except ForedeckError as error:
        why = error.message
    except Exception as error:
        _log.exception("the rework of step %s of run %s", step.key, step.run_id)
        why = str(error)
    return True, f"{_NOT_EVALUATED}: {shown_of(text)}. {why}"
