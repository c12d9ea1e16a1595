"""What a model is asked and what a script lets it answer, free of any transport."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

CALLS = {"function_call", "custom_tool_call"}
OUTPUTS = {"function_call_output", "custom_tool_call_output"}

# codex tells the model about its surroundings in messages of the role user.
CONTEXT = re.compile(r"\s*(<[a-z]+_[a-z_]+>|# AGENTS\.md instructions)")


@dataclass(frozen=True)
class Say:
    """A message of the assistant, streamed word by word (in one piece without `deltas`)."""

    text: str
    deltas: bool = True


@dataclass(frozen=True)
class Think:
    """A reasoning summary, as a model shows it while it thinks."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call of a function tool, e.g. `run_codex` of an agent or `exec_command` of codex.

    To codex, the tools of a tool server NAME are in the namespace `mcp__NAME`.
    """

    name: str
    arguments: dict[str, Any]
    namespace: str = ""


@dataclass(frozen=True)
class CustomCall:
    """A call of a free-form tool; codex's `apply_patch` takes the raw patch text."""

    name: str
    input: str


@dataclass(frozen=True)
class Pause:
    """Silence of `seconds`; `paced` ones follow the server's pace (none at pace 0)."""

    seconds: float
    paced: bool = False


@dataclass(frozen=True)
class Fail:
    """An HTTP error; after something was already streamed, a `response.failed` event."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CutStream:
    """The connection breaks here, before the response is complete."""


@dataclass(frozen=True)
class Garbage:
    """Status 200 and a body that no client can understand; nothing follows it."""


Action = Say | Think | Call | CustomCall | Pause | Fail | CutStream | Garbage


@dataclass(frozen=True)
class ToolCall:
    """A call found in a request: its tool, raw arguments and output (None: not answered)."""

    name: str
    arguments: str
    output: str | None


@dataclass(frozen=True)
class ModelRequest:
    """One POST /v1/responses; `body` is its JSON, header names are in lower case."""

    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return str(self.body.get("model") or "")

    @property
    def instructions(self) -> str:
        return str(self.body.get("instructions") or "")

    @property
    def streaming(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The input items; a bare string counts as one message of the user."""
        given = self.body.get("input") or []
        if isinstance(given, str):
            return [{"role": "user", "content": given}]
        return [item for item in given if isinstance(item, dict)]

    @property
    def tools(self) -> frozenset[str]:
        """The names of the tools offered to the model."""
        offered = self.body.get("tools") or []
        return frozenset(str(tool.get("name", "")) for tool in offered)

    @property
    def from_codex(self) -> bool:
        """Whether codex asks (it names itself in `originator`), not the Agents SDK."""
        return "originator" in self.headers

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON schema that the last message has to follow, if one is asked for."""
        form = (self.body.get("text") or {}).get("format") or {}
        schema = form.get("schema")
        return schema if isinstance(schema, dict) else None

    @property
    def user_texts(self) -> list[str]:
        """What the user's messages say, oldest first (codex adds its context as such ones)."""
        return [_text(item.get("content")) for item in self.inputs if item.get("role") == "user"]

    @property
    def last_user_text(self) -> str:
        texts = self.user_texts
        return texts[-1] if texts else ""

    @property
    def prompt(self) -> str:
        """What codex was last asked: its own context messages do not count."""
        prompts = [text for text in self.user_texts if not CONTEXT.match(text)]
        return prompts[-1] if prompts else ""

    @property
    def calls(self) -> list[ToolCall]:
        """Every tool call of the conversation so far, oldest first."""
        return _calls(self.inputs)

    @property
    def turn_calls(self) -> list[ToolCall]:
        """The tool calls since the last prompt of the user: those of the present turn."""
        inputs = self.inputs
        users = [place for place, item in enumerate(inputs) if _is_prompt(item)]
        return _calls(inputs[users[-1] + 1 :] if users else inputs)

    @property
    def tool_outputs(self) -> list[str]:
        """The outputs of all answered calls of the conversation so far, oldest first."""
        return [call.output for call in self.calls if call.output is not None]

    @property
    def turn_outputs(self) -> list[str]:
        """The outputs of the calls answered in the present turn, oldest first."""
        return [call.output for call in self.turn_calls if call.output is not None]


class Script(Protocol):
    """Decides what the model answers; called from several threads at once."""

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        """Return the answer to one request."""
        ...


def _is_prompt(item: dict[str, Any]) -> bool:
    return item.get("role") == "user" and not CONTEXT.match(_text(item.get("content")))


def _calls(items: Sequence[dict[str, Any]]) -> list[ToolCall]:
    outputs = {
        str(item.get("call_id")): _text(item.get("output"))
        for item in items
        if item.get("type") in OUTPUTS
    }
    return [
        ToolCall(
            str(item.get("name", "")),
            str(item.get("arguments") or item.get("input") or ""),
            outputs.get(str(item.get("call_id"))),
        )
        for item in items
        if item.get("type") in CALLS
    ]


def _text(content: Any) -> str:
    return "".join(_pieces(content))


def _pieces(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            yield from _pieces(part)
    elif isinstance(content, dict):
        yield from _pieces(content.get("text") or content.get("content") or "")
