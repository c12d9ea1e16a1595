"""A usage limit as the real codex tells it: waited for, followed, and over by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from foredeck.app.cli.follow import follow
from foredeck.services.domain import clock
from foredeck.services.domain.records import CodexEngine
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import ConcludeCodexRun, CreateCodexRun, StartRun
from foredeck.services.rehearsal.exchange import Action, Fail, ModelRequest, Say
from foredeck.services.rehearsal.model_server import ModelServer
from foredeck.services.workflow import run_driver
from tests.support.house import PATIENCE, House

pytestmark = pytest.mark.codex


class Limited:
    """Refuses until the limit is lifted."""

    def __init__(self, resets_at: float) -> None:
        self.resets_at = resets_at
        self.lifted = False
        self.asked = 0

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        self.asked += 1
        if self.lifted:
            return [Say("Done.")]
        kind = {"type": "usage_limit_reached", "plan_type": "plus"}
        error = {**kind, "message": "The usage limit has been reached"}
        return [Fail(429, {"error": {**error, "resets_at": int(self.resets_at)}})]


@pytest.mark.parametrize("engine", CodexEngine)
async def test_a_run_goes_on_when_the_limit_has_ended(
    house: House,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    engine: CodexEngine,
) -> None:
    limited = Limited(time.time() + 3 * 3600)
    model.script = limited
    monkeypatch.setattr(run_driver, "LOOK_AGAIN", 0.05)
    async with house.open(codex_engine=engine) as home:
        project = await home.project("limited")
        made = await home.host.do(CreateCodexRun(project.id, "Do it"))
        start = StartRun(made.run_id)
        following = asyncio.create_task(follow(home.host, lambda: home.host.do(start)))
        async with asyncio.timeout(PATIENCE):
            while (await home.detail(made.run_id)).run.state is not RunState.WAITING:
                await asyncio.sleep(0.02)
        (step,) = (await home.detail(made.run_id)).steps
        assert step.retry_at is not None
        told = datetime.fromtimestamp(limited.resets_at, UTC)
        assert abs(step.retry_at - told) <= timedelta(minutes=1), "it is told to the minute"
        assert step.reason.startswith("usage limit: waiting until ")
        assert not following.done(), "nobody has to act, so it is still followed"
        assert limited.asked == 1

        limited.lifted = True
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + timedelta(hours=3, minutes=2))
        async with asyncio.timeout(PATIENCE):
            detail, code = await following
        assert (detail.run.state, code) == (RunState.SUCCESS, 0)
        assert (detail.steps[0].attempt, detail.steps[0].summary) == (2, "Done.")
        assert (await home.host.do(ConcludeCodexRun(made.run_id))).exit_code == 0
    said = capsys.readouterr().err
    assert "usage limit: waiting until " in said
    assert "Wait for the reset and retry" not in said
