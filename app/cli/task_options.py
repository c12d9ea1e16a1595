"""How a task is described on the command line: the options of `tasks create` and `update`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from foredeck.app.cli.completion import complete_project
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.tasks import TaskOptions, TaskWish

FC = TypeVar("FC", bound=Callable[..., Any] | click.Command)

# Words that take a list away again.
_ALL, _NONE, _DEFAULT = "all", "none", "default"
_NO_LIMIT = "none"

_ABOUT = (
    click.option("--description", metavar="TEXT", help="What it is for."),
    click.option(
        "--prompt-template",
        metavar="TEXT",
        help="What codex is told, with {{variable}} for what changes; - is stdin.",
    ),
    click.option("--prompt-file", metavar="FILE", help="The template in a file instead."),
    click.option(
        "--variable",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        help="The default of a variable; may be given again.",
    ),
    click.option("--project", metavar="PROJECT", shell_complete=complete_project,
                 help="Default: the one of this directory, else scratch."),
    click.option("--workflow", metavar="NAME", help="Default: codex, one turn; or four-agents, …"),
    click.option("--working-directory", metavar="DIR", help="Where codex works; in the workspace."),
    click.option("--tags", metavar="TAG", multiple=True, help="To find it by; may be given again."),
    click.option("--public/--private", default=None, help="Listed in every project, or not."),
    click.option("--metadata", metavar="NAME=VALUE", multiple=True,
                 help="Kept and shown; may be given again."),
)  # fmt: skip
_WORK = (
    click.option(
        "--allowed-tools",
        metavar="TOOL",
        multiple=True,
        help="What it may use: Bash, Read, Write, Edit, an agent's tool or mcp__SERVER. "
        "May be given again; default: all.",
    ),
    click.option(
        "--disallowed-tools",
        metavar="TOOL",
        multiple=True,
        help="What it may not use, even if it is allowed.",
    ),
    click.option("--model", metavar="MODEL", help="That codex uses; default: that of the project."),
    click.option(
        "--sandbox",
        type=click.Choice([s.value for s in Sandbox]),
        help="codex's; default: that of the project.",
    ),
    click.option(
        "--mode",
        type=click.Choice([m.value for m in Mode]),
        help="How agents work; default: that of the project.",
    ),
    click.option(
        "--timeout", type=float, metavar="SECONDS", help="How long a codex turn may take."
    ),
    click.option("--budget-tokens", type=int, metavar="N", help="What a run may use; 0: no limit."),
    click.option(
        "--budget-cost", type=float, metavar="USD", help="What a run may cost; 0: no limit."
    ),
)
_CLOCK = (
    click.option("--is-scheduled/--no-schedule", default=None, help="Whether the clock runs it."),
    click.option("--schedule-cron", metavar="CRON", help='Such as "0 3 * * 1-5": 03:00, Mon–Fri.'),
    click.option(
        "--timezone", metavar="ZONE", help="Such as Europe/Berlin; default: this machine's."
    ),
    click.option(
        "--schedule-enabled/--schedule-disabled",
        default=None,
        help="Let the schedule start it, or rest.",
    ),
    click.option(
        "--overlap",
        type=click.Choice([o.value for o in Overlap]),
        help="What if the run before is not over; default: skip.",
    ),
    click.option(
        "--misfire",
        type=click.Choice([m.value for m in Misfire]),
        help="What of due times with no host there; default: run-once.",
    ),
    click.option(
        "--catch-up",
        type=int,
        metavar="N",
        help="How many of them --misfire catch-up makes up for.",
    ),
    click.option(
        "--jitter", type=float, metavar="SECONDS", help="Put each start off by up to so much."
    ),
)
_AFTER = (
    click.option(
        "--generate-report/--no-report", default=None, help="Make a report when a run of it ends."
    ),
    click.option("--report-format", metavar="FORMAT", help="html (the default), pdf or json."),
    click.option(
        "--notify",
        type=click.Choice([*(c.value for c in Cause), _NONE, _DEFAULT]),
        multiple=True,
        help="When to tell people; default: as the settings say.",
    ),
)


def task_options(command: FC) -> FC:
    """Add everything that describes a task to a command."""
    for option in reversed((*_ABOUT, *_WORK, *_CLOCK, *_AFTER)):
        command = option(command)
    return command


def read_wish(
    before: TaskWish, given: Mapping[str, Any], local_zone: Callable[[], str]
) -> TaskWish:
    """Return a task as the options change it; raises `InvalidInput` for what cannot be read."""
    wish = replace(before, **_texts(given), **_lists(before, given))
    return replace(
        wish,
        options=_options(before.options, given),
        schedule=_schedule(before.schedule, given, local_zone),
    )


def read_variables(text: str | None, pairs: Iterable[str]) -> dict[str, str]:
    """Return the variables of a JSON object and of NAME=VALUE; raises `InvalidInput`."""
    return {**_json_variables(text), **dict(_pairs(pairs, "a variable"))}


def _texts(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "description", "project", "workflow", "public", "report_format")
    found = {name: given[name] for name in names if given.get(name) is not None}
    if (prompt := _prompt(given)) is not None:
        found["prompt"] = prompt
    if given["working_directory"] is not None:
        directory = given["working_directory"]
        found["directory"] = directory and str(Path(directory).expanduser().absolute())
    if given["generate_report"] is not None:
        found["report"] = given["generate_report"]
    return found


def _lists(before: TaskWish, given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given["variables"]:
        found["variables"] = _merged(before.variables, given["variables"], "a variable")
    if given["metadata"]:
        found["metadata"] = _merged(before.metadata, given["metadata"], "metadata")
    if given["tags"]:
        found["tags"] = () if given["tags"] == (_NONE,) else _split(given["tags"])
    if given["allowed_tools"]:
        tools = _split(given["allowed_tools"])
        found["allowed_tools"] = None if tools == (_ALL,) else tools
    if given["disallowed_tools"]:
        tools = _split(given["disallowed_tools"])
        found["disallowed_tools"] = () if tools == (_NONE,) else tools
    if given["notify"]:
        found["notify"] = _notify(given["notify"])
    return found


def _notify(words: tuple[str, ...]) -> tuple[Cause, ...] | None:
    if len(words) > 1 and {_NONE, _DEFAULT} & set(words):
        raise InvalidInput("--notify none and --notify default stand alone.")
    if words == (_DEFAULT,):
        return None
    return () if words == (_NONE,) else tuple(dict.fromkeys(map(Cause, words)))


def _prompt(given: Mapping[str, Any]) -> str | None:
    text, file = given["prompt_template"], given["prompt_file"]
    if text is not None and file is not None:
        raise InvalidInput("Give either --prompt-template or --prompt-file, not both.")
    if file is None and text != "-":
        return None if text is None else str(text)
    try:
        data = sys.stdin.buffer.read() if file in (None, "-") else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The template is not UTF-8 text: byte {error.start} cannot be read.",
            "Convert it first, for example with iconv.",
        ) from error


def _options(before: TaskOptions, given: Mapping[str, Any]) -> TaskOptions:
    found = {
        name: given[name]
        for name in ("model", "timeout", "budget_tokens", "budget_cost")
        if given[name] is not None
    }
    if given["sandbox"] is not None:
        found["sandbox"] = Sandbox(given["sandbox"])
    if given["mode"] is not None:
        found["mode"] = Mode(given["mode"])
    return replace(before, **found)


def _schedule(
    before: Schedule | None, given: Mapping[str, Any], local_zone: Callable[[], str]
) -> Schedule | None:
    found = _clock_fields(given)
    if given["is_scheduled"] is False:
        if found:
            raise InvalidInput("--no-schedule takes no other option of a schedule.")
        return None
    if before is None and not (found or given["is_scheduled"]):
        return None
    # One without an expression is told among all that is wrong with the task.
    blank = before or Schedule("", found.get("timezone") or local_zone())
    return replace(blank, **found)


def _clock_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "cron": "schedule_cron",
        "timezone": "timezone",
        "enabled": "schedule_enabled",
        "catch_up": "catch_up",
        "jitter": "jitter",
    }
    found = {name: given[option] for name, option in names.items() if given[option] is not None}
    if given["overlap"] is not None:
        found["overlap"] = Overlap(given["overlap"])
    if given["misfire"] is not None:
        found["misfire"] = Misfire(given["misfire"])
    return found


def _merged(
    before: tuple[tuple[str, str], ...], given: Iterable[str], what: str
) -> tuple[tuple[str, str], ...]:
    """Return the pairs with the given ones; `NAME=` of an empty name is refused."""
    return tuple({**dict(before), **dict(_pairs(given, what))}.items())


def _pairs(given: Iterable[str], what: str) -> Iterable[tuple[str, str]]:
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InvalidInput(f"{text!r} is not {what}.", "Write NAME=VALUE.")
        yield name.strip(), value


def _split(given: Iterable[str]) -> tuple[str, ...]:
    """Return the words of repeated options, which may also be separated by commas."""
    words = (word.strip() for text in given for word in text.split(","))
    return tuple(dict.fromkeys(filter(None, words)))


def _json_variables(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    source = sys.stdin.read() if text == "-" else text
    try:
        found = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"--variables is no JSON: {error}.", 'Try --variables \'{"name": "value"}\'.'
        ) from error
    if not isinstance(found, dict):
        raise InvalidInput("--variables has to be a JSON object of names and values.")
    return {str(name): _as_text(value) for name, value in found.items()}


def _as_text(value: Any) -> str:
    """Return a value as it stands in a prompt: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
