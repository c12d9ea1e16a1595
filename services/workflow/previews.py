"""What an intervention would do, in sentences, before it is done."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import Step, StepKind
from foredeck.services.domain.states import ACTIVE_RUNS, StepState
from foredeck.services.domain.views import Preview
from foredeck.services.store.store import Store
from foredeck.services.workflow import graph
from foredeck.services.workflow.interventions import check_rerun, check_skip, load
from foredeck.services.workflow.outcomes import was_lost


class InterventionPreviews:
    """Says what skipping a step, re-running from it, resuming or restarting would do."""

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
        released = graph.plan_skip(steps, key)
        lines += void_lines(steps, graph.approvals(steps, released))
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
        lines += void_lines(steps, plan.repeats)
        lines.append("Files stay as they are: the stages go on from what is in the workspace.")
        finished = any(s.state is StepState.SUCCESS for s in again)
        return Preview(title, tuple(lines), repeats_finished=finished)

    async def resume(self, run_ref: str) -> Preview:
        """Say what resuming goes on with; it repeats nothing that has finished."""
        async with self._store.transaction() as tx:
            run = await tx.runs.find(run_ref)
            steps = await tx.steps.of_run(run.id)
            lost = [s for s in steps if await was_lost(tx, s)]
        title = f"Go on with “{run.title}”?"
        held = [s for s in steps if s.over_budget]
        if not lost and not held and not run.paused_at and run.state not in ACTIVE_RUNS:
            reason = f"Run {run.id} is {run.state}: it is not paused, and nothing was cut off."
            return Preview(title, (), possible=False, reason=reason)
        lines = [f"Goes on where it was cut off: {_named(lost)}."] if lost else []
        if held:
            lines.append(f"Looks at the budget again: {_named(held)}.")
        fresh = [s for s in steps if s.state in _YET_TO_COME]
        if fresh:
            lines.append(f"Follows after that: {_named(fresh)}.")
        return Preview(title, (*lines, *_kept(steps)))

    async def restart(self, run_ref: str) -> Preview:
        """Say what a restart does: everything, in a run of its own."""
        async with self._store.transaction() as tx:
            run = await tx.runs.find(run_ref)
            steps = await tx.steps.of_run(run.id)
        first = [s for s in steps if s.round == 1]
        lines = [
            "A new run begins with the same request, mode and workflow.",
            f"Runs: {_named(first)}.",
        ]
        if gates := [s for s in first if s.kind is StepKind.GATE]:
            lines.append(f"Asks again: {_named(gates)}. Approvals of this run do not count there.")
        lines.append("This run stays as it is, and so do the files in the workspace.")
        return Preview(f"Start “{run.title}” anew?", tuple(lines))


_YET_TO_COME = frozenset({StepState.PENDING, StepState.RETRY})


def _kept(steps: Sequence[Step]) -> list[str]:
    done = [step for step in steps if step.state is StepState.SUCCESS]
    return [f"Stays as it is: {_named(done)}."] if done else []


def void_lines(steps: Sequence[Step], keys: Collection[str]) -> list[str]:
    """Return a line for each gate among `keys` whose answer, or open question, is void."""
    gates = [step for step in steps if step.key in keys and step.kind is StepKind.GATE]
    approved = [g for g in gates if graph.is_approved(g)]
    opened = [g for g in gates if graph.under_way(g)]
    return [
        *(f"Voids the approval of “{g.title}”: it is asked again." for g in approved),
        *(f"“{g.title}” waits for an answer now: it is asked anew." for g in opened),
    ]


def _groups(plan: graph.RerunPlan) -> list[tuple[str, tuple[str, ...]]]:
    groups = [
        ("Runs again", plan.repeats),
        ("Runs for the first time", plan.follows),
        ("No longer counts", plan.voids),
        ("Stays as it is", plan.keeps),
    ]
    return [(word, keys) for word, keys in groups if keys]


def _named(steps: Sequence[Step]) -> str:
    return ", ".join(step.title for step in steps)


def _verdict(step: Step) -> str:
    return step.verdict.verdict.replace("_", " ") if step.verdict else ""
