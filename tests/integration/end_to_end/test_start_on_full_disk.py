"""The dashboard and commands where there is no room at all: a clear sentence, nothing broken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cli_desk import Desk
from tests.support.pty_program import PtyProgram
from tests.support.small_disk import SmallDisk, small_disk


@pytest.fixture
def disk(desk: Desk) -> Iterator[SmallDisk]:
    with small_disk(desk.data, "8m") as disk:
        yield disk


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_the_dashboard_says_what_is_wrong_and_opens_when_there_is_room(
    desk: Desk, disk: SmallDisk, used: bool
) -> None:
    if used:
        assert desk.run("projects", "create", "shop").code == 0
    disk.fill()
    config = str(desk.base / "config.toml")
    with PtyProgram("foredeck.app.cli.main", "--config", config, size=(100, 30)) as program:
        program.read_until("is full", timeout=60)
        program.read_until("Free some space", timeout=60)
        assert "Traceback" not in program.output.decode()
        disk.empty()
        program.send("\x12")
        program.read_until("shop" if used else "No projects", timeout=60)
        program.send("q")
        assert program.wait(60) == 0


def test_a_command_says_what_is_wrong(desk: Desk, disk: SmallDisk) -> None:
    assert desk.run("projects", "create", "shop").code == 0
    with disk.filled():
        said = desk.run("projects", "create", "another")
        assert said.code == 1
        assert "is full" in said.err
    assert desk.run("projects", "list", "--format", "json").answer["total"] == 1
    assert desk.run("audit", "verify").code == 0
