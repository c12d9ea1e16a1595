"""Commands of a batch out of text: a command a line, or a template filled in by rows of CSV."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.jobs import MOST_IN_BATCH
from foredeck.services.domain.safe_text import safe_line

Row = Mapping[str, str]

_PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_SHOWN = 60


def commands_of(text: str) -> tuple[str, ...]:
    """Return the commands of a file: a line each, without empty lines and `#` comments."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def rows_of(text: str) -> tuple[Row, ...]:
    """Return the rows of CSV by the names in its first line.

    Raises `InvalidInput` with the line for a row that does not fit, and for too many.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_names(names)
        return tuple(_rows(reader, names))
    except csv.Error as error:
        raise InvalidInput(f"Line {reader.line_num} is no CSV: {error}.") from error


def _check_names(names: Sequence[str]) -> None:
    if not any(names):
        raise InvalidInput("The CSV is empty.", "Its first line names the columns.")
    for name in names:
        if not name:
            raise InvalidInput("A column of the CSV has no name.", "Its first line names them.")
        if names.count(name) > 1:
            raise InvalidInput(f"The CSV has two columns {_quoted(name)}.")


def _rows(reader: Iterator[list[str]], names: Sequence[str]) -> Iterator[Row]:
    for number, cells in enumerate((cells for cells in reader if cells), 1):
        if len(cells) != len(names):
            raise InvalidInput(
                f"Row {number} of the CSV has {len(cells)} cells where the first line names "
                f"{len(names)} columns.",
                "A cell with a comma in it has to stand in quotation marks.",
            )
        if number > MOST_IN_BATCH:
            raise InvalidInput(f"The CSV has more than {MOST_IN_BATCH:,} rows.", "Split it.")
        yield dict(zip(names, cells, strict=True))


def filled_text(template: str, row: Row) -> str:
    """Return the text for /bin/sh with the cells of a row, each quoted so that it is one word.

    Raises `InvalidInput` for a column that is not there, or that stands in quotation marks.
    """
    for place in _PLACE.finditer(template):
        if _is_quoted(template[: place.start()]):
            raise InvalidInput(
                f"{_quoted(place[0])} stands in quotation marks, which would let its text out.",
                "Write it without: it is quoted by itself.",
            )
    return _PLACE.sub(lambda place: shlex.quote(_cell(place[1], row)), template)


def filled_words(template: Sequence[str], row: Row) -> tuple[str, ...]:
    """Return the words with the cells of a row; raises `InvalidInput` for an unknown column."""
    return tuple(_PLACE.sub(lambda place: _cell(place[1], row), word) for word in template)


def names_columns(template: Sequence[str]) -> bool:
    """Whether any column is named in it."""
    return any(_PLACE.search(text) for text in template)


def _cell(name: str, row: Row) -> str:
    if name not in row:
        known = ", ".join(safe_line(column, limit=_SHOWN) for column in row)
        raise InvalidInput(f"The CSV has no column {_quoted(name)}.", f"It has {known}.")
    return row[name]


def _is_quoted(before: str) -> bool:
    """Whether what comes behind this part of a shell command stands in quotation marks."""
    mark, escaped = "", False
    for letter in before:
        if escaped:
            escaped = False
        elif letter == "\\" and mark != "'":
            escaped = True
        elif letter == mark:
            mark = ""
        elif not mark and letter in "'\"":
            mark = letter
    return bool(mark)


def _quoted(text: str) -> str:
    return repr(safe_line(text, limit=_SHOWN))
