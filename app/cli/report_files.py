"""Where a report that somebody wants goes: to a file, or to standard output."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from foredeck.app.cli.output_places import unwritable
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.reports import ReportFormat, ReportRow, file_name

TO_STDOUT = "-"


@dataclass(frozen=True)
class Wanted:
    """What `--output` says: a file, a directory, `-`, or nothing; `force` overwrites."""

    output: str
    force: bool = False

    def check(self, kind: ReportFormat, row: ReportRow | None = None) -> None:
        """Raise `InvalidInput` or `Conflict` for what can be known before there is a file."""
        if self.output == TO_STDOUT:
            if kind is ReportFormat.PDF and sys.stdout.isatty():
                raise InvalidInput(
                    "A terminal cannot show a PDF.", "Send it on: --output - > report.pdf"
                )
            return
        path = self._path(kind, row)
        if not path.parent.is_dir():
            raise InvalidInput(f"There is no directory {path.parent}.", "Make it first.")
        if path.is_file() and not self.force:
            raise Conflict(f"There is a file {path} already.", "Say --force to replace it.")

    def write(self, row: ReportRow, kind: ReportFormat, data: bytes | None) -> str | None:
        """Write the report; return the path, None for standard output."""
        if data is None:
            raise Conflict(f"The file of report {row.id} is not there any more.")
        if self.output == TO_STDOUT:
            click.echo(data, nl=False)
            return None
        path = self._path(kind, row)
        try:
            _write(path, data, force=self.force)
        except FileExistsError as error:
            raise Conflict(
                f"There is a file {path} already.", "Say --force to replace it."
            ) from error
        except OSError as error:
            raise unwritable(path, error) from error
        return str(path)

    def _path(self, kind: ReportFormat, row: ReportRow | None) -> Path:
        path = Path(self.output).expanduser()
        return path / file_name(row, kind) if row and path.is_dir() else path


def read_stored(row: ReportRow) -> bytes | None:
    """Return the file of a report, None if it is not there (any more)."""
    try:
        return Path(row.path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(f"{row.path} cannot be read: {error.strerror or error}.") from error


def rendered(report: RunReport, kind: ReportFormat) -> bytes:
    """Return the file that a report becomes."""
    from foredeck.services.reports.renderers import RENDERERS

    return RENDERERS[kind](report)


def _write(path: Path, data: bytes, *, force: bool) -> None:
    """Write a file whole or not at all, for the user alone (SPEC R6); raises `OSError`.

    What is there and no regular file, such as a pipe, is written to.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    scratch = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(scratch, flags, 0o600), "wb") as file:
        try:
            file.write(data)
            file.flush()
            if force:
                scratch.replace(path)
        except BaseException:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise
