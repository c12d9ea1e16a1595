"""How a script tells a story without remembering anything.

A play is a generator: it yields an answer that ends with a tool call, receives the
call's output, and returns its last words. Every request carries all outputs so far, so a
play is replayed from its beginning each time: retries and parallel runs cannot disturb
one another.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from foredeck.services.rehearsal.exchange import Action, Call, Pause, Say

Play = Generator[Sequence[Action], str, str]

LATENCY = Pause(0.7, paced=True)
YIELD_MILLISECONDS = 30_000


class StuckError(Exception):
    """What really happened leaves no way on; the message is what the model says then."""


def replay(play: Play, outputs: Sequence[str]) -> Sequence[Action]:
    """Return a play's answer after these outputs; its last words are an ordinary message."""
    try:
        actions = next(play)
        for output in outputs:
            actions = play.send(output)
    except StopIteration as end:
        return [LATENCY, Say(str(end.value))]
    except StuckError as stuck:
        return [LATENCY, Say(f"Not done: {stuck}")]
    else:
        return [LATENCY, *actions]
    finally:
        play.close()


@dataclass(frozen=True)
class Ran:
    """What a command of codex printed and how it ended (None: codex did not say)."""

    output: str
    exit_code: int | None


def run(command: str, *before: Action) -> Generator[Sequence[Action], str, Ran]:
    """Let codex run a command to its end, however long it takes."""
    arguments: dict[str, Any] = {"cmd": command, "yield_time_ms": YIELD_MILLISECONDS}
    answer = yield [*before, Call("exec_command", arguments)]
    printed = [_printed(answer)]
    while session := re.search(r"Process running with session ID (\d+)", answer):
        arguments = {
            "session_id": int(session[1]),
            "chars": "",
            "yield_time_ms": YIELD_MILLISECONDS,
        }
        answer = yield [Call("write_stdin", arguments)]
        printed.append(_printed(answer))
    code = re.search(r"Process exited with code (-?\d+)", answer)
    return Ran("".join(printed), int(code[1]) if code else None)


def run_well(command: str, *before: Action) -> Generator[Sequence[Action], str, str]:
    """Run a command that has to succeed, and return its output; raises `StuckError`."""
    ran = yield from run(command, *before)
    if ran.exit_code != 0:
        last = (ran.output.strip().splitlines() or ["no output"])[-1]
        raise StuckError(f"`{command}` ended with exit code {ran.exit_code}: {last[:200]}")
    return ran.output


@dataclass(frozen=True)
class Tests:
    """What a run of unittest really printed."""

    ran: int
    failed: int
    skipped: int
    names: tuple[str, ...] = ()

    __test__ = False

    @classmethod
    def read(cls, output: str) -> Tests | None:
        """Find the result in the output of `python3 -m unittest -v`, if there is one."""
        ran = re.search(r"^Ran (\d+) tests?", output, re.MULTILINE)
        if ran is None:
            return None
        names = dict.fromkeys(re.findall(r"^(?:FAIL|ERROR): (\S+)", output, re.MULTILINE))
        failed = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", output))
        skipped = re.search(r"skipped=(\d+)", output)
        return cls(int(ran[1]), failed, int(skipped[1]) if skipped else 0, tuple(names))

    @classmethod
    def quoted(cls, text: str) -> Tests | None:
        """Find a result that `sentence` put into words."""
        found = re.search(
            r"(\d+) tests ran: \d+ passed, (\d+) failed, (\d+) skipped(?: \((.*?)\))?", text
        )
        if found is None:
            return None
        names = tuple(found[4].split(", ")) if found[4] else ()
        return cls(int(found[1]), int(found[2]), int(found[3]), names)

    @property
    def passed(self) -> int:
        return max(0, self.ran - self.failed - self.skipped)

    @property
    def green(self) -> bool:
        return self.ran > 0 and self.failed == 0

    def sentence(self) -> str:
        """Say the result in one line, with the names of what failed."""
        names = f" ({', '.join(self.names)})" if self.names else ""
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{self.ran} tests ran: {counts}{names}"


def _printed(answer: str) -> str:
    return answer.partition("\nOutput:\n")[2]
