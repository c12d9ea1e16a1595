"""From what a person wrote to a setting's value, or to a sentence about what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import (
    ApprovalPolicy,
    CodexEngine,
    DefaultWorkflow,
    Mode,
    Sandbox,
    Unattended,
)
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.pricing import Price
from foredeck.services.settings import HostPlace, Limits, Recovery

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_NO_CAUSE = "none"

E = TypeVar("E", bound=StrEnum)


class _WrongError(Exception):
    """Carries what was expected."""


def convert(field: Field[Any], value: Any, base: Path) -> tuple[Any, str]:
    """Return the value for a field and "", or None and what is wrong with it.

    `base` is the directory that a relative path starts from.
    """
    kind = str(field.type)
    optional = kind.endswith(" | None")
    if optional and value == "":
        return None, ""
    try:
        result = _READERS[kind.removesuffix(" | None")](value, base)
        _check(result, field.metadata["limits"])
    except _WrongError as wrong:
        return None, f"{wrong}{_but(value, field.metadata['limits'])}"
    return result, ""


def _but(value: Any, limits: Limits) -> str:
    # Somebody may have written down the secret itself: it is not repeated.
    return "" if limits.kind.startswith("secret") else f", not {value!r}"


def _check(value: Any, limits: Limits) -> None:
    if limits.kind == "secret":
        from foredeck.services.secret_references import check_reference

        if problem := check_reference(value):
            raise _WrongError(problem)
    if limits.kind == "patterns":
        _check_patterns(value)
    if limits.kind == "beginnings":
        _check_beginnings(value)
    if limits.kind == "url" and not _is_url(value):
        raise _WrongError("expected an address that begins with http:// or https://")
    if isinstance(value, (int, float)) and not _within(value, limits):
        raise _WrongError(f"expected {_range(limits)}")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _within(value: float, limits: Limits) -> bool:
    return (
        (limits.at_least is None or value >= limits.at_least)
        and (limits.at_most is None or value <= limits.at_most)
        and (limits.above is None or value > limits.above)
    )


def _range(limits: Limits) -> str:
    if limits.above is not None:
        return f"more than {limits.above:g} and at most {limits.at_most:.0f}"
    return f"{limits.at_least:g} to {limits.at_most:g}"


def _path(value: Any, base: Path) -> Path:
    text = str(value) if isinstance(value, Path) else _text(value, base)
    if "\0" in text:
        raise _WrongError("expected a path")
    try:
        return base / Path(text).expanduser()
    except RuntimeError:
        raise _WrongError("expected a path in a home directory that exists") from None


def _text(value: Any, _base: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _WrongError("expected text")
    return value


def _integer(value: Any, _base: Path) -> int:
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            value = None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _WrongError("expected a whole number")
    return value


def _number(value: Any, _base: Path) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _WrongError("expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _WrongError("expected a number")
    return number


def _flag(value: Any, _base: Path) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _YES | _NO:
        raise _WrongError("expected true or false")
    return word in _YES


def _member(kind: type[E]) -> Callable[[Any, Path], E]:
    def read(value: Any, _base: Path) -> E:
        word = value.strip().lower().replace("_", "-") if isinstance(value, str) else ""
        for member in kind:
            if member.value == word:
                return member
        raise _WrongError(f"expected one of {', '.join(kind)}")

    return read


_PRICE_FIELDS = frozenset(field.name for field in fields(Price))
_NO_PRICES = 'expected a table for each model, like [prices."gpt-5.5"]'


def _prices(value: Any, _base: Path) -> dict[str, Price]:
    if not isinstance(value, Mapping):
        raise _WrongError(_NO_PRICES)
    return {model: _price(str(model), table) for model, table in value.items()}


def _price(model: str, table: Any) -> Price:
    if isinstance(table, Price):
        return table
    if not isinstance(table, Mapping):
        raise _WrongError(_NO_PRICES)
    given = dict(table)
    # Without a price of its own, what came out of the cache costs like any other input.
    given.setdefault("cached_input", given.get("input"))
    if wrong := sorted(set(given) ^ _PRICE_FIELDS) or [n for n in given if not _is_price(given[n])]:
        raise _WrongError(
            f"expected input, output and, if it differs, cached_input as US dollars for a "
            f"million tokens; see {wrong[0]} of {model}"
        )
    return Price(**{name: float(amount) for name, amount in given.items()})


def _is_price(amount: Any) -> bool:
    if not isinstance(amount, (int, float)) or isinstance(amount, bool):
        return False
    return 0 <= amount < math.inf


_NO_RULES = 'expected a table of rules, like [command_policy] with sudo = "deny"'


def _rules(value: Any, base: Path) -> dict[Rule, PolicyAction]:
    if not isinstance(value, Mapping):
        raise _WrongError(_NO_RULES)
    found: dict[Rule, PolicyAction] = {}
    for name, word in value.items():
        try:
            rule = Rule(str(name).lower().replace("-", "_"))
        except ValueError:
            raise _WrongError(f"expected rules among {', '.join(Rule)}") from None
        try:
            found[rule] = _member(PolicyAction)(word, base)
        except _WrongError as wrong:
            raise _WrongError(f"{name}: {wrong}") from None
    return found


def _texts(value: Any, base: Path) -> tuple[str, ...]:
    """One text is a list of one, as the environment gives it."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise _WrongError("expected a list of texts")
    return tuple(_text(item, base) for item in items)


