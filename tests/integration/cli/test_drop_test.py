"""`doctor --drop-test`, as a person runs it."""

from __future__ import annotations

import pytest

from tests.support.cli_desk import Desk
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex


def test_a_run_outlives_its_terminal(desk: Desk) -> None:
    done = desk.run("doctor", "--drop-test", timeout=200)
    assert done.code == 0, done.err
    for words in ("codex counts", "taken away", "in the background", "each of them once"):
        assert words in done.err
    assert mentioning("foredeck-drop-test-") == []
