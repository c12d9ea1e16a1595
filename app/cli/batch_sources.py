"""Where the commands of `batch submit` come from."""

from __future__ import annotations

import sys
from pathlib import Path

from foredeck.services.domain.errors import InvalidInput, UsageError
from foredeck.services.domain.jobs import COMMAND_BYTES, MOST_IN_BATCH
from foredeck.services.domain.safe_text import safe_line

STDIN = "-"
_LARGEST = COMMAND_BYTES * MOST_IN_BATCH
_HINT = "Give --commands FILE, or --csv FILE with --command TEXT or -- COMMAND…"

Commands = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def read_commands(
    commands: str | None, rows: str | None, text: str | None, words: tuple[str, ...] | None
) -> Commands:
    """Return the texts for the shell and the lists of words of a batch.

    `commands` and `rows` are files; `text` or `words` are the template for the rows. Raises
    `InvalidInput` and `UsageError`.
    """
    if (commands is None) == (rows is None):
        what = "Where do the commands come from?" if rows is None else "That is two sources."
        raise UsageError(what, _HINT)
    if text and words:
        raise UsageError("Give the template as --command TEXT or behind --, not both.")
    if commands is not None:
        if text or words:
            raise UsageError("A template goes with --csv: --commands has commands already.")
        return _listed(commands), ()
    if not text and not words:
        raise UsageError("What is to be done with each row?", _HINT)
    return _filled(rows or "", text or "", words or ())


def _listed(path: str) -> tuple[str, ...]:
    from foredeck.services.jobs.batch_rows import commands_of

    return commands_of(_read(path))


def _filled(path: str, text: str, words: tuple[str, ...]) -> Commands:
    from foredeck.services.jobs import batch_rows

    if not batch_rows.names_columns((text, *words)):
        raise UsageError("The template names no column.", "Write one as {{name}}.")
    rows = batch_rows.rows_of(_read(path))
    if words:
        return (), tuple(batch_rows.filled_words(words, row) for row in rows)
    return tuple(batch_rows.filled_text(text, row) for row in rows), ()


def _read(path: str) -> str:
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(path).expanduser().open("rb") as file:
                data = file.read(_LARGEST + 1)
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{safe_line(path, limit=200)} is not UTF-8 text.") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"{safe_line(path, limit=200)} cannot be read: {why}.") from error
    if len(data) > _LARGEST:
        raise InvalidInput(f"{safe_line(path, limit=200)} is larger than {_LARGEST:,} bytes.")
    return text
