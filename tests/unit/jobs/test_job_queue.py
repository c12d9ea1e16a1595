"""Whose turn it is; the clock is the test's."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.jobs import Priority
from foredeck.services.jobs.job_queue import Limits, Waiting, in_order, level, next_to_start, oldest

AGING = 600.0
L, N, H, C = Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL


def job(name: str, priority: Priority = N, since: float = 0, project: str = "p") -> Waiting:
    return Waiting(name, project, priority, since)


def names(jobs: object) -> list[str]:
    return [one.id for one in jobs]  # type: ignore[attr-defined]


def test_the_more_urgent_goes_first_then_the_older() -> None:
    waiting = [job("n2", N, 2), job("l", L, 0), job("c", C, 9), job("n1", N, 1), job("h", H, 8)]
    assert names(in_order(waiting, 10, AGING)) == ["c", "h", "n1", "n2", "l"]


def test_a_job_that_waits_rises_a_level_every_while_and_never_above_high() -> None:
    levels = [level(job("l", L), now, AGING) for now in (0, 599, 600, 1200, 99_999)]
    assert levels == [0, 0, 1, 2, 2]
    assert level(job("c", C), 99_999, AGING) == Priority.CRITICAL.level
    # A clock that goes back makes nobody less urgent than they were asked for.
    assert level(job("n", N, since=500), 0, AGING) == Priority.NORMAL.level


def test_a_full_project_holds_up_nobody_else() -> None:
    waiting = [job("a", H, 0, "x"), job("b", N, 1, "x"), job("c", L, 2, "y")]
    limits = Limits(10, {"x": 1})
    assert names(next_to_start(waiting, [], limits, 3, AGING)) == ["a", "c"]
    assert names(next_to_start(waiting, ["x"], limits, 3, AGING)) == ["c"]
    assert next_to_start(waiting, ["z"] * 10, limits, 3, AGING) == ()
    assert next_to_start(waiting, ["z"] * 11, limits, 3, AGING) == ()


JOBS = st.lists(
    st.builds(
        Waiting,
        st.uuids().map(str),
        st.sampled_from("xyz"),
        st.sampled_from(Priority),
        st.floats(0, 5000),
    ),
    unique_by=lambda one: one.id,
    max_size=30,
)
LIMITS = st.builds(
    Limits,
    st.integers(1, 12),
    st.dictionaries(st.sampled_from("xyz"), st.integers(1, 4)),
)


@given(JOBS, st.lists(st.sampled_from("xyz"), max_size=15), LIMITS, st.floats(0, 9000))
def test_no_limit_is_exceeded_and_nobody_waits_in_vain(
    waiting: list[Waiting], working: list[str], limits: Limits, now: float
) -> None:
    started = next_to_start(waiting, working, limits, now, AGING)
    at_work = Counter(working) + Counter(one.project_id for one in started)
    if started:
        assert at_work.total() <= limits.total
    for project, most in limits.of_project.items():
        assert at_work[project] <= max(most, working.count(project))
    left = [one for one in waiting if one not in started]
    for one in left:
        full = at_work[one.project_id] >= limits.of_project.get(one.project_id, limits.total)
        assert full or at_work.total() >= limits.total


@given(JOBS, st.lists(st.sampled_from("xyz"), max_size=9), LIMITS, st.floats(0, 9000))
def test_the_oldest_of_each_kind_are_enough_to_choose_from(
    waiting: list[Waiting], working: list[str], limits: Limits, now: float
) -> None:
    since = {one.id: int(one.since * 1e6) for one in waiting}
    ordered = sorted(waiting, key=lambda one: (since[one.id], one.id))
    rows = [(one.id, one.project_id, one.priority.value, since[one.id]) for one in ordered]
    everybody = list(oldest(rows, len(rows)))
    free = max(0, limits.total - len(working))
    few = list(oldest(rows, free))
    assert [one.id for one in everybody] == [one.id for one in ordered]
    wanted = next_to_start(everybody, working, limits, now, AGING)
    assert next_to_start(few, working, limits, now, AGING) == wanted


@given(JOBS, st.floats(0, 9000))
def test_of_one_priority_and_project_the_first_comes_first(
    waiting: list[Waiting], now: float
) -> None:
    ordered = in_order(waiting, now, AGING)
    for priority in Priority:
        since = [one.since for one in ordered if one.priority is priority and one.since <= now]
        assert since == sorted(since)


@given(st.sampled_from([L, N, H]), st.sampled_from([L, N, H]), st.integers(1, 3))
def test_nobody_starves(mine: Priority, others: Priority, places: int) -> None:
    """However many come after it, a job is started once it has aged and those before it ended."""
    waiting = [job("mine", mine, since=0)]
    now, number = 0.0, 0
    for _round in range(100):
        for _ in range(places + 1):  # more than can ever be started
            number += 1
            waiting.append(job(f"other{number}", others, since=now + 0.001))
        started = next_to_start(waiting, [], Limits(places), now, AGING)
        if "mine" in names(started):
            break
        waiting = [one for one in waiting if one not in started]
        now += 60.0
    assert now <= 2 * AGING + 60.0
