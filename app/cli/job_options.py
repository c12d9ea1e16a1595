"""What `jobs submit` and `jobs execute` have in common: how a job is described."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from foredeck.app.cli.completion import complete_project
from foredeck.app.cli.project_settings import read_pairs
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.jobs import (
    DEFAULT_RETRIES,
    INPUT_BYTES,
    SANDBOXES,
    SHELL_COMMAND,
    TYPES,
    JobWish,
    Priority,
)
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.safe_text import safe_line

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

_WORDS = "foredeck.words"

_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([MGT])(?:i?B)?\Z", re.IGNORECASE | re.ASCII)
_SHIFTS = {"m": 20, "g": 30, "t": 40}


def _memory(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Return the bytes of a size such as 512M; raises `InvalidInput`."""
    if text is None:
        return None
    if (found := _SIZE.match(text.strip())) is None:
        raise InvalidInput(f"{safe_line(text)} is no size.", "Try --memory 512M or --memory 2G.")
    return int(float(found[1]) * (1 << _SHIFTS[found[2].lower()]))


_OPTIONS = (
    click.option("--command", "-c", metavar="TEXT", help="The command as text for /bin/sh."),
    click.option(
        "--type",
        "type_",
        default=SHELL_COMMAND,
        show_default=True,
        metavar="TYPE",
        help=f"What it is for: {', '.join(TYPES[1:-1])}, or a word of yours.",
    ),
    click.option("--description", default="", metavar="TEXT", help="More about it."),
    click.option(
        "--priority",
        type=click.Choice([p.value for p in Priority]),
        default=Priority.NORMAL.value,
        show_default=True,
        help="Who goes first; waiting makes a job more urgent.",
    ),
    click.option(
        "--project",
        metavar="PROJECT",
        shell_complete=complete_project,
        help="Default: the one of the directory, else scratch.",
    ),
    click.option(
        "--directory",
        "-C",
        metavar="DIR",
        help="Where it works; default: here, or the workspace of --project.",
    ),
    click.option(
        "--env",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        help="For its environment; a secret as NAME=env:VARIABLE.",
    ),
    click.option(
        "--input",
        "input_data",
        metavar="JSON",
        help="For it to read in $FOREDECK_INPUT; - is stdin.",
    ),
    click.option("--input-file", metavar="FILE", help="Named to it in $FOREDECK_INPUT_FILE."),
    click.option("--output-file", metavar="FILE", help="Named to it in $FOREDECK_OUTPUT_FILE."),
    click.option(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="1 to 86400; default: the setting job_timeout.",
    ),
    click.option(
        "--memory",
        metavar="SIZE",
        callback=_memory,
        help="End it if it holds more, such as 512M or 2G; default: memory_cap of the project.",
    ),
    click.option(
        "--max-retries", type=int, default=DEFAULT_RETRIES, show_default=True, help="0 to 10."
    ),
    click.option("--auto-retry", is_flag=True, help="Retry by itself what fails or times out."),
    click.option(
        "--sandbox",
        type=click.Choice([s.value for s in SANDBOXES]),
        help="Run it in codex's sandbox, without a network; default: with your rights.",
    ),
    click.option("--merge-stderr", is_flag=True, help="Keep stderr among stdout, in one file."),
    click.option(
        "--meta", "metadata", metavar="NAME=VALUE", multiple=True, help="To be kept with it."
    ),
    click.option("--yes", is_flag=True, help="Do not ask, whatever the command policy says."),
)


class WithCommand(click.Command):
    """A command whose words behind `--` are a command of their own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words behind the first `--`; see `command_words`."""
        if "--" in args:
            cut = args.index("--")
            ctx.meta[_WORDS] = tuple(args[cut + 1 :])
            args = args[:cut]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what the usage line says."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND…]"]


def command_words(ctx: click.Context) -> tuple[str, ...] | None:
    """Return the words behind `--`, None where there was none."""
    found: tuple[str, ...] | None = ctx.meta.get(_WORDS)
    return found


def job_options(command: FC) -> FC:
    """Add the options that describe a job."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_wish(name: str, words: tuple[str, ...], given: dict[str, Any]) -> JobWish:
    """Return the job that options describe; paths are made absolute."""
    directory = given["directory"]
    if directory is None and given["project"] is None:
        directory = "."
    return JobWish(
        name=name,
        command=given["command"] or "",
        words=words,
        type=given["type_"],
        description=given["description"],
        priority=Priority(given["priority"]),
        project=given["project"],
        directory=os.path.realpath(Path(directory).expanduser()) if directory else "",
        environment=tuple(read_pairs(given["variables"], "--env NAME=VALUE").items()),
        input_data=_input(given["input_data"]),
        input_file=_absolute(given["input_file"]),
        output_file=_absolute(given["output_file"]),
        timeout=given["timeout"],
        max_retries=given["max_retries"],
        auto_retry=given["auto_retry"],
        merge_stderr=given["merge_stderr"],
        memory=given["memory"],
        metadata=tuple(read_pairs(given["metadata"], "--meta NAME=VALUE").items()),
        sandbox=Sandbox(given["sandbox"]) if given["sandbox"] else None,
    )


def _input(text: str | None) -> str:
    if text != "-":
        return text or ""
    try:
        return sys.stdin.buffer.read(INPUT_BYTES + 1).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("The input data on stdin is not UTF-8 text.") from error


def _absolute(path: str | None) -> str:
    return str(Path(path).expanduser().absolute()) if path else ""