def _causes(value: Any, base: Path) -> tuple[Cause, ...]:
    """A text names them between commas, as the environment gives it; none is none of them."""
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise _WrongError(f"expected a list of {', '.join(Cause)}, or none")
    if list(items) == [_NO_CAUSE]:
        return ()
    read = _member(Cause)
    return tuple(dict.fromkeys(read(item, base) for item in items))


def _command(value: Any, base: Path) -> str | tuple[str, ...]:
    """A text is for the shell, a list is a program and its arguments."""
    if isinstance(value, str):
        return _without_nul(_text(value, base))
    if not isinstance(value, (list, tuple)) or not value:
        raise _WrongError("expected a command: a text for the shell, or a list of words")
    if not all(isinstance(word, str) for word in value) or not value[0].strip():
        raise _WrongError("expected texts in the list: a program and its arguments")
    return tuple(_without_nul(word) for word in value)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise _WrongError("expected text without a NUL character")
    return text


def _check_patterns(patterns: tuple[str, ...]) -> None:
    import re

    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise _WrongError(f"expected regular expressions ({error})") from None


def _check_beginnings(beginnings: tuple[str, ...]) -> None:
    from foredeck.services.jobs.shell_words import read_shell

    for text in beginnings:
        if len(read_shell(text)) != 1:
            raise _WrongError("expected one command in each text")


def _tool_servers(value: Any, _base: Path) -> dict[str, McpServer]:
    from foredeck.services.tool_server_values import NO_SERVERS, read_servers

    if not isinstance(value, Mapping):
        raise _WrongError(NO_SERVERS)
    servers, problem = read_servers(value)
    if problem:
        raise _WrongError(problem)
    return servers


# By the type that a field is declared with.
_READERS: dict[str, Callable[[Any, Path], Any]] = {
    "Path": _path,
    "str": _text,
    "int": _integer,
    "float": _number,
    "bool": _flag,
    "HostPlace": _member(HostPlace),
    "Recovery": _member(Recovery),
    "Mode": _member(Mode),
    "Sandbox": _member(Sandbox),
    "ApprovalPolicy": _member(ApprovalPolicy),
    "Unattended": _member(Unattended),
    "CodexEngine": _member(CodexEngine),
    "DefaultWorkflow": _member(DefaultWorkflow),
    "Mapping[str, Price]": _prices,
    "Mapping[str, McpServer]": _tool_servers,
    "Mapping[Rule, PolicyAction]": _rules,
    "tuple[str, ...]": _texts,
    "tuple[Cause, ...]": _causes,
    "str | tuple[str, ...]": _command,
}
