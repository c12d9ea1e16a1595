"""The house for each test, and the proof that nothing of it is left afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.crew_script import CrewScript
from tests.support.house import House
from tests.support.process_table import mentioning, zombies


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def script() -> CrewScript:
    return CrewScript()


@pytest.fixture
def model(script: CrewScript) -> Iterator[ModelServer]:
    with ModelServer(script, pace=0) as server:
        yield server


@pytest.fixture
def house(tmp_path: Path, model: ModelServer) -> Iterator[House]:
    yield House(tmp_path, model.base_url)
    assert mentioning(str(tmp_path)) == []
    assert zombies() == []
