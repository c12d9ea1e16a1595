"""Whatever may cross the host's socket comes out as it went in."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.services.domain import errors as domain_errors
from foredeck.services.domain import records
from foredeck.services.domain.errors import ForedeckError, InvalidInput, StepFailed
from foredeck.services.domain.events import Event, Resync
from foredeck.services.host import command_handlers, query_handlers, wire
from foredeck.services.host.interface import Command, Query

assert command_handlers
assert query_handlers

T = TypeVar("T")

st.register_type_strategy(float, st.floats(allow_nan=False))
_MOMENTS = st.datetimes(timezones=st.just(UTC))
st.register_type_strategy(datetime, _MOMENTS)


def values_of(form: Any) -> st.SearchStrategy[Any]:
    """Return values of a type, which may be a generic dataclass such as `Page[RunRow]`."""
    kind: Any = get_origin(form)
    if not is_dataclass(kind):
        return st.from_type(form)
    given = dict(zip(getattr(kind, "__parameters__"), get_args(form), strict=True))  # noqa: B009
    hints = get_type_hints(kind)
    fields = {name: st.from_type(_filled(hint, given)) for name, hint in hints.items()}
    return st.builds(cast("Any", kind), **fields)


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    """Return a hint with its type variables replaced."""
    names = getattr(hint, "__parameters__", ())
    return hint[tuple(given[name] for name in names)] if names else given.get(hint, hint)


def known(base: type[T]) -> list[type[T]]:
    """Return every subclass that Foredeck itself declares, each once."""
    found = {kind.__name__: kind for kind in wire._subclasses(base)}
    return [kind for kind in found.values() if kind.__module__.startswith("foredeck.")]


def over(value: Any) -> Any:
    """Return what comes out of a line."""
    return wire.from_line(wire.to_line({"with": value}))["with"]


@pytest.mark.parametrize("kind", [*known(Query), *known(Command)], ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_wish_and_its_answer(kind: type, data: st.DataObject) -> None:
    wish = data.draw(st.from_type(kind))
    assert wire.decode(kind, over(wire.encode(wish))) == wish
    form = wire.answer_type(kind)
    answer = data.draw(values_of(form))
    assert wire.decode(form, over(wire.encode(answer, form))) == answer


@pytest.mark.parametrize("kind", known(Event), ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_an_event(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(st.from_type(kind))
    came = wire.decode_event(over(wire.encode_event(event)))
    assert came == event
    assert type(came) is kind
    assert came.at == event.at


@pytest.mark.parametrize("kind", known(ForedeckError), ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_an_error(kind: type[ForedeckError], data: st.DataObject) -> None:
    error = data.draw(st.builds(kind, **_constructor(kind)))
    came = wire.decode_error(over(wire.encode_error(error)))
    assert type(came) is kind
    assert vars(came) == vars(error)
    assert str(came) == str(error)


def _constructor(kind: type[ForedeckError]) -> dict[str, Any]:
    return {name: st.from_type(hint) for name, hint in wire._parameters(kind).items()}


def test_there_is_something_of_each() -> None:
    assert len(known(Query)) > 5
    assert len(known(Command)) > 5
    assert Resync in known(Event)
    assert StepFailed in known(ForedeckError)


def test_an_event_that_is_not_known_here_means_that_something_was_missed() -> None:
    assert wire.decode_event({"event": "Unheard", "with": {"seq": 7}}) == Resync(seq=7)


def test_an_error_that_is_not_known_here_keeps_its_sentence() -> None:
    said = {"message": "No.", "advice": "Ask."}
    error = wire.decode_error({"error": "Unheard", "with": said})
    assert (type(error), str(error)) == (ForedeckError, "No. Ask.")
    assert "refused" in str(wire.decode_error({"error": "Unheard", "with": [1]}))


class Choosy(ForedeckError):
    """Is constructed with what it does not keep."""

    def __init__(self, colour: str) -> None:
        super().__init__(f"Not {colour}.")


def test_an_error_that_cannot_be_told_whole_is_told_as_its_base() -> None:
    came = wire.decode_error(over(wire.encode_error(Choosy("red"))))
    assert (type(came), str(came)) == (ForedeckError, "Not red.")


def test_what_is_no_valid_unicode_survives() -> None:
    name = "caf\udce9"
    assert over(wire.encode(name)) == name


@dataclass(frozen=True)
class Number(Query[int]):
    """Takes a number."""

    value: int


@pytest.mark.parametrize("fields", [None, [], {}, {"value": "many"}, {"value": {"a": 1}}])
def test_what_does_not_fit_is_a_sentence(fields: Any) -> None:
    with pytest.raises(InvalidInput, match="Number does not fit"):
        wire.decode(Number, fields)


@pytest.mark.parametrize("line", [b"", b"{", b"\xff\n", b"[1]", b"7", b"[" * 100_000])
def test_a_line_that_is_no_message_is_a_sentence(line: bytes) -> None:
    with pytest.raises(InvalidInput, match="A line is no JSON"):
        wire.from_line(line)


def test_the_names_of_all_kinds_are_different() -> None:
    for base in (Query, Command, Event, ForedeckError):
        names = [kind.__qualname__ for kind in known(base)]
        assert len(names) == len(set(names))
    assert get_type_hints(StepFailed.__init__, vars(domain_errors) | vars(records))
