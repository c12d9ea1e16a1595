"""Every command explains itself, in 80 columns, without loading what it does not need."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from foredeck.app.cli.main import cli


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield from _commands(inner, (*path, name))


@pytest.mark.parametrize("path", list(_commands(cli)), ids=" ".join)
def test_help_fits_and_says_what_the_command_does(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"], prog_name="foredeck")
    assert result.exit_code == 0
    usage, _, about, *rest = result.output.splitlines()
    assert usage.startswith(" ".join(("Usage: foredeck", *path)))
    assert about.strip().endswith((".", ":", ","))
    assert "..." not in "".join(rest)
    lines = [line for line in result.output.splitlines() if "[read-only|" not in line]
    assert [line for line in lines if len(line) > 80 and "[created|" not in line] == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['foredeck', '--help']\n"
        "from foredeck.app.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'agents', 'asyncio', 'openai', 'pydantic', 'rich', 'sqlalchemy', 'textual'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("path", list(_commands(cli)), ids=" ".join)
def test_a_shell_completes_every_run_and_project(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        command = inner
    for parameter in command.params:
        if parameter.name in ("run", "project") and not getattr(parameter, "is_flag", False):
            assert parameter._custom_shell_complete is not None, parameter
