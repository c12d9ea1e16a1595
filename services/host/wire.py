"""What goes over the host's socket: one JSON object a line, in both directions.

A client sends requests, each with an `id` of its own choice:

    {"id": 1, "ask": "GetRun", "with": {"ref": "7s24"}}
    {"id": 2, "do": "CancelRun", "with": {…}}
    {"id": 3, "listen": null}                      or a seq to replay from
    {"id": 3, "stop": true}                        ends that subscription

The host begins with who it is and answers in any order:

    {"wire": 1, "version": "0.1.0", "role": "foredeck serve", "pid": 4711}
    {"id": 1, "answer": {…}}
    {"id": 2, "error": "Conflict", "with": {"message": …, "advice": …}}
    {"id": 3, "event": "RunSaved", "with": {…}}
    {"bye": true}                                  what has no answer yet was not begun

Queries, commands, answers, events and errors are found by their types, so that a new one
needs nothing here. pydantic is imported with the first message.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from foredeck.services.domain import errors, records
from foredeck.services.domain.errors import ForedeckError, InvalidInput
from foredeck.services.domain.events import Event, Resync
from foredeck.services.host.interface import Command, Query

WIRE = 1
"""Grows when the form of the messages themselves changes."""

R = TypeVar("R")
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """Who answers at the socket; `takes_up` says that it goes on with what others have left."""

    role: str
    pid: int
    version: str
    takes_up: bool = True

    def __str__(self) -> str:
        return f"{self.role} (process {self.pid})"


def load() -> None:
    """Import what the messages need; takes a moment, so not on an event loop."""
    import pydantic  # noqa: F401


def to_line(message: Message) -> bytes:
    """Return a message as a line; what is no valid Unicode survives it."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """Return the message of a line; raises `InvalidInput` if it is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("A line is no JSON.") from error
    if not isinstance(message, dict):
        raise InvalidInput("A line is no JSON object.")
    return message


def encode(value: Any, kind: Any = None) -> Any:
    """Return a value as what JSON can say; `kind` is its type, where that is not its class."""
    return _adapter(cast("Hashable", kind or type(value))).dump_python(
        value, mode="json", warnings=False
    )


def decode(kind: type[R], fields: Any) -> R:
    """Return the value of this type; raises `InvalidInput` saying what does not fit."""
    from pydantic import ValidationError

    try:
        return cast("R", _adapter(cast("Hashable", kind)).validate_python(fields))
    except (ValidationError, RecursionError) as error:
        raise InvalidInput(f"{_name(kind)} does not fit: {_first_mistake(error)}.") from error


def answer_type(kind: type) -> Any:
    """Return the type of what a query or a command returns: the R of its `Query[R]`."""
    for base in kind.__mro__:
        for written in getattr(base, "__orig_bases__", ()):
            if get_origin(written) in (Query, Command):
                (answer,) = get_args(written)
                return type(None) if answer is None else answer
    raise TypeError(f"{kind.__name__} is neither a Query nor a Command")


def encode_event(event: Event) -> Message:
    """Return an event as a part of a message."""
    return {"event": type(event).__name__, "with": encode(event)}


def decode_event(message: Message) -> Event:
    """Return the event; one of a kind that is not known here becomes a `Resync`."""
    fields = message.get("with")
    kind = {k.__name__: k for k in _subclasses(Event)}.get(str(message.get("event")))
    if kind is None:
        return Resync(seq=fields.get("seq", 0) if isinstance(fields, dict) else 0)
    return decode(kind, fields)


def encode_error(error: ForedeckError) -> Message:
    """Return an error as a part of a message: what it was constructed with."""
    for kind in type(error).__mro__:
        hints = _parameters(kind)
        if all(hasattr(error, name) for name in hints):
            break
    fields = {name: encode(getattr(error, name), hint) for name, hint in hints.items()}
    return {"error": kind.__name__, "with": fields}


def decode_error(message: Message) -> ForedeckError:
    """Return the error to raise, of the class that was raised in the host if it is known."""
    fields = message.get("with")
    given = fields if isinstance(fields, dict) else {}
    known = {k.__name__: k for k in _subclasses(ForedeckError)}
    kind: type[ForedeckError] = known.get(str(message.get("error")), ForedeckError)
    hints = _parameters(kind)
    if not hints.keys() <= given.keys():
        return ForedeckError(str(given.get("message", "The host refused.")))
    return kind(**{name: decode(hint, given[name]) for name, hint in hints.items()})


def _parameters(kind: type) -> dict[str, Any]:
    """Return the types of what an error is constructed with, by name."""
    start = next(vars(k)["__init__"] for k in kind.__mro__ if "__init__" in vars(k))
    hints = get_type_hints(start, localns={**vars(records), **vars(errors)})
    names = inspect.signature(kind).parameters
    return {name: hints.get(name, str) for name in names}


def _subclasses(kind: type[R]) -> Iterator[type[R]]:
    """Yield every subclass, the ones that dataclasses made anew after their originals."""
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


@cache
def _adapter(kind: Hashable) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(cast("Any", kind))


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _first_mistake(error: Exception) -> str:
    mistakes: list[Any] = getattr(error, "errors", list)()
    if not mistakes:
        return "it is nested too deeply"
    where = ".".join(map(str, mistakes[0]["loc"]))
    return f"{where or 'it'}: {mistakes[0]['msg']}"
