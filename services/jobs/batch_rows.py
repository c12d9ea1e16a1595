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

_PLACE = re.compile(r"\{\{(.*?)\}\}")
_LINE_END = re.compile(r"\r?\n|\r")
_OTHER_RULES = re.compile(r"(?<!<)<<(?!<)|\$\(\(")
_SHOWN = 60
# What a letter opens, up to the next of its kind.
_MARKS = {
    "'": "in quotation marks",
    '"': "in quotation marks",
    "`": "in backticks",
    "\n": "in a comment",
}
# `#` begins a comment where a word may begin; so does the empty beginning of a text.
_BEFORE_A_WORD = ("", *" \t\n;&|()")


def commands_of(text: str) -> tuple[str, ...]:
    """Return the commands of a file: a line each, without empty lines and `#` comments."""
    # Only what ends a line of the shell: a form feed or U+2028 may stand within a command.
    lines = (line.strip() for line in _LINE_END.split(text.removeprefix("\ufeff")))
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

    Raises `InvalidInput` for a column that is not there, or that stands where quoting it would
    not hold its text in.
    """
    for place in _PLACE.finditer(template):
        if where := _where_quoting_fails(template[: place.start()]):
            raise InvalidInput(
                f"{_quoted(place[0])} stands {where}, which would let its text out.",
                "Write it as a word of its own, without quotation marks: it is quoted by itself.",
            )
    return _PLACE.sub(lambda place: shlex.quote(_cell(place[1], row)), template)


def filled_words(template: Sequence[str], row: Row) -> tuple[str, ...]:
    """Return the words with the cells of a row; raises `InvalidInput` for an unknown column."""
    return tuple(_PLACE.sub(lambda place: _cell(place[1], row), word) for word in template)


def names_columns(template: Sequence[str]) -> bool:
    """Whether any column is named in it."""
    return any(_PLACE.search(text) for text in template)


def _cell(place: str, row: Row) -> str:
    if (name := place.strip()) not in row:
        known = ", ".join(safe_line(column, limit=_SHOWN) for column in row)
        raise InvalidInput(f"The CSV has no column {_quoted(name)}.", f"It has {known}.")
    return row[name]


def _where_quoting_fails(before: str) -> str:
    """Return where what comes behind this part of a shell command stands; empty if it is safe.

    Within a here-document and in arithmetic quotation marks hold nothing in: what may be that, is.
    """
    mark, plain, at = "", "", 0
    while at < len(before):
        letter = before[at]
        if letter == "\\" and mark in {"", '"', "`"}:
            at += 1
            if at == len(before):
                return "behind a backslash"
            plain += "" if mark else "\\"
        elif mark:
            mark = "" if letter == mark else mark
        elif letter in "'\"`" or (letter == "#" and plain[-1:] in _BEFORE_A_WORD):
            mark = "\n" if letter == "#" else letter
            plain += " " if letter == "#" else letter
        else:
            plain += letter
        at += 1
    if mark:
        return _MARKS[mark]
    if plain.endswith("$"):
        return "behind a dollar sign"
    return "behind << or $((" if _OTHER_RULES.search(plain) else ""


def _quoted(text: str) -> str:
    return repr(safe_line(text, limit=_SHOWN))
