"""Records to rows and back, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

from sqlalchemy import Table, bindparam, select

from foredeck.services.domain.chat import ChatMessage, ChatState, Conversation
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.jobs import JobOrder, Priority
from foredeck.services.domain.notices import Cause, Channel, Delivery, DeliveryState, Notification
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import (
    Attempt,
    FollowUp,
    Job,
    Message,
    Mode,
    Project,
    ProjectFile,
    PromptEdit,
    Role,
    Run,
    Sandbox,
    SkipCause,
    Step,
    StepKind,
    TokenUsage,
    Trigger,
)
from foredeck.services.domain.reports import Report, ReportFormat
from foredeck.services.domain.schedules import Fire, FireState
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState
from foredeck.services.domain.tasks import Counted, Execution, ListedTask, Task
from foredeck.services.redaction import Redactor
from foredeck.services.store import tables, task_tables
from foredeck.services.store.codecs import (
    CHANGES,
    FAILURE,
    FLAG,
    NAMES,
    PAIRS,
    PATH,
    PLAIN,
    SCHEDULE,
    SETTINGS,
    TASK_OPTIONS,
    TEXT,
    TIME,
    VERDICT,
    Codec,
    enum,
    enums,
    optional,
)
from foredeck.services.store.text import Text

R = TypeVar(
    "R",
    bound=Project
    | Run
    | Step
    | Attempt
    | Job
    | JobOrder
    | Message
    | Question
    | FollowUp
    | PromptEdit
    | ProjectFile
    | Conversation
    | ChatMessage
    | ListedTask
    | Execution
    | Fire
    | Report
    | Notification
    | Delivery,
)

_USAGE = ("input", "cached_input", "output", "reasoning")
# The declared type of a field, as `from __future__ import annotations` leaves it.
_BY_TYPE = {
    "str": TEXT,
    "str | None": optional(TEXT),
    "bool": FLAG,
    "int": PLAIN,
    "int | None": PLAIN,
    "float": PLAIN,
    "float | None": PLAIN,
    "datetime": TIME,
    "datetime | None": optional(TIME),
    "tuple[str, ...]": NAMES,
    "tuple[FileChange, ...]": CHANGES,
    "tuple[tuple[str, str], ...]": PAIRS,
    "Failure | None": FAILURE,
    "Verdict | None": VERDICT,
    "ProjectSettings": SETTINGS,
    "Trigger": enum(Trigger),
    "Mode": enum(Mode),
    "Role": enum(Role),
    "StepKind": enum(StepKind),
    "SkipCause": enum(SkipCause),
    "RunState": enum(RunState),
    "StepState": enum(StepState),
    "JobState": enum(JobState),
    "Priority": enum(Priority),
    "Sandbox | None": optional(enum(Sandbox)),
    "QuestionKind": enum(QuestionKind),
    "QuestionState": enum(QuestionState),
    "ChatState": enum(ChatState),
    "tuple[str, ...] | None": optional(NAMES),
    "TaskOptions": TASK_OPTIONS,
    "Schedule | None": optional(SCHEDULE),
    "ReportFormat": enum(ReportFormat),
    "ReportFormat | None": optional(enum(ReportFormat)),
    "tuple[Cause, ...] | None": optional(enums(Cause)),
    "Cause": enum(Cause),
    "Channel": enum(Channel),
    "DeliveryState": enum(DeliveryState),
    "Counted": enum(Counted),
    "FireState": enum(FireState),
}
_KEPT_AS_THEY_ARE = (PLAIN, TEXT, _BY_TYPE["str | None"])
_WORDS = (_BY_TYPE["str"], _BY_TYPE["str | None"], FAILURE, VERDICT)
_PATHS = frozenset(
    {"workspace", "output_path", "place", "input_file", "output_file", "directory", "path"}
)
# Texts that the program itself goes by: they stay exactly as they are.
_EXACT = frozenset(
    {"key", "workflow", "definition", "current_stage", "type", "model", "tool", "agent", "sha256"}
)


class RecordMap(Generic[R]):
    """Knows how one kind of record lies in its table; `usage` takes four columns.

    With `usage_is_sum`, triggers keep it: a record read a while ago must not undo what
    they have added since, so `usage` is never among the changes. What of the table is no field
    of the record is not read.
    """

    def __init__(
        self, record: type[R], table: Table, *, usage_is_sum: bool = False, noun: str = ""
    ) -> None:
        self.record = record
        self.table = table
        self._usage_is_sum = usage_is_sum
        self.noun = noun or record.__name__.lower()
        self._codecs: dict[str, Codec] = {
            field.name: PATH if field.name in _PATHS else _BY_TYPE[str(field.type)]
            for field in fields(record)
            if field.name != "usage"
        }
        self._decoders = [
            (name, codec.decode)
            for name, codec in self._codecs.items()
            if codec not in _KEPT_AS_THEY_ARE
        ]
        self._texts_within = {
            name: Redactor.json_text if codec in (FAILURE, VERDICT) else Redactor.text
            for name, codec in self._codecs.items()
            if codec in _WORDS and name not in _EXACT and not name.endswith("id")
        }
        if "arguments" in self._texts_within:
            self._texts_within["arguments"] = Redactor.json_text
        self._has_usage = "usage" in {field.name for field in fields(record)}
        self._columns = [column.name for column in table.columns]
        self._texts: dict[tuple[str, ...], Text] = {}
        self.selecting_all = Text.of(select(table)).sql
        self.selecting = f"{self.selecting_all} WHERE id = ?"
        self.inserting = Text.of(table.insert(), list(self.to_names()))

    def to_names(self) -> tuple[str, ...]:
        """Return the columns that a record fills, in the order of `to_row`."""
        usage = tuple(f"usage_{name}" for name in _USAGE) if self._has_usage else ()
        return (*self._codecs, *usage)

    def updating(self, names: tuple[str, ...]) -> Text:
        """Return the update of these columns in the row with the id `key`."""
        if names not in self._texts:
            update = self.table.update().where(self.table.c.id == bindparam("key"))
            self._texts[names] = Text.of(update, list(names))
        return self._texts[names]

    def to_row(self, record: R) -> dict[str, Any]:
        """Return the columns of a record."""
        row = {name: codec.encode(getattr(record, name)) for name, codec in self._codecs.items()}
        if self._has_usage:
            row |= _usage_row(record)
        return row

    def redacted(self, row: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
        """Return columns without the secrets in their texts; ids and paths stay."""
        return {
            name: self._texts_within[name](redactor, value)
            if value and name in self._texts_within
            else value
            for name, value in row.items()
        }

    def to_record(self, row: Sequence[Any]) -> R:
        """Return the record of a row of the table; raises `StoreError` for a damaged one."""
        columns = dict(zip(self._columns, row, strict=True))
        try:
            values = {name: columns[name] for name in self._codecs}
            for name, decode in self._decoders:
                values[name] = decode(values[name])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"The stored {self.noun} {columns['id']} cannot be understood: {error}.",
                "The database was changed by something else; restore a backup.",
            ) from error
        if self._has_usage:
            values["usage"] = TokenUsage(*(columns[f"usage_{name}"] for name in _USAGE))
        return self.record(**values)

    def changes(self, old: R, new: R) -> dict[str, Any]:
        """Return the columns in which two records differ, with the values of `new`."""
        changed: dict[str, Any] = {}
        for name, codec in self._codecs.items():
            before, after = getattr(old, name), getattr(new, name)
            if before is not after and before != after:
                changed[name] = codec.encode(after)
        if self.counts_usage:
            used, uses = _usage_row(old), _usage_row(new)
            changed |= {name: uses[name] for name in uses if uses[name] != used[name]}
        return changed

    @property
    def counts_usage(self) -> bool:
        """Whether the usage of these records is added to that of what they belong to."""
        return self._has_usage and not self._usage_is_sum


def _usage_row(record: object) -> dict[str, int]:
    usage: TokenUsage = getattr(record, "usage")  # noqa: B009
    return {f"usage_{name}": getattr(usage, name) for name in _USAGE}


PROJECTS = RecordMap(Project, tables.PROJECT)
RUNS = RecordMap(Run, tables.RUN, usage_is_sum=True)
STEPS = RecordMap(Step, tables.STEP, usage_is_sum=True)
ATTEMPTS = RecordMap(Attempt, tables.ATTEMPT)
JOBS = RecordMap(Job, tables.JOB)
JOB_ORDERS = RecordMap(JobOrder, tables.JOB_ORDER)
MESSAGES = RecordMap(Message, tables.MESSAGE)
QUESTIONS = RecordMap(Question, tables.QUESTION)
FOLLOW_UPS = RecordMap(FollowUp, tables.FOLLOW_UP)
PROMPT_EDITS = RecordMap(PromptEdit, tables.PROMPT_EDIT)
CONVERSATIONS = RecordMap(Conversation, tables.CONVERSATION, usage_is_sum=True)
CHAT_MESSAGES = RecordMap(ChatMessage, tables.CHAT_MESSAGE)
PROJECT_FILES = RecordMap(ProjectFile, tables.PROJECT_FILE)
TASKS = RecordMap(Task, task_tables.TASK)
LISTED_TASKS = RecordMap(ListedTask, task_tables.TASK, noun="task")
EXECUTIONS = RecordMap(Execution, task_tables.EXECUTION)
FIRES = RecordMap(Fire, task_tables.FIRE)
REPORTS = RecordMap(Report, task_tables.REPORT)
NOTIFICATIONS = RecordMap(Notification, task_tables.NOTIFICATION)
DELIVERIES = RecordMap(Delivery, task_tables.DELIVERY)
