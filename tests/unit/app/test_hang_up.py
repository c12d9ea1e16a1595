"""A second hang-up, which a shell sends after the kernel, meets no moment in which it kills."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from foredeck.app.cli.interrupts import Interrupts
from foredeck.app.hang_up import on_hang_up

Disposition = Callable[[int, FrameType | None], object] | int | None


@pytest.fixture
def dispositions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Disposition]]:
    """What became of SIGHUP, one after the other."""
    before = signal.getsignal(signal.SIGHUP)
    set_to: list[Disposition] = []
    real = signal.signal

    def watched(number: int, disposition: Disposition) -> Disposition:
        if number == signal.SIGHUP:
            set_to.append(disposition)
        return real(number, disposition)

    monkeypatch.setattr(signal, "signal", watched)
    yield set_to
    real(signal.SIGHUP, before)


def test_a_command_is_never_left_to_the_system_once_one_was_heard(
    dispositions: list[Disposition],
) -> None:
    async def command() -> Interrupts:
        interrupts = Interrupts()
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)
        async with asyncio.timeout(60):
            await interrupts.first.wait()
        return interrupts

    assert asyncio.run(command()).hung_up
    signal.raise_signal(signal.SIGHUP)  # the loop has closed, the program is not gone yet
    assert signal.SIG_DFL not in dispositions
    assert signal.SIG_IGN not in dispositions  # programs that are started would inherit that


def test_one_that_comes_first_when_all_is_over_ends_the_program(
    dispositions: list[Disposition], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program() -> None:
        on_hang_up(lambda: None)

    asyncio.run(program())
    handle = dispositions[-1]
    assert callable(handle)
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    handle(signal.SIGHUP, None)
    assert (raised, dispositions[-1]) == ([signal.SIGHUP], signal.SIG_DFL)
