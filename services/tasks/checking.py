"""Everything that is wrong with a task, at once, each with its field (SPEC T2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.domain import tasks as limits
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.schedules import LONGEST_JITTER, MOST_CAUGHT_UP, Schedule
from foredeck.services.domain.tasks import Mistake, TaskWish
from foredeck.services.domain.tool_limits import CODEX_TOOLS, SERVER_PREFIX
from foredeck.services.tasks.templates import NAME_RULE, is_name, syntax_mistakes
from foredeck.services.workflow.near import did_you_mean, one_of

_SHOWN = 80
_DAY = 86_400.0
_NO_CRON = (
    'A schedule needs --schedule-cron, such as "0 3 * * 1-5": at 03:00 from Monday to Friday.'
)
# Of a budget, in tokens or US dollars; the database keeps no number of any length.
_MOST_SPENT = 10**15
# With these the other half of a schedule is checked alone.
_GOOD_CRON, _GOOD_ZONE = "* * * * *", "UTC"

CheckCron = Callable[[str, str], Iterable[str]]
"""Returns what is wrong with a cron expression in a time zone (`scheduling.cron.check`)."""


def mistakes_of(
    wish: TaskWish, servers: Iterable[str], check_cron: CheckCron
) -> tuple[Mistake, ...]:
    """Return every mistake; `servers` are the tool servers that are known."""
    known = tuple(servers)
    found = {
        "name": _about_name(wish.name.strip()),
        "description": _about_description(wish.description),
        "prompt": (*_about_prompt(wish.prompt), *syntax_mistakes(wish.prompt)),
        "variables": _about_variables(wish),
        "tags": _about_tags(wish.tags),
        "metadata": _about_metadata(wish),
        "allowed_tools": _about_tools(wish.allowed_tools or (), known),
        "disallowed_tools": _about_tools(wish.disallowed_tools, known),
        "timeout": _about_timeout(wish.options.timeout),
        "budget_tokens": _about_budget(wish.options.budget_tokens or 0),
        "budget_cost": _about_budget(wish.options.budget_cost or 0.0),
        "directory": _about_place(wish.directory),
        **({} if wish.schedule is None else _about_schedule(wish.schedule, check_cron)),
        "report_format": _about_report(wish.report_format),
    }
    return tuple(Mistake(field, text) for field, texts in found.items() for text in texts)


def _about_schedule(schedule: Schedule, check_cron: CheckCron) -> dict[str, Iterable[str]]:
    """Return what is wrong with the fields of a schedule."""
    cron = schedule.cron.strip()
    of_cron = (*check_cron(cron, _GOOD_ZONE),) if cron else (_NO_CRON,)
    of_zone = (*check_cron(_GOOD_CRON, schedule.timezone),)
    times, seconds = schedule.catch_up, schedule.jitter
    many = f"A schedule catches up with 1 to {MOST_CAUGHT_UP} missed due times."
    long = f"The jitter of a schedule is 0 to {LONGEST_JITTER:.0f} seconds."
    return {
        "cron": of_cron,
        "timezone": of_zone,
        "catch_up": [] if 1 <= times <= MOST_CAUGHT_UP else [many],
        "jitter": [] if 0 <= seconds <= LONGEST_JITTER else [long],
    }


def _about_name(name: str) -> Iterator[str]:
    if not name:
        yield "A task needs a name."
    elif len(name) > limits.NAME_LENGTH:
        yield f"A name has at most {limits.NAME_LENGTH} characters."
    elif safe_line(name) != name:
        yield "The name has unprintable characters."


def _about_description(description: str) -> Iterator[str]:
    if len(description) > limits.DESCRIPTION_LENGTH:
        yield f"A description has at most {limits.DESCRIPTION_LENGTH:,} characters."


def _about_prompt(prompt: str) -> Iterator[str]:
    if not prompt.strip():
        yield "A task needs a prompt template."
    elif len(prompt) > limits.PROMPT_LENGTH:
        yield f"A prompt template has at most {limits.PROMPT_LENGTH:,} characters."


def _about_tags(tags: tuple[str, ...]) -> Iterator[str]:
    if len(tags) > limits.MOST_TAGS:
        yield f"A task has at most {limits.MOST_TAGS} tags."
    for tag in tags:
        if not tag.strip() or len(tag) > limits.TAG_LENGTH or safe_line(tag) != tag:
            yield f"A tag is 1 to {limits.TAG_LENGTH} printable characters: {_shown(tag)} is not."


def _about_metadata(wish: TaskWish) -> Iterator[str]:
    if sum(len(n) + len(v) for n, v in wish.metadata) > limits.METADATA_BYTES:
        yield f"Metadata has at most {limits.METADATA_BYTES:,} characters."


def _about_variables(wish: TaskWish) -> Iterator[str]:
    for name, _ in wish.variables:
        if not is_name(name):
            yield f"{_shown(name)} is no variable: {NAME_RULE}."


def _about_tools(names: tuple[str, ...], servers: tuple[str, ...]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if name in CODEX_TOOLS or name in TOOLS:
            continue
        if name.startswith(SERVER_PREFIX):
            yield from _about_server_tool(name, servers)
            continue
        known = (*CODEX_TOOLS, *TOOLS)
        hint = did_you_mean(name, known) or f"{one_of(CODEX_TOOLS)}, an agent's, or mcp__SERVER."
        yield f"There is no tool {_shown(name)}. {hint}"


def _about_server_tool(name: str, servers: tuple[str, ...]) -> Iterator[str]:
    called = [SERVER_PREFIX + server for server in servers]
    if not any(name == whole or name.startswith(f"{whole}__") for whole in called):
        server = name.removeprefix(SERVER_PREFIX).partition("__")[0]
        known = f" The tool servers are {one_of(servers, 'and')}." if servers else ""
        yield f"There is no tool server {_shown(server)} for {_shown(name)}.{known}"


def _about_timeout(seconds: float | None) -> Iterator[str]:
    if seconds is not None and not 0 < seconds <= _DAY:
        yield f"A timeout is more than 0 and at most {_DAY:,.0f} seconds."


def _about_budget(budget: float) -> Iterator[str]:
    if not 0 <= budget <= _MOST_SPENT:  # nor is it one that is no number
        yield f"A budget is 0 to {_MOST_SPENT:,}: {budget} is not."


def _about_place(directory: str) -> Iterator[str]:
    path = PurePosixPath(directory)
    if not path.is_absolute() and (".." in path.parts or "\0" in directory):
        yield "The working directory lies within the workspace, without `..`."


def _about_report(given: str) -> Iterator[str]:
    formats = tuple(kind.value for kind in ReportFormat)
    if given not in formats:
        yield f"There is no report format {_shown(given)}: {one_of(formats)}."


def _shown(text: str) -> str:
    return repr(safe_line(text, limit=_SHOWN))
