"""Foredeck's own log: where the details of an unexpected error go instead of the screen."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import TextIOWrapper

    from foredeck.services.redaction import Redactor

LOGGER = logging.getLogger("foredeck")

LOG_NAME = "foredeck.log"
_MAX_BYTES = 2 * 1024 * 1024
_BACKUPS = 3


class _Formatter(logging.Formatter):
    """Writes a record, its traceback included, without the secrets in it."""

    redactor: Redactor | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return self._known().text(super().format(record))

    def _known(self) -> Redactor:
        if self.redactor is None:
            # Not for every start: most have nothing to log.
            from foredeck.services import secrets_in_use
            from foredeck.services.redaction import Redactor

            self.redactor = Redactor(secrets_in_use.of_environment(os.environ))
        return self.redactor


_FORMATTER = _Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")


def hide_secrets(redactor: Redactor) -> None:
    """Keep out of the log what the host's redactor knows."""
    _FORMATTER.redactor = redactor


def open_log(path: Path, level: int = logging.INFO) -> None:
    """Send the `foredeck` loggers to a rotating file of the user's own (0600).

    A second call for the same file changes only the level. A file that cannot be written
    leaves the loggers as they are: a log must never be the reason that nothing starts.
    """
    from logging.handlers import RotatingFileHandler

    class PrivateHandler(RotatingFileHandler):
        def _open(self) -> TextIOWrapper:
            """Open the file, a new one after each rotation, for this user alone."""
            opened = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            return open(opened, "a", encoding=self.encoding)  # noqa: PTH123

    LOGGER.setLevel(level)
    for handler in LOGGER.handlers:
        if isinstance(handler, RotatingFileHandler) and Path(handler.baseFilename) == path:
            return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = PrivateHandler(path, maxBytes=_MAX_BYTES, backupCount=_BACKUPS, encoding="utf-8")
    except OSError:
        return
    handler.setFormatter(_FORMATTER)
    LOGGER.addHandler(handler)
    LOGGER.propagate = False
    # A log that cannot be written (a full disk) must not talk on a terminal that is a screen.
    logging.raiseExceptions = False


def report(error: BaseException) -> None:
    """Write an unexpected error with its traceback to the log."""
    LOGGER.error("unexpected error: %s", error, exc_info=error)


def tell(message: str) -> None:
    """Write to standard error, which may be a terminal that is gone."""
    try:
        sys.stderr.write(message)
        sys.stderr.flush()
    except OSError:
        pass
