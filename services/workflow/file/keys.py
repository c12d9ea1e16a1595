"""The keys of a workflow file: the one table that the reader and the JSON schema use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yaml import ScalarNode

from foredeck.services.agents.registry import AGENTS
from foredeck.services.codex.codex_arguments import parse_config
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import Backoff, InputType
from foredeck.services.workflow.conditions import LIMIT
from foredeck.services.workflow.file.compound import Key, Listing, Record, Table, record_schema
from foredeck.services.workflow.file.reading import Pending, Reading
from foredeck.services.workflow.file.shapes import (
    LONGEST_LINE,
    Anything,
    Choice,
    Flag,
    Number,
    Shape,
    Text,
    Written,
    refuse,
)
from foredeck.services.workflow.file.templates import Use

MOST_STEPS = 1_000
"""Steps of a workflow, after the matrix (SPEC D1)."""

_DAY = 86_400
_ID = r"[A-Za-z0-9_-]{1,64}"
_ID_FORM = "letters, digits, _ and -, 64 at most"

ID = Text(Use.FIXED, _ID, _ID_FORM)


@dataclass(frozen=True)
class CodexSetting(Text):
    """A setting of codex as `key=value`."""

    def _checked(self, node: ScalarNode, at: Reading) -> str | Pending:
        text = super()._checked(node, at)
        if isinstance(text, Pending):
            return text
        try:
            parse_config([text])
        except InvalidInput as error:
            plain = "Write key=value, the value in TOML."
            return refuse(node, at, error.message, error.advice if "=" in text else plain)
        return text


NAME = Text(Use.FIXED, r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "letters, digits, . _ and -")
_NEED = Text(Use.FIXED, longest=LONGEST_LINE)
_LINE = Text(longest=LONGEST_LINE)
_SECONDS = Number(1, _DAY, unit="seconds")

RETRIES = Record(
    (
        Key("max", Number(0, 10, whole=True), "Retries after the first attempt."),
        Key("delay", Number(0, _DAY, unit="seconds"), "Seconds before the first retry."),
        Key("backoff", Choice(tuple(b.value for b in Backoff)), "How the delay grows."),
        Key("max_delay", Number(0, _DAY, unit="seconds"), "The longest delay, in seconds."),
        Key("jitter", Number(0, 1), "The fraction by which a delay may vary."),
    )
)
REWORK = Record(
    (
        Key("to", _NEED, "The step from which the work is done again.", required=True),
        Key("max", Number(0, 10, whole=True), "How often the work may be sent back."),
        Key(
            "when",
            Text(Use.FIXED, longest=LIMIT),
            "The condition on which it is, by what this step has come to; a verdict that does not "
            "approve needs none.",
        ),
    )
)
VERIFY = Record(
    (
        Key("command", Text(Use.SHELL, may_be_empty=True), "The shell command.", required=True),
        Key("rounds", Number(0, 10, whole=True), "How often codex may mend what fails."),
        Key("timeout", _SECONDS, "Seconds for one execution."),
    ),
    short="command",
)
GATE = Record(
    (Key("message", Text(Use.LATE), "What a person is asked.", required=True),), "message"
)
ENVIRONMENT = Table(
    Written(), r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, not a digit first"
)
METADATA = Table(Written(), r"[^\x00-\x1f]{1,100}", "1 to 100 characters of one line")
MATRIX_VALUES = Listing(Written(Use.FIXED), '["3.11", "3.12"]', least=1)
MATRIX = Table(MATRIX_VALUES, _ID, _ID_FORM, least=1, most=10)
NEEDS = Listing(_NEED, "[build, test]")

INPUT = Record(
    (
        Key("type", Choice(tuple(t.value for t in InputType), fixed=True), "What it is."),
        Key("description", _LINE, "What it is for."),
        Key("default", Anything(), "Its value if none is given; without it, one has to be."),
        Key("choices", Listing(Anything(), "[1, 2, 3]", least=1), "The values that it may have."),
    ),
    may_be_empty=True,
)
INPUTS = Table(INPUT, _ID, _ID_FORM)

_ANY = frozenset(StepKind)
_WORK = _ANY - {StepKind.GATE}
_CODEX = frozenset({StepKind.CODEX, StepKind.AGENT})
_PROCESSES = frozenset({StepKind.COMMAND, StepKind.CODEX})


@dataclass(frozen=True)
class StepKey(Key):
    """A key of a step, and the kinds of steps that have it."""

    kinds: frozenset[StepKind] = _ANY


def _key(
    name: str,
    shape: Shape,
    about: str,
    kinds: frozenset[StepKind] | StepKind = _ANY,
    *,
    required: bool = False,
) -> StepKey:
    listed = frozenset({kinds}) if isinstance(kinds, StepKind) else kinds
    return StepKey(name, shape, about, required, listed)


STEP = (
    _key("id", ID, "The name by which other steps need it.", required=True),
    _key(
        "kind",
        Choice(tuple(kind.value for kind in StepKind), fixed=True),
        "What the step does: agent, codex, command or gate.",
        required=True,
    ),
    _key("title", _LINE, "What people read; without it, the id in words."),
    _key("needs", NEEDS, "The steps that come before it."),
    _key("when", Text(Use.FIXED, longest=LIMIT), "The condition without which it is skipped."),
    _key("matrix", MATRIX, "Values; the step is there once for each combination of them."),
    _key("critical", Flag(), "Whether its failure fails the run."),
    _key("skip", Flag(), "Whether it counts as done from the start."),
    _key("priority", Number(-1000, 1000, whole=True), "Of steps that may start, higher first."),
    _key("metadata", METADATA, "Notes that are kept and shown, and mean nothing."),
    _key("retries", RETRIES, "How a failed attempt is repeated.", _WORK),
    _key("timeout", _SECONDS, "Seconds for one attempt of the step.", _WORK),
    _key("repeatable", Flag(), "Whether doing it twice does no harm.", _WORK),
    _key(
        "role",
        Choice(tuple(AGENTS), fixed=True),
        "The agent that works on it.",
        StepKind.AGENT,
        required=True,
    ),
    _key("rework", REWORK, "Where the work is sent back to, and when."),
    _key("prompt", Text(Use.LATE), "What codex is told.", StepKind.CODEX, required=True),
    _key(
        "command",
        Text(Use.SHELL),
        "The command, for /bin/sh.",
        StepKind.COMMAND,
        required=True,
    ),
    _key("gate", GATE, "What a person is asked.", StepKind.GATE, required=True),
    _key("env", ENVIRONMENT, "Environment variables of its processes.", _PROCESSES),
    _key("verify", VERIFY, "The command that its work has to pass.", _CODEX),
    _key("model", _LINE, "The model that codex uses.", _CODEX),
    _key("sandbox", Choice(tuple(s.value for s in Sandbox)), "What codex may touch.", _CODEX),
    _key(
        "codex_config",
        Listing(
            CodexSetting(longest=LONGEST_LINE), '["model_reasoning_effort=\\"high\\""]', most=50
        ),
        "Settings of codex as key=value, the value in TOML.",
        _CODEX,
    ),
    _key("turn_timeout", _SECONDS, "Seconds for one codex turn.", _CODEX),
)
BY_NAME = {key.name: key for key in STEP}

_SHARED = (
    "retries",
    "timeout",
    "critical",
    "repeatable",
    "env",
    "priority",
    "model",
    "sandbox",
)
DEFAULTS = Record(tuple(Key(k.name, k.shape, k.about) for k in STEP if k.name in _SHARED))


def keys_of(kind: StepKind) -> tuple[StepKey, ...]:
    """Return the keys that steps of a kind have."""
    return tuple(key for key in STEP if kind in key.kinds)


class StepShape:
    """The shape of a step for the schema; the reader reads steps one key at a time."""

    def read(self, node: Any, at: Any) -> Any:
        """Return the node as it is."""
        return node

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema: all keys, and for each kind those that it lacks or requires."""
        keys = (Key(k.name, k.shape, k.about, k.required and k.kinds == _ANY) for k in STEP)
        return {**record_schema(keys), "allOf": [_kind_schema(kind) for kind in StepKind]}


STEPS = Listing(StepShape(), "- id: build", least=1, most=MOST_STEPS)

WORKFLOW = Record(
    (
        Key("name", NAME, "The name of the workflow; without it, that of the file."),
        Key("description", Text(longest=2_000), "What the workflow does."),
        Key("fail_fast", Flag(), "Whether the first failure stops all other steps."),
        Key("inputs", INPUTS, "What a run has to be given."),
        Key("defaults", DEFAULTS, "What holds for steps that do not say it."),
        Key("steps", STEPS, "The steps, in the order in which people read them.", required=True),
    )
)


def _kind_schema(kind: StepKind) -> dict[str, Any]:
    required = [k.name for k in keys_of(kind) if k.required and k.kinds != _ANY]
    lacks = {key.name: False for key in STEP if kind not in key.kinds}
    return {
        "if": {"properties": {"kind": {"const": kind.value}}, "required": ["kind"]},
        "then": {"required": required, "properties": lacks},
    }
