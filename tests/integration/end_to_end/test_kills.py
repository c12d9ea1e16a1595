"""A run is driven through its whole life while its host is killed again and again."""

from __future__ import annotations

import pytest

from foredeck.services.domain.records import Mode
from tests.support.crew_script import CrewScript
from tests.support.house import House
from tests.support.kill_drill import KillDrill

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
RANDOM_KILLS = 10
# Long enough for a host to come up and work for a while, in seconds.
LIFE = 3.0
# In the order of a stage's life, so that each kill is close behind the one before.
POINTS = (
    "after RunSaved+created",
    "before StepSaved/running",
    "after StepSaved/running",
    "before JobSaved+queued",
    "after JobSaved+queued",
    "before JobSaved/in_progress",
    "after JobSaved/in_progress",
    "before thread/start",
    "sent thread/start",
    "after thread/start",
    "after JobSaved+in_progress",
    "before turn/start",
    "sent turn/start",
    "after turn/start",
    "before JobSaved/completed",
    "after JobSaved/completed",
    "before MessageSaved",
    "after MessageSaved",
    "before StepSaved/success",
    "after StepSaved/success",
    "before RunSaved/success",
)


@BOTH
async def test_killed_at_every_named_point_each_turn_happens_once(
    house: House, script: CrewScript, mode: Mode
) -> None:
    drill = KillDrill(house, script, mode)
    reached = [point for point in POINTS if await drill.killed_at(point)]
    assert await drill.killed_at(None) is False
    assert set(POINTS) - set(reached) <= {"before MessageSaved"}, "points that were never reached"
    await drill.hold()


@BOTH
async def test_killed_at_random_moments_each_turn_happens_once(
    house: House, script: CrewScript, mode: Mode
) -> None:
    drill = KillDrill(house, script, mode)
    while drill.kills < RANDOM_KILLS and await drill.killed_within(LIFE):
        pass
    await drill.killed_at(None)
    await drill.hold()
