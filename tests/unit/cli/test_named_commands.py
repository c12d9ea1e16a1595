"""What messages, help and the documents tell people to type is a command that there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from foredeck.app.cli.main import cli

ROOT = Path(__file__).parents[3]
DOCUMENTS = ["README.md", "CHANGELOG.md"]
# Of a command that has others, the next word is one of these, unless it is an option.
_NAMED = re.compile(r"\bforedeck ([a-z][a-z-]*) ([a-z][a-z-]*)")


def of_two_words(text: str) -> Iterator[tuple[click.Group, str, str]]:
    """Yield each command in a text that has others: it, and the two words."""
    for first, second in _NAMED.findall(text):
        command = cli.get_command(click.Context(cli), first)
        if isinstance(command, click.Group):
            yield command, first, second


@pytest.mark.parametrize("place", [*DOCUMENTS, "app", "services", "widgets"])
def test_there_is_every_command_that_people_are_told_of(place: str) -> None:
    path = ROOT / place
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert files
    unknown = [
        f"{file.relative_to(ROOT)}: foredeck {first} {second}"
        for file in files
        for group, first, second in of_two_words(file.read_text())
        if second not in group.commands
    ]
    assert unknown == []


def test_a_wrong_one_would_be_found() -> None:
    (found,) = of_two_words("Which times: foredeck tasks fires")
    assert found[1:] == ("tasks", "fires")
    assert found[2] not in found[0].commands
