"""A fake app-server and an output file."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from foredeck.services.jobs.output import OutputWriter
from tests.support.fake_app_server import FakeAppServer, fake_app_server


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeAppServer]:
    async with fake_app_server(tmp_path) as server:
        yield server


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[OutputWriter]:
    writer = OutputWriter(tmp_path / "out.log")
    yield writer
    writer.close()
