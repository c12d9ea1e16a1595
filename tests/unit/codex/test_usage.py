from foredeck.services.codex.protocol import UsageUpdated
from foredeck.services.codex.usage import UsageMeter
from foredeck.services.domain.records import TokenUsage

STEP = TokenUsage(100, 20, 30, 5)


def report(times: int, turn: str = "turn", thread: str = "thread") -> UsageUpdated:
    total = TokenUsage(100 * times, 20 * times, 30 * times, 5 * times)
    return UsageUpdated("", thread, turn, total, STEP)


def test_a_first_turn_counts_all_of_it() -> None:
    meter = UsageMeter("thread")
    meter.begin("turn")
    assert meter.turn == TokenUsage()
    meter.update(report(1))
    meter.update(report(2))
    assert meter.turn == STEP + STEP
    assert meter.thread_total == STEP + STEP


def test_a_resumed_turn_is_a_difference() -> None:
    meter = UsageMeter("thread", STEP + STEP)
    meter.begin("turn")
    meter.update(report(3))
    assert meter.turn == STEP
    assert meter.thread_total == STEP + STEP + STEP


def test_the_first_response_knows_better_than_a_book_that_missed_a_turn() -> None:
    meter = UsageMeter("thread", STEP)
    meter.begin("turn")
    meter.update(report(5))
    assert meter.turn == STEP


def test_the_total_of_an_earlier_turn_only_moves_the_start() -> None:
    meter = UsageMeter("thread")
    meter.update(report(4, turn="earlier"))
    meter.begin("turn")
    meter.update(report(5))
    assert meter.turn == STEP


def test_sub_agents_are_added_response_by_response() -> None:
    meter = UsageMeter("thread")
    meter.begin("turn")
    meter.update(report(1))
    meter.update(report(7, thread="child"))
    meter.update(report(8, thread="child"))
    assert meter.turn == STEP + STEP + STEP
    assert meter.thread_total == STEP


def test_without_a_last_the_given_start_counts() -> None:
    meter = UsageMeter("thread", STEP)
    meter.begin("turn")
    meter.update(UsageUpdated("", "thread", "turn", STEP + STEP, TokenUsage()))
    assert meter.turn == STEP
