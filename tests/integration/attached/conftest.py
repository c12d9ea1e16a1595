from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.services.rehearsal.model_server import ModelServer
from foredeck.services.rehearsal.scenario import DemoScript
from tests.support.cli_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ModelServer(DemoScript(), pace=0) as server:
        desk = Desk(tmp_path, server)
        try:
            yield desk
        finally:
            desk.close()


@pytest.fixture
def at_the_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on terminals of their own find the desk's settings too."""
    monkeypatch.setenv("FOREDECK_CONFIG", str(desk.base / "config.toml"))
    monkeypatch.setenv("HOME", str(desk.base))
