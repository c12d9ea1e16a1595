import pytest

from foredeck.services.domain.json_text import is_json


@pytest.mark.parametrize(
    "text", ["{}", "[1, 2]", "42", "-1.5e3", "true", "null", '"text"', ' {"a": {"b": []}}\n']
)
def test_json(text: str) -> None:
    assert is_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Done.",
        '{"a": 1',
        "{} {}",
        "NaN",
        '{"a": Infinity}',
        "[1e999]",
        "[" * 100_000,
        "9" * 10_000,
        "'text'",
    ],
)
def test_what_other_readers_do_not_take_for_json(text: str) -> None:
    assert not is_json(text)
