"""A stage's time stands still while a person is asked."""

import asyncio

import pytest

from foredeck.services.stage_clock import StageClock


async def test_the_limit_holds() -> None:
    clock = StageClock()
    with pytest.raises(TimeoutError):
        async with clock.limit("step", 0.01) as limit:
            await asyncio.Event().wait()
    assert limit.expired()


async def test_asking_costs_no_time_however_often() -> None:
    clock = StageClock()
    async with clock.limit("step", 0.2) as limit:
        with clock.stopped("step"):
            with clock.stopped("step"):
                assert limit.when() is None
                await asyncio.sleep(0.3)  # longer than the limit: that is what is tested
            assert limit.when() is None
        left = (limit.when() or 0) - asyncio.get_running_loop().time()
        assert 0 < left <= 0.2


async def test_after_the_answer_the_rest_of_the_time_runs() -> None:
    clock = StageClock()
    with pytest.raises(TimeoutError):
        await _ask_and_work_on(clock)


async def _ask_and_work_on(clock: StageClock) -> None:
    async with clock.limit("step", 0.05):
        with clock.stopped("step"):
            pass
        await asyncio.Event().wait()


async def test_a_step_without_a_limit_may_ask_too() -> None:
    clock = StageClock()
    with clock.stopped("another"), clock.stopped(None):
        pass


async def test_the_stage_may_end_while_it_asks() -> None:
    clock = StageClock()
    async with clock.limit("step", 60):
        asking = clock.stopped("step")
        asking.__enter__()
    assert asking.__exit__(None, None, None) is False
