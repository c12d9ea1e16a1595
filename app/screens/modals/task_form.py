"""What is typed about a task, as text by field, and the task that it describes (pure)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.tasks import Mistake, Task, TaskOptions, TaskWish, wish_of

T = TypeVar("T")

YES, NO = "yes", "no"
NO_REPORT = "none"
AS_SET = "as set"
NO_TOOLS = "none"
# About what a person can be told: any end is a bad one as well.
NOTIFIES: dict[str, tuple[Cause, ...] | None] = {
    AS_SET: None,
    "nothing": (),
    "any end": (Cause.FINISH,),
    "bad ends": (Cause.FAILURE,),
    "any end, waiting": (Cause.FINISH, Cause.WAITING),
    "bad ends, waiting": (Cause.FAILURE, Cause.WAITING),
    "waiting": (Cause.WAITING,),
}
_FIRST = {
    "workflow": "codex",
    "timezone": "UTC",
    "enabled": YES,
    "overlap": Overlap.SKIP.value,
    "misfire": Misfire.RUN_ONCE.value,
    "catch_up": "1",
    "report": NO_REPORT,
    "notify": AS_SET,
    "public": NO,
}


@dataclass(slots=True)
class TaskDraft:
    """What was typed so far, by field; `task` is the one that is changed.

    An empty `project` is the one for odds and ends.
    """

    project: str = ""
    values: dict[str, str] = field(default_factory=dict)
    task: Task | None = None

    def get(self, name: str) -> str:
        """Return what stands in a field."""
        return self.project if name == "project" else self.values.get(name, _FIRST.get(name, ""))

    def put(self, name: str, text: str) -> None:
        """Keep what stands in a field."""
        if name == "project":
            self.project = text
        else:
            self.values[name] = text


def draft_of(task: Task) -> TaskDraft:
    """Return a task as the fields show it."""
    options = task.options
    values = {
        "name": task.name,
        "description": task.description,
        "prompt": task.prompt,
        "variables": "\n".join(_line(name, value) for name, value in task.variables),
        "workflow": task.workflow,
        "tags": ", ".join(task.tags),
        "directory": task.directory,
        "public": YES if task.public else NO,
        "report": task.report_format.value if task.report else NO_REPORT,
        "notify": _notify_choice(task.notify),
        "allowed": _tools(task.allowed_tools),
        "disallowed": ", ".join(task.disallowed_tools),
        "model": options.model or "",
        "sandbox": options.sandbox.value if options.sandbox else "",
        "mode": options.mode.value if options.mode else "",
        "timeout": _number(options.timeout),
        "budget_tokens": _number(options.budget_tokens),
        "budget_cost": _number(options.budget_cost),
    }
    return TaskDraft(task.project_id, values | _of_schedule(task.schedule), task)


def _of_schedule(schedule: Schedule | None) -> dict[str, str]:
    if schedule is None:
        return {}
    return {
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "enabled": YES if schedule.enabled else NO,
        "overlap": schedule.overlap.value,
        "misfire": schedule.misfire.value,
        "catch_up": str(schedule.catch_up),
        "jitter": _number(schedule.jitter),
    }


def _tools(names: tuple[str, ...] | None) -> str:
    return "" if names is None else ", ".join(names) or NO_TOOLS


def _number(value: float | None) -> str:
    return "" if value is None else str(value).removesuffix(".0")


def _notify_choice(causes: tuple[Cause, ...] | None) -> str:
    if causes is None:
        return AS_SET
    wanted = set(causes) - ({Cause.FAILURE} if Cause.FINISH in causes else set())
    return next(
        name for name, known in NOTIFIES.items() if known is not None and set(known) == wanted
    )


def _line(name: str, value: str) -> str:
    if value == value.strip() and value.isprintable() and not value.startswith('"'):
        return f"{name} = {value}"
    printable = value.replace("\n", "").isprintable()
    return f"{name} = {json.dumps(value, ensure_ascii=not printable)}"


def read_variables(text: str) -> tuple[tuple[str, str], ...]:
    """Return the defaults that were typed, one a line as `name = value`.

    A value in double quotes is read as JSON text: it may hold line ends. Raises `InvalidInput`.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            name, sign, value = line.partition("=")
            if not sign or not name.strip():
                raise InvalidInput(f"Line {number}: write NAME = VALUE.")
            found[name.strip()] = _value(value.strip(), number)
    return tuple(found.items())


def _value(text: str, line: int) -> str:
    if not (text.startswith('"') and text.endswith('"') and len(text) > 1):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, str):
        raise InvalidInput(f'Line {line}: what is in quotes has to be JSON text, like "a\\nb".')
    return value


def read_list(text: str) -> tuple[str, ...]:
    """Return the words between commas, each once."""
    return tuple(dict.fromkeys(word for word in map(str.strip, text.split(",")) if word))


