"""Secrets that a real codex prints, and models repeat: nothing of them is written down."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.app.error_log import LOG_NAME, LOGGER, open_log
from foredeck.services.domain.records import Mode
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import RunState
from foredeck.services.rehearsal.plays import Play, run
from tests.support.crew_script import CrewScript
from tests.support.house import House
from tests.support.segments import texts

pytestmark = pytest.mark.codex

HALVES = ("Sup3r/S3cret", "+V4lue-0815")
SECRET = "".join(HALVES)
BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


def leak() -> Play:
    """Print the secret in two pieces, as a base64 word and in an error; say it at the end."""
    first, second = HALVES
    yield from run(
        f"sleep 0.3; printf 'it is {first}'; sleep 0.4; printf '%s\\n' '{second}'; "
        f"printf '%s' '{SECRET}' | base64; sleep 0.2; echo 'no {SECRET}' >&2; exit 3"
    )
    return f"The token is {SECRET}."


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    before, level, propagates = list(LOGGER.handlers), LOGGER.level, LOGGER.propagate
    path = tmp_path / "data" / LOG_NAME
    path.parent.mkdir(parents=True)
    open_log(path, logging.DEBUG)
    yield path
    for handler in set(LOGGER.handlers) - set(before):
        LOGGER.removeHandler(handler)
        handler.close()
    LOGGER.setLevel(level)
    LOGGER.propagate = propagates


@BOTH
async def test_a_secret_is_nowhere(
    house: House, script: CrewScript, log: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    monkeypatch.setenv("SHOP_DEPLOY_TOKEN", SECRET)
    script.crew("one").codex["builder"] = leak
    script.crew("one").words["builder"] = f"I used {SECRET}."
    async with house.open() as home:
        row = await home.begin("one", mode)
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        LOGGER.error("unexpected error: %s", ValueError(SECRET))
        output = Path(detail.steps[1].output_path or "")
    printed = "".join(texts(output, SegmentKind.OUTPUT))
    assert printed.startswith("it is [redacted]\n")
    assert printed.endswith("no [redacted]\n")
    assert printed.count("[redacted]") == 3
    files = [path for path in house.settings.data_dir.rglob("*") if path.is_file()]
    assert log in files
    assert {"foredeck.db", output.name} <= {path.name for path in files}
    telling = [path for path in files if SECRET.encode() in path.read_bytes()]
    assert telling == []
    assert "[redacted]" in log.read_text()
