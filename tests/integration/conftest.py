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
