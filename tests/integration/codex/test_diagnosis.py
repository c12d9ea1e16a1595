"""What `doctor` finds, and that it leaves everything as it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.codex.server import AppServer
from foredeck.services.diagnosis import Diagnosis
from foredeck.services.domain.views import Check
from foredeck.services.event_bus import EventBus
from foredeck.services.rehearsal.model_server import write_codex_config
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store

pytestmark = pytest.mark.codex


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Nothing is asked of the model, so nobody has to listen at its address.
    write_codex_config(tmp_path / "codex-home", "http://127.0.0.1:9/v1")
    return Settings(data_dir=tmp_path / "data", codex_home=tmp_path / "codex-home")


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[AppServer]:
    server = AppServer(settings)
    yield server
    await server.stop()
    await server.close()


async def checks(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in await Diagnosis(settings).checks()}


async def test_a_server_that_works_is_left_alone(server: AppServer, settings: Settings) -> None:
    await server.ensure()
    found = await checks(settings)
    assert found["codex account"].state == "ok"
    assert server.lives


async def test_a_server_started_for_the_question_is_stopped(
    server: AppServer, settings: Settings
) -> None:
    found = await checks(settings)
    assert found["codex"].state == "ok"
    assert found["codex account"].state == "ok"
    assert not server.lives


async def test_a_codex_without_an_account_fails_with_what_to_do(
    server: AppServer, settings: Settings
) -> None:
    assert settings.codex_home
    (settings.codex_home / "config.toml").unlink()
    found = await checks(settings)
    assert found["codex account"].state == "failed"
    assert "codex login" in found["codex account"].advice


async def test_without_a_codex_the_rest_is_still_checked(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", codex_path=tmp_path / "missing")
    found = await checks(settings)
    assert found["codex"].state == "failed"
    assert found["data directory"].state == "ok"
    assert "codex account" not in found


async def test_what_others_could_read_is_named_with_the_remedy(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", codex_path=tmp_path / "no-codex")
    store = await Store.open(settings.data_dir, EventBus())
    await store.close()
    assert (await checks(settings))["data directory"].state == "ok"
    (settings.data_dir / "output").mkdir(mode=0o755)
    found = (await checks(settings))["data directory"]
    assert (found.state, "output" in found.message) == ("warning", True)
    assert found.advice.startswith("chmod")
