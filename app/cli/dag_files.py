"""`foredeck dag validate` and `dag schema`: workflow files, without a host and without a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from foredeck.app.cli.render import format_option, put_json, say
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.safe_text import safe_line

if TYPE_CHECKING:
    from foredeck.services.workflow.file import Problem, WorkflowFile

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

STDIN = "-"
_UNREADABLE = 2


@dataclass(frozen=True)
class _Checked:
    """A file that was looked at; `error` says why it could not be read."""

    name: str
    file: WorkflowFile | None = None
    problems: tuple[Problem, ...] = ()
    error: str = ""


def input_option(command: FC) -> FC:
    """Add `--input NAME=VALUE` to a command, any number of times."""
    option = click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME=VALUE",
        help="The value of an input; may be given several times.",
    )
    return option(command)


def input_values(pairs: Iterable[str]) -> dict[str, str]:
    """Return the inputs of a command line; raises `InvalidInput` for what is no pair."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InvalidInput(f"--input takes NAME=VALUE, not {safe_line(pair, limit=60)!r}.")
        if name.strip() in found:
            raise InvalidInput(f"The input {safe_line(name.strip(), limit=60)} is given twice.")
        found[name.strip()] = value
    return found


def read_source(path: str) -> tuple[str, bytes]:
    """Return a name for a workflow file and what it holds; `-` is standard input.

    Raises `InvalidInput` if it cannot be read. Not much more is read than a file may hold.
    """
    from foredeck.services.workflow.file.nodes import LARGEST

    try:
        if path == STDIN:
            return "<stdin>", sys.stdin.buffer.read(LARGEST + 1)
        with Path(path).expanduser().open("rb") as source:
            return path, source.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        message = f"{safe_line(path, limit=200)} cannot be read: {why}."
        raise InvalidInput(message, "Check its name and its permissions.") from error


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@input_option
@format_option
@click.pass_context
def validate(
    ctx: click.Context, files: tuple[str, ...], inputs: tuple[str, ...], format_: str
) -> None:
    """Check workflow files; a - stands for standard input.

    With --input the values are checked, too, as dag run would take them.

    Problems come as FILE:LINE:COLUMN: what is wrong, one a line. Exit codes: 0 all files are
    good, 1 some have problems, 2 some cannot be read.
    """
    values = input_values(inputs)
    checked = [_checked(path, values) for path in files]
    if format_ == "json":
        put_json({"valid": all(map(_is_good, checked)), "files": list(map(_answer, checked))})
    else:
        for one in checked:
            _show(one)
    ctx.exit(_code(checked))


@click.command()
def schema() -> None:
    """Print the JSON schema of workflow files, for editors.

    \b
    foredeck dag schema > workflow.schema.json

    Many editors then take it from a first line in the file:

    \b
    # yaml-language-server: $schema=workflow.schema.json
    """
    from foredeck.services.workflow.file.schema import json_schema

    put_json(json_schema())


def _checked(path: str, values: Mapping[str, str]) -> _Checked:
    from foredeck.services.workflow.file import InvalidWorkflow, read

    try:
        name, text = read_source(path)
    except InvalidInput as error:
        return _Checked(path, error=str(error))
    try:
        file = read(text, name)
        if values:
            file.build(values, request="request", project_name="project", workspace="/workspace")
    except InvalidWorkflow as error:
        return _Checked(name, problems=error.problems)
    return _Checked(name, file)


def _show(checked: _Checked) -> None:
    if checked.error:
        say(f"error: {checked.error}")
    for problem in checked.problems:
        click.echo(f"{_place(problem)}: {problem.says}")
    if checked.file:
        for warning in checked.file.warnings:
            say(f"{_place(warning)}: warning: {warning.says}")
        count = checked.file.step_count
        say(f"✓ {checked.name}: {count:,} step{'s' if count != 1 else ''}")


def _place(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file


def _answer(checked: _Checked) -> dict[str, Any]:
    file = checked.file
    return {
        "file": checked.name,
        "valid": _is_good(checked),
        "name": file.name if file else None,
        "steps": file.step_count if file else None,
        "inputs": file.inputs if file else (),
        "problems": checked.problems,
        "warnings": file.warnings if file else (),
        "error": checked.error or None,
    }


def _is_good(checked: _Checked) -> bool:
    return checked.file is not None


def _code(checked: Iterable[_Checked]) -> int:
    listed = list(checked)
    if any(one.error for one in listed):
        return _UNREADABLE
    return 0 if all(map(_is_good, listed)) else 1
