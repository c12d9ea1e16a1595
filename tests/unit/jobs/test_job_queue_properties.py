"""What holds of the queue whatever is asked of it; the clock is the test's."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from foredeck.services.domain.jobs import Priority
from foredeck.services.jobs.job_queue import Limits, Waiting, level, next_to_start

AGING = 600.0
PROJECTS = "xyz"
C = Priority.CRITICAL
# Long enough for anything to have risen as high as it can.
AGED = 2 * AGING


def _waiting(found: list[tuple[str, Priority, int]]) -> list[Waiting]:
    return [
        Waiting(f"{number:03}", project, priority, float(since))
        for number, (project, priority, since) in enumerate(found)
    ]


WAITING = st.lists(
    st.tuples(st.sampled_from(PROJECTS), st.sampled_from(Priority), st.integers(0, 5000)),
    max_size=30,
).map(_waiting)
WORKING = st.lists(st.sampled_from(PROJECTS), max_size=12)
LIMITS = st.builds(
    Limits, st.integers(1, 12), st.dictionaries(st.sampled_from(PROJECTS), st.integers(1, 4))
)
NOW = st.integers(0, 9000).map(float)


@given(WAITING, WORKING, LIMITS, NOW)
def test_none_is_started_before_an_older_one_of_its_project_and_priority(
    waiting: list[Waiting], working: list[str], limits: Limits, now: float
) -> None:
    started = next_to_start(waiting, working, limits, now, AGING)
    left = [one for one in waiting if one not in started]
    for begun in started:
        same = [one for one in left if (one.project_id, one.priority) == kind(begun)]
        assert all((one.since, one.id) > (begun.since, begun.id) for one in same)


def kind(job: Waiting) -> tuple[str, Priority]:
    return job.project_id, job.priority


@given(WAITING, WORKING, LIMITS, NOW)
def test_one_that_has_aged_goes_before_every_younger_one_that_is_not_critical(
    waiting: list[Waiting], working: list[str], limits: Limits, now: float
) -> None:
    started = next_to_start(waiting, working, limits, now, AGING)
    at_work = Counter(working) + Counter(one.project_id for one in started)
    for old in waiting:
        if old in started or now - old.since < AGED:
            continue
        younger = [one for one in started if one.since > old.since and one.priority is not C]
        full = at_work[old.project_id] >= limits.of_project.get(old.project_id, limits.total)
        assert [one for one in younger if one.project_id == old.project_id or not full] == []


@given(WAITING, WORKING, LIMITS, NOW)
def test_a_full_project_changes_nothing_for_the_others(
    waiting: list[Waiting], working: list[str], limits: Limits, now: float
) -> None:
    """Who of y and z may start is the same, whether x is full or nobody waits in it."""
    full = Limits(limits.total, {**limits.of_project, "x": 1})
    others = [one for one in waiting if one.project_id != "x"]
    at_work = [*working, "x"]
    assert next_to_start(waiting, at_work, full, now, AGING) == next_to_start(
        others, at_work, full, now, AGING
    )


@given(WAITING, NOW, NOW)
def test_waiting_makes_none_less_urgent_and_none_critical(
    waiting: list[Waiting], now: float, later: float
) -> None:
    first, then = sorted((now, later))
    for one in waiting:
        assert one.priority.level <= level(one, first, AGING) <= level(one, then, AGING)
        assert (level(one, then, AGING) == C.level) == (one.priority is C)


class Queue(RuleBasedStateMachine):
    """A queue over time: jobs come and end, limits are changed, and whoever may start starts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.limits = Limits(3)
        self.waiting: list[Waiting] = []
        self.working: dict[str, str] = {}

    @rule(project=st.sampled_from(PROJECTS), priority=st.sampled_from(Priority))
    def submit(self, project: str, priority: Priority) -> None:
        self.number += 1
        self.waiting.append(Waiting(f"{self.number:04}", project, priority, self.now))
        self._look()

    @rule(seconds=st.integers(1, 2000))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self._look()

    @rule(seconds=st.integers(1, 2000))
    def set_the_clock_back(self, seconds: int) -> None:
        self.now -= seconds
        self._look()

    @rule(which=st.integers(0, 100))
    def end(self, which: int) -> None:
        if self.working:
            del self.working[sorted(self.working)[which % len(self.working)]]
            self._look()

    @rule(limits=LIMITS)
    def change_the_limits(self, limits: Limits) -> None:
        self.limits = limits
        self._look()

    def _look(self) -> None:
        before = Counter(self.working.values())
        started = next_to_start(self.waiting, self.working.values(), self.limits, self.now, AGING)
        assert len({one.id for one in started}) == len(started)
        assert not {one.id for one in started} & self.working.keys()
        for one in started:
            self.waiting.remove(one)
            self.working[one.id] = one.project_id
        after = Counter(self.working.values())
        assert not started or after.total() <= self.limits.total
        for project in PROJECTS:
            most = self.limits.of_project.get(project, self.limits.total)
            assert after[project] <= max(most, before[project])

    @invariant()
    def nobody_waits_for_a_free_place(self) -> None:
        at_work = Counter(self.working.values())
        if at_work.total() < self.limits.total:
            for one in self.waiting:
                most = self.limits.of_project.get(one.project_id, self.limits.total)
                assert at_work[one.project_id] >= most

    def teardown(self) -> None:
        """Whatever came before: if nobody comes any more, everybody has had their turn."""
        for _ in range(self.number + 1):
            self.working.clear()
            self._look()
        assert self.waiting == []


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
