"""What a job that is asked for has to keep to."""

from dataclasses import replace

import pytest

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.jobs import TYPES, JobWish, Priority, check

GOOD = JobWish("build", "make")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n" * 255},
        {"command": "", "words": ("true",)},
        {"timeout": 1},
        {"timeout": 86_400},
        {"max_retries": 0},
        {"max_retries": 10},
        {"type": "export_data"},
        {"type": "our_own_7"},
        {"input_data": "[1, 2]"},
        {"metadata": (("a", ""),)},
        {"memory": 64 << 20},
        {"memory": 16 << 40},
    ],
)
def test_what_is_within_the_limits(change: dict[str, object]) -> None:
    check(replace(GOOD, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "  "}, "A job needs a name."),
        ({"name": "n" * 256}, "The name has 256 characters; 255 are possible."),
        ({"description": "d" * 2001}, "The description is longer than 2000 characters."),
        ({"command": " "}, "There is no command."),
        ({"words": ("ls",)}, "Give the command as text or as words, not both."),
        ({"command": "", "words": ("", "x")}, "The program to run has no name."),
        ({"command": "a\0b"}, "The command or a path holds a NUL character."),
        ({"command": "a\udcffb"}, "The command is not UTF-8 text."),
        ({"command": "x" * 100_001}, "The command has 100,001 bytes; 100,000 are possible."),
        ({"timeout": 0.5}, "The timeout has to be between 1 and 86400 seconds, not 0.5."),
        ({"timeout": 86_401}, "not 86401."),
        ({"max_retries": -1}, "The retries have to be between 0 and 10, not -1."),
        ({"max_retries": 11}, "not 11."),
        ({"type": "Bad Type"}, "The type 'Bad Type' has to be"),
        ({"type": "codex"}, "foredeck codex run"),
        ({"input_data": "{"}, "The input data is no JSON"),
        ({"input_data": "[" * 100_000}, "The input data is no JSON"),
        ({"input_data": f'"{"x" * 1_000_000}"'}, "The input data is larger than 1,000,000 bytes"),
        ({"memory": (64 << 20) - 1}, "The memory has to be between 64M (64 MiB) and 16T."),
        ({"metadata": (("", "x"),)}, "An entry of the metadata has no name."),
        ({"metadata": (("a", "x" * 10_000),)}, "The metadata is longer than 10,000 characters."),
    ],
)
def test_what_is_not(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(replace(GOOD, **change))  # type: ignore[arg-type]
    assert sentence in caught.value.message


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(JobWish("", timeout=0.1, max_retries=99, type="?"))
    assert caught.value.message.count(".") >= 5
    for word in ("name", "type", "command", "timeout", "retries"):
        assert word in caught.value.message


def test_priorities_have_an_order() -> None:
    assert [p.value for p in sorted(Priority, key=lambda one: one.level)] == [
        "low",
        "normal",
        "high",
        "critical",
    ]
    assert TYPES[0] == "shell_command"
