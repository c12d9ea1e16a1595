"""What the surroundings of a run must not do to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import RunState
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex


async def test_start_up_files_of_the_shell_are_left_alone(
    house: House, script: CrewScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex can copy a person's shell by running it, unmarked; what it starts would stay."""
    token, home_directory = f"startup{new_id()}", tmp_path / "home"
    home_directory.mkdir()
    for name in (".bashrc", ".bash_profile", ".profile"):
        line = f"touch {home_directory}/ran; (sh -c 'while :; do sleep 1; done' {token} &)\n"
        (home_directory / name).write_text(line)
    monkeypatch.setenv("HOME", str(home_directory))
    monkeypatch.setenv("SHELL", "/bin/bash")
    script.crew("one").codex["builder"] = commands("echo here; sleep 1")
    async with house.open() as home:
        one = await home.begin("one", Mode.DIRECT)
        assert (await home.rest(one.id)).run.state is RunState.SUCCESS
        assert mentioning(token) == []
        assert not (home_directory / "ran").exists()
