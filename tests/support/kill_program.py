"""A host that is killed at a named point.

`python -m tests.support.kill_program BASE URL MODE [POINT]`

It takes the run `[run one]` up, begins it if there is none, and ends when nothing drives it any
more. A point is `before|after WHAT`, where WHAT is a commit that publishes an event, such as
`JobSaved/in_progress`, or a call of codex, such as `turn/start`; `sent turn/start` is between
the question and the answer. The process kills itself with SIGKILL there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foredeck.services.codex.client import CodexClient
from foredeck.services.domain.events import Event
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import StartRun
from foredeck.services.host.queries import ListRuns
from foredeck.services.store import store as store_module
from foredeck.services.store.engine import WritingLink
from foredeck.services.store.unit import Unit
from tests.support.house import House


def kill_at(point: str) -> None:
    """Arrange for this process to be killed at the point."""
    when, what = point.split(" ", 1)
    if what.partition("/")[0] in {"thread", "turn"}:
        _kill_at_call(when, what)
    else:
        _kill_at_commit(when, what)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_at_call(when: str, method: str) -> None:
    real_call, real_send = CodexClient.call, CodexClient._send

    async def call(self: CodexClient, name: str, params: Mapping[str, Any], *rest: Any) -> Any:
        if name == method and when == "before":
            _die()
        answer = await real_call(self, name, params, *rest)
        if name == method and when == "after":
            _die()
        return answer

    async def send(self: CodexClient, message: Mapping[str, Any]) -> None:
        await real_send(self, message)
        if message.get("method") == method and when == "sent":
            _die()

    CodexClient.call = call  # type: ignore[method-assign, assignment]
    CodexClient._send = send  # type: ignore[method-assign]


def _kill_at_commit(when: str, what: str) -> None:
    marked: set[int] = set()
    real_commit = WritingLink.commit

    class MarkedUnit(Unit):
        def publish(self, event: Event) -> None:
            if _name(event) == what:
                marked.add(id(self.link))
            super().publish(event)

    async def commit(self: WritingLink, then: Callable[[], None]) -> None:
        hit = id(self) in marked
        if hit and when == "before":
            _die()
        await real_commit(self, then)
        if hit and when == "after":
            _die()

    vars(store_module)["Unit"] = MarkedUnit
    WritingLink.commit = commit  # type: ignore[method-assign]


def _name(event: Event) -> str:
    state = getattr(event, "state", None)
    if getattr(event, "previous", "") is None and state is not None:
        return f"{type(event).__name__}+{state.value}"  # saved without a transition
    return f"{type(event).__name__}/{state.value}" if state else type(event).__name__


async def main(base: Path, base_url: str, mode: Mode) -> None:
    """Begin the run, or go on with it, and end when it rests."""
    async with House(base, base_url).open() as home:
        runs = (await home.host.ask(ListRuns())).items
        run_id = runs[0].id if runs else (await home.begin("one", mode)).id
        if runs and runs[0].state is RunState.CREATED:
            await home.host.do(StartRun(run_id))  # nobody was told that it had started
        print(run_id, flush=True)
        detail = await home.rest(run_id)
        print(detail.run.state.value, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 4:
        kill_at(sys.argv[4])
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Mode(sys.argv[3])))
