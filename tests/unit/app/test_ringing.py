"""What rings a terminal, how often, and that no words can command it."""

from __future__ import annotations

import asyncio
import re

import pytest

from foredeck.app.ringing import Ringer, Rings, sequence
from foredeck.services.domain.events import NotificationSaved
from foredeck.services.domain.notices import Cause
from tests.support.hostile import HOSTILE

BOTH = Rings(bell=True, desktop=True)


def event(
    cause: Cause = Cause.FAILURE, title: str = "Build", text: str = "demo: failed."
) -> NotificationSaved:
    return NotificationSaved(notification_id="n1", run_id="r1", cause=cause, title=title, text=text)


class Terminal:
    """Keeps what it takes, if it takes anything."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.refused = 0
        self.stalled = False

    def put(self, text: str) -> bool:
        if self.stalled:
            self.refused += 1
            return False
        self.got.append(text)
        return True

    async def gets(self, count: int) -> list[str]:
        async with asyncio.timeout(60):
            while len(self.got) < count:
                await asyncio.sleep(0.005)
        return self.got


@pytest.mark.parametrize(
    ("rings", "expected"),
    [
        (BOTH, "\a\x1b]9;Foredeck: hello\a"),
        (Rings(bell=True), "\a"),
        (Rings(desktop=True), "\x1b]9;Foredeck: hello\a"),
        (Rings(), ""),
    ],
)
def test_the_settings_say_which(rings: Rings, expected: str) -> None:
    assert sequence("hello", rings, {"TERM": "xterm-256color"}) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TMUX": "/tmp/tmux,1,0", "TERM": "screen-256color"}, "tmux"),
        ({"TERM": "tmux-256color"}, "tmux"),
        ({"TERM": "screen.xterm-256color", "STY": "1.tty"}, "screen"),
        ({"TERM": "tmux-256color", "STY": "1.tty"}, "screen"),
        ({"TERM": "screen-256color"}, "screen"),
        ({"TERM": "linux"}, ""),
    ],
)
def test_it_is_wrapped_for_what_stands_between(environ: dict[str, str], expected: str) -> None:
    wrapped = {
        "tmux": "\a\x1bPtmux;\x1b\x1b]9;Foredeck: hello\a\x1b\\",
        "screen": "\a\x1bP\x1b]9;Foredeck: hello\a\x1b\\",
        "": "\a",
    }
    assert sequence("hello", BOTH, environ) == wrapped[expected]


HOSTILE_WORDS = [data.decode("utf-8", "replace") for data in HOSTILE.values()]


@pytest.mark.parametrize("environ", [{"TERM": "xterm"}, {"TMUX": "1"}, {"STY": "1"}])
@pytest.mark.parametrize("words", [*HOSTILE_WORDS, "\x1b\\\x1b[2J", "a\ab\x9cc\x18d", "4;1;50"])
def test_no_words_end_the_sequence(words: str, environ: dict[str, str]) -> None:
    text = sequence(words, Rings(desktop=True), environ)
    inner = re.sub(r"^\x1bP(?:tmux;)?|\x1b\\$", "", text)
    match = re.fullmatch(r"\x1b{1,2}\]9;(Foredeck: [^\x00-\x1f\x7f-\x9f]*)\x07", inner)
    assert match is not None
    assert len(match[1]) <= 210


async def test_a_burst_is_rung_once_and_then_once_together() -> None:
    terminal = Terminal()
    ringer = Ringer(terminal.put, Rings(desktop=True), {"TERM": "xterm"}, interval=0.05)
    ringer.take(event())
    await terminal.gets(1)
    for cause in [Cause.FAILURE] * 300 + [Cause.WAITING] + [Cause.FINISH] * 2:
        ringer.take(event(cause))
    first, second = await terminal.gets(2)
    assert "Foredeck: Build – demo: failed." in first
    assert "Foredeck: 300 runs failed, 1 run waits for you, 2 runs finished" in second


async def test_a_stalled_terminal_is_rung_once_when_it_reads_again() -> None:
    terminal = Terminal()
    terminal.stalled = True
    ringer = Ringer(terminal.put, BOTH, {"TERM": "xterm"}, interval=0.01)
    for _ in range(5):
        ringer.take(event())
    async with asyncio.timeout(60):
        while terminal.refused < 3:
            await asyncio.sleep(0.005)
    terminal.stalled = False
    (only,) = await terminal.gets(1)
    assert "5 runs failed" in only
    assert only.count("\a") == 2


async def test_nothing_is_rung_when_neither_is_wanted_or_after_the_end() -> None:
    terminal = Terminal()
    quiet = Ringer(terminal.put, Rings(), {}, interval=0)
    quiet.take(event())
    ended = Ringer(terminal.put, BOTH, {}, interval=0)
    ended.take(event())
    ended.close()
    heard = Ringer(terminal.put, Rings(bell=True), {}, interval=0)
    heard.take(event())
    assert await terminal.gets(1) == ["\a"]
