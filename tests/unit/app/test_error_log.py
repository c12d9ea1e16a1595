"""Foredeck's own log: private, bounded, without secrets, and silent when it cannot be written."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from foredeck.app import error_log
from foredeck.app.error_log import LOGGER, hide_secrets, open_log, report
from foredeck.services.redaction import Redactor


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    before, level, propagates = list(LOGGER.handlers), LOGGER.level, LOGGER.propagate
    known, complains = error_log._FORMATTER.redactor, logging.raiseExceptions
    yield
    for handler in set(LOGGER.handlers) - set(before):
        LOGGER.removeHandler(handler)
        handler.close()
    LOGGER.setLevel(level)
    LOGGER.propagate = propagates
    error_log._FORMATTER.redactor = known
    logging.raiseExceptions = complains


def test_it_rotates_and_stays_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_log, "_MAX_BYTES", 10_000)
    path = tmp_path / "data" / "foredeck.log"
    open_log(path)
    for number in range(1000):
        LOGGER.info("line %s of a log that grows and grows", number)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["foredeck.log", *(f"foredeck.log.{n}" for n in "123")]
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "line 999 " in path.read_text()


def test_debug_logs_more(tmp_path: Path) -> None:
    path = tmp_path / "foredeck.log"
    open_log(path)
    LOGGER.debug("a detail")
    assert "a detail" not in path.read_text()
    open_log(path, logging.DEBUG)
    LOGGER.debug("another detail")
    assert "DEBUG foredeck another detail" in path.read_text()


def test_an_error_is_logged_without_the_secrets_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "foredeck.log"
    monkeypatch.setenv("SHOP_TOKEN", "fr0m-the-environment")
    error_log._FORMATTER.redactor = None
    open_log(path)
    report(ValueError("it was fr0m-the-environment"))
    hide_secrets(Redactor(["kn0wn-to-the-host"]))
    try:
        raise KeyError("kn0wn-to-the-host")
    except KeyError as error:
        report(error)
    text = path.read_text()
    assert "it was [redacted]" in text
    assert "Traceback" in text
    assert "fr0m-the-environment" not in text
    assert "kn0wn-to-the-host" not in text.replace('raise KeyError("kn0wn-to-the-host")', "")


def test_a_log_that_cannot_be_written_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "foredeck.log"
    open_log(path)
    full = next(h for h in LOGGER.handlers if getattr(h, "baseFilename", "") == str(path))
    assert isinstance(full, logging.FileHandler)
    assert full.stream is not None
    file = full.stream.fileno()
    kept, nowhere = os.dup(file), os.open("/dev/full", os.O_WRONLY)
    os.dup2(nowhere, file)
    LOGGER.error("nobody can write this down")
    os.dup2(kept, file)
    os.close(kept)
    os.close(nowhere)
    assert capsys.readouterr().err == ""
    open_log(tmp_path / "foredeck.log" / "below a file")
