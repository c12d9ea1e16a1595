import asyncio

import pytest

from foredeck.services.patience import to_the_end


async def test_the_result_is_handed_on() -> None:
    assert await to_the_end(asyncio.sleep(0, "done")) == "done"


async def test_an_error_is_handed_on() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await to_the_end(broken())


async def test_cancellations_wait() -> None:
    release, finished = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await release.wait()
        finished.set()

    outer = asyncio.create_task(to_the_end(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        outer.cancel()
    await asyncio.sleep(0)
    assert not outer.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert finished.is_set()
