"""JSON as a person reads it."""

import pytest

from foredeck.services.domain.report_model import Excerpt
from foredeck.services.reports.spreading import spread


def _spread(text: str) -> str:
    return spread(Excerpt(text)).text


def test_an_object_is_a_line_for_each_name() -> None:
    assert _spread('{"path": "a.py", "total": 3, "files": ["x", "ü"], "done": true}') == (
        'path: a.py\ntotal: 3\nfiles: ["x", "ü"]\ndone: true'
    )


def test_a_text_keeps_its_lines() -> None:
    assert _spread('{"content": "# One\\n\\n  two\\n", "mode": "w"}') == (
        "content:\n  # One\n  \n    two\nmode: w"
    )


@pytest.mark.parametrize("text", ["", "{}", "{", "[1]", "plain", '{"a": ', '"a"', "{" * 50_000])
def test_whatever_else_it_is_stays(text: str) -> None:
    assert _spread(text) == text


def test_a_part_of_an_object_stays() -> None:
    part = Excerpt('{"a": 1}', left_out=5)
    assert spread(part) is part