def read_draft(draft: TaskDraft) -> tuple[TaskWish, dict[str, str]]:
    """Return the task that is wished for, and what cannot be read at all, by field.

    What cannot be read is left out of the wish, so that the rest can be checked.
    """
    reader = _Reader(draft)
    task = draft.task
    report = draft.get("report")
    wish = replace(
        wish_of(task) if task else TaskWish("", ""),
        name=draft.get("name").strip(),
        prompt=draft.get("prompt"),
        description=draft.get("description").strip(),
        variables=reader.read("variables", read_variables, ()),
        project=draft.project or None,
        workflow=draft.get("workflow").strip() or _FIRST["workflow"],
        allowed_tools=reader.read("allowed", _read_tools, None),
        disallowed_tools=reader.read("disallowed", read_list, ()),
        options=reader.options(),
        directory=draft.get("directory").strip(),
        schedule=reader.schedule(),
        report=report != NO_REPORT,
        report_format=(
            report
            if report != NO_REPORT
            else task.report_format.value
            if task
            else ReportFormat.HTML.value
        ),
        notify=_notify(draft),
        tags=reader.read("tags", _read_tags, ()),
        public=draft.get("public") == YES,
    )
    return (_kept(wish, draft, task) if task else wish), reader.mistakes


def field_of(mistake: Mistake) -> str:
    """Return the name of the field in which a mistake is to be mended."""
    return {**_TOLD_AS_TEXT, "report_format": "report"}.get(mistake.field, mistake.field)


# What a text says less exactly than the task does, each with its field.
_TOLD_AS_TEXT = {
    "variables": "variables",
    "allowed_tools": "allowed",
    "disallowed_tools": "disallowed",
    "tags": "tags",
}


def _kept(wish: TaskWish, draft: TaskDraft, task: Task) -> TaskWish:
    """Return the wish with what nobody has changed exactly as it is in the task."""
    before, old = draft_of(task), wish_of(task)
    same = {
        attribute: getattr(old, attribute)
        for attribute, name in _TOLD_AS_TEXT.items()
        if draft.get(name) == before.get(name)
    }
    return replace(wish, **same)


def _read_tools(text: str) -> tuple[str, ...] | None:
    if not text.strip():
        return None
    return () if text.strip() == NO_TOOLS else read_list(text)


def _read_tags(text: str) -> tuple[str, ...]:
    return tuple(tag.removeprefix("#") for tag in read_list(text))


def _notify(draft: TaskDraft) -> tuple[Cause, ...] | None:
    """Return the causes that were chosen; those of the task if the choice is still the same."""
    choice, task = draft.get("notify"), draft.task
    if task is not None and choice == _notify_choice(task.notify):
        return task.notify
    return NOTIFIES[choice]


class _Reader:
    """Reads numbers and lists of a draft; keeps what is wrong with them by field."""

    def __init__(self, draft: TaskDraft) -> None:
        self._draft = draft
        self.mistakes: dict[str, str] = {}

    def read(self, name: str, convert: Callable[[str], T], otherwise: T) -> T:
        try:
            return convert(self._draft.get(name))
        except InvalidInput as error:
            self.mistakes[name] = error.message
            return otherwise

    def options(self) -> TaskOptions:
        draft = self._draft
        sandbox, mode = draft.get("sandbox"), draft.get("mode")
        tokens = self.read("budget_tokens", _whole, None)
        return TaskOptions(
            model=draft.get("model").strip() or None,
            sandbox=Sandbox(sandbox) if sandbox else None,
            mode=Mode(mode) if mode else None,
            timeout=self.read("timeout", _real, None),
            budget_tokens=tokens,
            budget_cost=self.read("budget_cost", _real, None),
        )

    def schedule(self) -> Schedule | None:
        draft = self._draft
        cron = draft.get("cron").strip()
        if not cron:
            return None
        return Schedule(
            cron=cron,
            timezone=draft.get("timezone").strip() or _FIRST["timezone"],
            enabled=draft.get("enabled") == YES,
            overlap=Overlap(draft.get("overlap")),
            misfire=Misfire(draft.get("misfire")),
            catch_up=self.read("catch_up", _whole, None) or 1,
            jitter=self.read("jitter", _real, None) or 0.0,
        )


def _whole(text: str) -> int | None:
    try:
        return int(text.replace(",", "").replace("_", "")) if text.strip() else None
    except ValueError:
        raise InvalidInput("Write a whole number, or nothing.") from None


def _real(text: str) -> float | None:
    try:
        value = float(text.replace(",", "")) if text.strip() else None
    except ValueError:
        value = float("nan")
    if value is not None and value - value != 0:  # neither inf nor nan is a number to go by
        raise InvalidInput("Write a number, like 600, or nothing.")
    return value
