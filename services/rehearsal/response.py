"""The Responses API as events and objects: what a scripted answer looks like on the wire."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from foredeck.services.rehearsal.exchange import (
    Action,
    Call,
    CustomCall,
    ModelRequest,
    Say,
    Think,
)

CHARACTERS_PER_TOKEN = 4
CACHE_BLOCK = 128

WORD_SECONDS = 0.035
THOUGHT_SECONDS = 0.045
TYPED_CHARACTERS_PER_SECOND = 900.0
LONGEST_TYPING = 1.6

Event = tuple[dict[str, Any], float]


class ResponseBuilder:
    """Turns the actions of one answer into stream events and the response object.

    Every event comes with the seconds that pass before it at human speed.
    """

    def __init__(self, request: ModelRequest) -> None:
        self.id = f"resp_{uuid4().hex}"
        self.request = request
        self.output: list[dict[str, Any]] = []
        self.reasoning_characters = 0
        self._sequence = count()

    def created(self) -> dict[str, Any]:
        return self._event("response.created", response=self.response("in_progress"))

    def completed(self) -> dict[str, Any]:
        return self._event("response.completed", response=self.response("completed"))

    def failed(self, error: dict[str, Any]) -> dict[str, Any]:
        response = self.response("failed") | {"error": error}
        return self._event("response.failed", response=response)

    def events(self, action: Action) -> Iterator[Event]:
        """Yield the events of one item of output; actions that say nothing yield none."""
        if isinstance(action, Say):
            yield from self._message(action)
        elif isinstance(action, Think):
            yield from self._reasoning(action)
        elif isinstance(action, Call | CustomCall):
            yield from self._call(action)

    def response(self, status: str) -> dict[str, Any]:
        """Return the response object with the output so far; usage only at the end."""
        body = self.request.body
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": self.request.model,
            "output": list(self.output),
            "parallel_tool_calls": bool(body.get("parallel_tool_calls", True)),
            "temperature": 1.0,
            "tool_choice": body.get("tool_choice") or "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": self.usage() if status == "completed" else None,
        }

    def usage(self) -> dict[str, Any]:
        """Estimate tokens from the lengths of what was asked and answered."""
        asked = len(json.dumps(self.request.body, ensure_ascii=False))
        received = _tokens(asked)
        answered = sum(len(json.dumps(item, ensure_ascii=False)) for item in self.output)
        produced = _tokens(answered)
        return {
            "input_tokens": received,
            "input_tokens_details": {"cached_tokens": received * 3 // 5 // CACHE_BLOCK * 128},
            "output_tokens": produced,
            "output_tokens_details": {"reasoning_tokens": self._reasoning_tokens()},
            "total_tokens": received + produced,
        }

    def _reasoning_tokens(self) -> int:
        return _tokens(self.reasoning_characters) if self.reasoning_characters else 0

    def _message(self, action: Say) -> Iterator[Event]:
        item = {"type": "message", "id": f"msg_{uuid4().hex[:16]}", "role": "assistant"}
        place = {"item_id": item["id"], "output_index": len(self.output), "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        yield self._added({**item, "status": "in_progress", "content": []}), 0.0
        yield self._event("response.content_part.added", **place, part=empty), 0.0
        for piece in words(action.text) if action.deltas else [action.text]:
            delta = self._event("response.output_text.delta", **place, delta=piece, logprobs=[])
            yield delta, WORD_SECONDS
        part = {**empty, "text": action.text}
        done = self._event("response.output_text.done", **place, text=action.text, logprobs=[])
        yield done, 0.0
        yield self._event("response.content_part.done", **place, part=part), 0.0
        yield self._done({**item, "status": "completed", "content": [part]}), 0.0

    def _reasoning(self, action: Think) -> Iterator[Event]:
        self.reasoning_characters += len(action.text)
        item = {"type": "reasoning", "id": f"rs_{uuid4().hex[:16]}"}
        place = {"item_id": item["id"], "output_index": len(self.output), "summary_index": 0}
        name = "response.reasoning_summary"
        empty = {"type": "summary_text", "text": ""}
        yield self._added({**item, "summary": []}), 0.0
        yield self._event(f"{name}_part.added", **place, part=empty), 0.0
        for piece in words(action.text):
            yield self._event(f"{name}_text.delta", **place, delta=piece), THOUGHT_SECONDS
        part = {**empty, "text": action.text}
        yield self._event(f"{name}_text.done", **place, text=action.text), 0.0
        yield self._event(f"{name}_part.done", **place, part=part), 0.0
        yield self._done({**item, "summary": [part]}), 0.0

    def _call(self, action: Call | CustomCall) -> Iterator[Event]:
        number = uuid4().hex[:16]
        item: dict[str, Any] = {"call_id": f"call_{number}", "name": action.name}
        if isinstance(action, Call):
            kind, field, text = "function_call", "arguments", json.dumps(action.arguments)
            item |= {"type": kind, "id": f"fc_{number}"}
            item |= {"namespace": action.namespace} if action.namespace else {}
        else:
            kind, field, text = "custom_tool_call", "input", action.input
            item |= {"type": kind, "id": f"ctc_{number}"}
        place = {"item_id": item["id"], "output_index": len(self.output)}
        stem = f"response.{kind}_{field}"
        yield self._added({**item, "status": "in_progress", field: ""}), 0.0
        yield self._event(f"{stem}.delta", **place, delta=text), typing_seconds(text)
        yield self._event(f"{stem}.done", **place, **{field: text}), 0.0
        yield self._done({**item, "status": "completed", field: text}), 0.0

    def _added(self, item: dict[str, Any]) -> dict[str, Any]:
        index = len(self.output)
        return self._event("response.output_item.added", output_index=index, item=item)

    def _done(self, item: dict[str, Any]) -> dict[str, Any]:
        index = len(self.output)
        self.output.append(item)
        return self._event("response.output_item.done", output_index=index, item=item)

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "sequence_number": next(self._sequence), **fields}


def build(request: ModelRequest, actions: Sequence[Action]) -> tuple[dict[str, Any], float]:
    """Return the whole response object and the seconds that it takes at human speed."""
    builder = ResponseBuilder(request)
    seconds = sum(wait for action in actions for _, wait in builder.events(action))
    return builder.response("completed"), seconds


def words(text: str) -> list[str]:
    """Split into words that keep the space behind them: joined, they are the text."""
    return re.findall(r"\s*\S+\s*?(?=\S|$)|\s+", text) if text else []


def typing_seconds(text: str) -> float:
    """Return how long the model takes to write a call's arguments, at human speed."""
    return min(len(text) / TYPED_CHARACTERS_PER_SECOND, LONGEST_TYPING)


def _tokens(characters: int) -> int:
    return max(1, -(-characters // CHARACTERS_PER_TOKEN))
