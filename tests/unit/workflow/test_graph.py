"""The pure logic of a run's graph."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.records import SkipCause, Step, StepKind
from foredeck.services.domain.states import FINAL_STEPS, RunState, StepState, derive_run_state
from foredeck.services.workflow import graph
from foredeck.services.workflow.builtin import four_agents
from tests.support.steps import make_step

S = StepState


def test_a_step_is_ready_when_all_it_needs_succeeded() -> None:
    steps = (make_step("a", S.SUCCESS), make_step("b", needs=("a",)), make_step("c", needs=("b",)))
    assert [s.key for s in graph.ready(steps)] == ["b"]


def test_a_failed_step_that_is_not_critical_lets_its_dependents_run() -> None:
    steps = (make_step("a", S.FAILED, critical=False), make_step("b", needs=("a",)))
    assert [s.key for s in graph.ready(steps)] == ["b"]
    assert graph.blocked(steps) == ()


def test_a_failed_critical_step_blocks_what_needs_it() -> None:
    steps = (make_step("a", S.FAILED), make_step("b", needs=("a",)), make_step("c"))
    ((step, culprit),) = graph.blocked(steps)
    assert (step.key, culprit.key) == ("b", "a")
    assert [s.key for s in graph.ready(steps)] == ["c"]


def test_skipped_by_a_person_satisfies_and_skipped_behind_a_failure_does_not() -> None:
    skipped = replace(make_step("a", S.SKIPPED), skip_cause=SkipCause.PERSON)
    by_person = (skipped, make_step("b", needs=("a",)))
    behind = (
        make_step("a", S.FAILED),
        make_step("b", S.SKIPPED, ("a",)),
        make_step("c", needs=("b",)),
    )
    assert [s.key for s in graph.ready(by_person)] == ["b"]
    assert [s.key for s, _ in graph.blocked(behind)] == ["c"]


def test_what_a_person_skips_in_advance_lets_nothing_go_ahead_of_its_time() -> None:
    skipped = replace(make_step("b", S.SKIPPED, needs=("a",)), skip_cause=SkipCause.PERSON)
    after = make_step("c", S.PENDING, needs=("b",))
    for works in (S.PENDING, S.RUNNING, S.RETRY, S.WAITING):
        assert after not in graph.ready([make_step("a", works), skipped, after])
    for ended in (S.SUCCESS, S.FAILED):
        assert graph.ready([make_step("a", ended), skipped, after]) == (after,)


def test_a_retry_repeats_the_failed_releases_the_skipped_and_keeps_the_finished() -> None:
    steps = (
        make_step("planner", S.SUCCESS),
        make_step("builder", S.FAILED, ("planner",)),
        make_step("qa", S.SKIPPED, ("builder",)),
    )
    plan = graph.plan_retry(steps)
    assert plan == graph.RetryPlan(("builder",), ("qa",), ("planner",))


def test_a_retry_of_a_cancelled_run_repeats_only_what_had_begun() -> None:
    steps = (
        make_step("planner", S.SUCCESS),
        make_step("builder", S.CANCELLED, ("planner",)),
        make_step("qa", S.CANCELLED, ("builder",), attempt=0),
    )
    assert graph.plan_retry(steps).repeats == ("builder",)
    assert graph.plan_retry(steps).releases == ("qa",)
    assert graph.plan_retry(steps, "builder").releases == ("qa",)


def test_a_run_cancelled_before_its_first_step_can_be_retried_from_there() -> None:
    steps = (
        make_step("planner", S.CANCELLED, attempt=0),
        make_step("builder", S.CANCELLED, ("planner",), attempt=0),
    )
    assert graph.plan_retry(steps) == graph.RetryPlan(("planner",), ("builder",), ())


def test_nothing_to_retry_when_everything_succeeded() -> None:
    assert graph.plan_retry((make_step("a", S.SUCCESS),)).repeats == ()


def test_rework_goes_from_the_builder_to_the_verdict() -> None:
    keys = graph.rework_keys(four_agents(), "prod_ready", "builder")
    assert keys == ("builder", "qa_qc", "prod_ready")


def test_downstream_reaches_through_the_graph() -> None:
    steps = (make_step("a"), make_step("b", needs=("a",)), make_step("c", needs=("b",)))
    assert graph.downstream(steps, ["a"]) == {"b", "c"}


@st.composite
def random_graph(draw: st.DrawFn) -> tuple[Step, ...]:
    """A DAG in which each step needs some of those before it."""
    count = draw(st.integers(1, 9))
    steps = []
    for i in range(count):
        needs = draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set()
        steps.append(
            make_step(
                f"s{i}", needs=tuple(f"s{n}" for n in sorted(needs)), critical=draw(st.booleans())
            )
        )
    return tuple(steps)


@given(random_graph(), st.data())
def test_every_run_comes_to_an_end_and_no_step_starts_before_its_needs(
    steps: tuple[Step, ...], data: st.DataObject
) -> None:
    for _ in range(2 * len(steps) + 1):
        for step, _culprit in graph.blocked(steps):
            steps = _moved(steps, step.key, S.SKIPPED)
        startable = graph.ready(steps)
        if not startable:
            if not graph.blocked(steps):
                break
            continue
        by_key = {s.key: s for s in steps}
        step = data.draw(st.sampled_from(startable))
        assert all(by_key[need].state in FINAL_STEPS for need in step.needs)
        steps = _moved(steps, step.key, data.draw(st.sampled_from([S.SUCCESS, S.FAILED])))
    assert all(step.state in FINAL_STEPS for step in steps)
    assert derive_run_state(steps, ready=False).value in {"success", "failed", "partial_success"}


@given(random_graph(), st.data())
def test_a_retry_never_repeats_a_finished_step(
    steps: tuple[Step, ...], data: st.DataObject
) -> None:
    for step in steps:
        steps = _moved(steps, step.key, data.draw(st.sampled_from(sorted(FINAL_STEPS))))
    plan = graph.plan_retry(steps)
    assert not set(plan.repeats) & set(plan.keeps)
    assert not set(plan.repeats) & set(plan.releases)
    assert set(plan.keeps) == {s.key for s in steps if s.state is S.SUCCESS}


@given(random_graph(), st.data())
def test_going_back_sorts_every_step_and_leaves_nothing_stuck(
    steps: tuple[Step, ...], data: st.DataObject
) -> None:
    for step in steps:
        state = data.draw(st.sampled_from([S.SUCCESS, S.SKIPPED, S.FAILED, S.PENDING]))
        steps = _moved(steps, step.key, state)
        if state is S.SKIPPED:
            steps = _caused(steps, step.key, data.draw(st.sampled_from(list(SkipCause)[1:])))
    origin = data.draw(st.sampled_from(steps))
    plan = graph.plan_rerun(steps, origin.key)
    groups = (plan.repeats, plan.follows, plan.voids, plan.keeps)
    assert sorted(key for group in groups for key in group) == sorted(s.key for s in steps)
    assert origin.key in {*plan.repeats, *plan.follows}
    behind = {origin.key, *graph.downstream(steps, [origin.key])}
    assert {*plan.repeats, *plan.follows, *plan.voids} <= behind
    for key in behind & set(plan.keeps):
        (kept,) = (s for s in steps if s.key == key)
        assert kept.skip_cause in (SkipCause.PERSON, SkipCause.VOID)


def test_going_back_voids_the_later_rounds() -> None:
    steps = (
        make_step("builder", S.SUCCESS),
        make_step("verdict", S.SUCCESS, ("builder",)),
        replace(make_step("builder#2", S.SUCCESS, ("verdict",)), round=2),
        replace(make_step("verdict#2", S.PENDING, ("builder#2",)), round=2),
    )
    assert graph.plan_rerun(steps, "verdict") == graph.RerunPlan(
        ("verdict",), (), ("builder#2", "verdict#2"), ("builder",)
    )
    assert graph.plan_rerun(steps, "builder#2") == graph.RerunPlan(
        ("builder#2",), ("verdict#2",), (), ("builder", "verdict")
    )


@given(random_graph(), st.data())
def test_what_a_skip_releases_can_go_on(steps: tuple[Step, ...], data: st.DataObject) -> None:
    for step in steps:
        steps = _moved(
            steps, step.key, data.draw(st.sampled_from([S.SUCCESS, S.FAILED, S.SKIPPED]))
        )
    key = data.draw(st.sampled_from(steps)).key
    released = graph.plan_skip(steps, key)
    assert set(released) <= graph.downstream(steps, [key])
    after = _caused(_moved(steps, key, S.SKIPPED), key, SkipCause.PERSON)
    for name in released:
        after = _moved(after, name, S.PENDING)
    assert graph.blocked(after) == ()


def _caused(steps: tuple[Step, ...], key: str, cause: SkipCause) -> tuple[Step, ...]:
    return tuple(replace(s, skip_cause=cause) if s.key == key else s for s in steps)


def _moved(steps: tuple[Step, ...], key: str, state: StepState) -> tuple[Step, ...]:
    return tuple(replace(s, state=state) if s.key == key else s for s in steps)


def test_a_step_skipped_by_its_condition_satisfies_and_is_judged_anew() -> None:
    left_out = replace(make_step("b", S.SKIPPED, ("a",)), skip_cause=SkipCause.WHEN)
    after = make_step("c", needs=("b",))
    assert graph.ready((make_step("a", S.SUCCESS), left_out, after)) == (after,)
    steps = (make_step("a", S.FAILED, critical=False), left_out, make_step("c", S.SUCCESS, ("b",)))
    assert graph.plan_retry(steps) == graph.RetryPlan(("a",), ("b",), ("c",))
    assert graph.plan_rerun(steps, "a").follows == ("b",)


def _gate(key: str, state: StepState, needs: tuple[str, ...] = ()) -> Step:
    return replace(make_step(key, state, needs), kind=StepKind.GATE)


def test_a_retry_asks_the_approved_gates_behind_it_and_no_others() -> None:
    steps = (
        make_step("lint", S.FAILED, critical=False),
        make_step("docs", S.SUCCESS),
        _gate("sign", S.SUCCESS, ("lint",)),
        _gate("beside", S.SUCCESS, ("docs",)),
        make_step("ship", S.SUCCESS, ("sign",)),
        _gate("last", S.SUCCESS, ("ship",)),
    )
    plan = graph.plan_retry(steps)
    assert (plan.repeats, plan.asks) == (("lint",), ("sign", "last"))
    assert plan.keeps == ("docs", "beside", "ship")


def test_the_order_of_the_file_does_not_matter_for_what_comes_after() -> None:
    steps = (
        make_step("c", S.SKIPPED, ("b",)),
        make_step("b", S.SKIPPED, ("a",)),
        make_step("a", S.FAILED),
    )
    assert graph.downstream(steps, ["a"]) == {"b", "c"}
    assert graph.upstream(steps, "c") == {"a", "b"}
    assert graph.plan_retry(steps).releases == ("c", "b")


def test_a_chain_of_five_hundred_steps_in_the_wrong_order_is_no_trouble() -> None:
    keys = [f"s{number}" for number in range(500)]
    chain = [make_step(key, S.SUCCESS, (need,)) for need, key in pairwise(keys)]
    steps = (*reversed(chain), make_step(keys[0], S.SUCCESS))
    assert len(graph.downstream(steps, [keys[0]])) == 499


def test_a_failed_step_that_was_done_again_counts_no_more_unless_that_is_void() -> None:
    failed = make_step("check", S.FAILED)
    again = replace(make_step("check", needs=("check",)), key="check#2", round=2)
    void = replace(again, state=S.SKIPPED, skip_cause=SkipCause.VOID)
    assert graph.ready((failed, again)) == (again,)
    assert graph.counted((failed, again)) == (again,)
    assert graph.plan_retry((failed, again)).repeats == ()
    assert graph.counted((failed, void)) == (failed, void)
    assert graph.plan_retry((failed, void)).repeats == ("check",)
    assert derive_run_state(graph.counted((failed, void)), ready=False) is RunState.FAILED
