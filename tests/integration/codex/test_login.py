"""The real codex's account and sandbox."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from foredeck.services.codex.binary import locate
from foredeck.services.codex.login import check_login, probe_sandbox, require_login
from foredeck.services.codex.server import AppServer
from foredeck.services.domain.errors import CodexLoggedOut
from foredeck.services.settings import Settings

pytestmark = pytest.mark.codex


async def test_an_empty_codex_home_is_logged_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CODEX_API_KEY", raising=False)
    settings = Settings(data_dir=tmp_path / "data", codex_home=tmp_path / "home")
    server = AppServer(settings)
    try:
        client = await server.connect()
        assert not (await check_login(client)).ok
        with pytest.raises(CodexLoggedOut, match="not logged in"):
            await require_login(client)
    finally:
        await server.stop()
        await server.close()


async def test_a_provider_of_ones_own_needs_no_login(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        'model = "gpt-5.5"\nmodel_provider = "own"\n[model_providers.own]\nname = "own"\n'
        'base_url = "http://127.0.0.1:9/v1"\nwire_api = "responses"\n'
    )
    server = AppServer(Settings(data_dir=tmp_path / "data", codex_home=home))
    try:
        assert (await check_login(await server.connect())).ok
    finally:
        await server.stop()
        await server.close()


async def test_the_probe_says_what_a_sandboxed_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    binary = locate(Settings())
    command = [str(binary.path), "sandbox", "--", "true"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    assert (await probe_sandbox(binary)).ok == (done.returncode == 0)


def test_user_namespaces_switched_off(tmp_path: Path) -> None:
    """In a user namespace that allows no further one, the real probe fails and says why."""
    script = (
        "import asyncio\n"
        "from foredeck.services.codex.binary import locate\n"
        "from foredeck.services.codex.login import probe_sandbox\n"
        "from foredeck.services.settings import Settings\n"
        "found = asyncio.run(probe_sandbox(locate(Settings())))\n"
        "print(found.ok, found.message, found.advice)\n"
    )
    inner = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    command = ["unshare", "-Ur", "sh", "-c", inner, sys.executable, script]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if "unshare" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("user namespaces cannot be made here at all")
    assert done.stdout.startswith("False codex's sandbox does not work on this machine: bwrap")
    assert "sysctl user.max_user_namespaces" in done.stdout
