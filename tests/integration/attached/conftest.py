import pytest

from tests.support.cli_desk import Desk


@pytest.fixture
def at_the_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on terminals of their own find the desk's settings too."""
    monkeypatch.setenv("FOREDECK_CONFIG", str(desk.base / "config.toml"))
    monkeypatch.setenv("HOME", str(desk.base))
