"""A process of its own that sets the PDF of one report: `python -P -m …typesetting SECONDS`.

Data come in by stdin, the PDF goes out by stdout. SECONDS, since 1970, date it, so that the same
report gives the same bytes.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.resources import files

import typst


def main() -> None:
    """Set the PDF; what typst cannot do goes to stderr, and the exit code is 1."""
    made_at = datetime.fromtimestamp(int(sys.argv[1]), UTC)
    template = files("foredeck.services.reports").joinpath("report.typ").read_bytes()
    given = {"data": sys.stdin.buffer.read().decode()}
    try:
        pdf = typst.compile(template, sys_inputs=given, format="pdf", timestamp=made_at)
    except typst.TypstError as error:
        sys.exit(error.message)
    # One document without an output file: the bytes of its only part.
    assert isinstance(pdf, bytes)
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main()
