"""What an intervention would do, in sentences, before it is done."""

from __future__ import annotations

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import Step
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import Preview
from foredeck.services.store.store import Store
from foredeck.services.workflow import graph
from foredeck.services.workflow.interventions import check_rerun, check_skip, load


class InterventionPreviews:
    """Says what skipping a step, or re-running from it, would do."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def skip(self, run_ref: str, key: str) -> Preview:
        """Say what follows when a step is skipped."""
        async with self._store.transaction() as tx:
            run, steps, step = await load(tx, (await tx.runs.find(run_ref)).id, key)
        title = f"Skip {step.title}?"
        try:
            check_skip(run, step)
        except Conflict as error:
            return Preview(title, (), possible=False, reason=str(error))
        following = [s for s in steps if key in s.needs]
        if following:
            lines = [f"{step.title} is not done; what needs it goes on as if it were."]
            lines.append(f"Next comes: {_named(following)}.")
        else:
            lines = [f"{step.title} is not done, and nothing comes after it."]
        if step.state is StepState.FAILED:
            lines.append("Its failure no longer counts against the run.")
        return Preview(title, tuple(lines))

    async def rerun(self, run_ref: str, key: str) -> Preview:
        """Say what re-running from a step repeats, keeps and voids."""
        async with self._store.transaction() as tx:
            run, steps, step = await load(tx, (await tx.runs.find(run_ref)).id, key)
        title = f"Run again from {step.title}?"
        try:
            check_rerun(run, steps, step)
        except Conflict as error:
            return Preview(title, (), possible=False, reason=str(error))
        plan = graph.plan_rerun(steps, key)
        of = {each.key: each for each in steps}
        again = [of[k] for k in plan.repeats]
        lines = [f"{word}: {_named([of[k] for k in keys])}." for word, keys in _groups(plan)]
        judged = [s for s in (*again, *(of[k] for k in plan.voids)) if s.verdict]
        lines += [f"Void: the verdict of {s.title} ({_verdict(s)})." for s in judged]
        lines.append("Files stay as they are: the stages go on from what is in the workspace.")
        finished = any(s.state is StepState.SUCCESS for s in again)
        return Preview(title, tuple(lines), repeats_finished=finished)


def _groups(plan: graph.RerunPlan) -> list[tuple[str, tuple[str, ...]]]:
    groups = [
        ("Runs again", plan.repeats),
        ("Runs for the first time", plan.follows),
        ("No longer counts", plan.voids),
        ("Stays as it is", plan.keeps),
    ]
    return [(word, keys) for word, keys in groups if keys]


def _named(steps: list[Step]) -> str:
    return ", ".join(step.title for step in steps)


def _verdict(step: Step) -> str:
    return step.verdict.verdict.replace("_", " ") if step.verdict else ""
