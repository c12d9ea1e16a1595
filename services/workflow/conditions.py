"""The conditions of `when` (SPEC D1): a small language of comparisons, parsed by hand.

    either     = both { "or" both }
    both       = negation { "and" negation }
    negation   = "not" negation | comparison
    comparison = operand [ ( == | != | < | <= | > | >= ) operand | "in" list ]
    operand    = text | number | true | false | name | contains | "(" either ")"
    contains   = "contains" "(" operand "," operand ")"
    list       = "[" [ operand { "," operand } ] "]"
    name       = inputs.NAME | matrix.KEY | steps.ID.state | steps.ID.summary

Text stands in single or double quotes; a backslash takes the next character as it is.

A number and text, and a truth value and text, are compared by reading the text as the other
(the values of a matrix are text). What cannot be compared is unequal, and neither less nor
greater. Alone, a value holds unless it is false, 0, empty or the text `false`; a name that
has no value counts as empty text.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import StepState
from foredeck.services.workflow.near import did_you_mean, one_of

LIMIT = 2_000
"""The longest condition, in characters."""

DEPTH = 50
"""How deeply parentheses, `not` and functions may be nested."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z_][\w.-]*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||\{\{|[^\s]))",
    re.ASCII | re.DOTALL,
)
_NAME = re.compile(r"(?:inputs|matrix)\.[\w-]+|steps\.[\w.-]+\.(?:state|summary)", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d{1,300})?", re.ASCII)
_TRUTH = {"true": True, "false": False}
_STATES = tuple(state.value for state in StepState)
_KEYWORDS = frozenset({"and", "or", "not", "in"})
_HINTS = {
    "&&": "Write and.",
    "||": "Write or.",
    "!": "Write not, or != for unequal.",
    "=": "Write == for equal.",
    "{{": "A condition takes names without braces: inputs.NAME.",
    '"': "The closing quote is missing.",
    "'": "The closing quote is missing.",
    "not": "Write not in front: not inputs.NAME in [1, 2].",
}
_NAMES_ARE = "A name is inputs.NAME, matrix.KEY, steps.ID.state or steps.ID.summary."
_TOO_DEEP = f"It is nested more than {DEPTH} levels deep."

Scalar = str | int | float | bool
Values = Mapping[str, object]


class ConditionError(InvalidInput):
    """A condition cannot be understood; `column` counts its characters from 1."""

    def __init__(self, message: str, advice: str = "", column: int = 1) -> None:
        super().__init__(message, advice)
        self.column = column


class _Term(Protocol):
    def value(self, values: Values) -> Scalar: ...


@dataclass(frozen=True, slots=True)
class _Literal:
    said: Scalar

    def value(self, values: Values) -> Scalar:
        return self.said


@dataclass(frozen=True, slots=True)
class _Name:
    name: str

    def value(self, values: Values) -> Scalar:
        found = values.get(self.name)
        return found if isinstance(found, str | int | float) else ""


@dataclass(frozen=True, slots=True)
class _Contains:
    text: _Term
    part: _Term

    def value(self, values: Values) -> Scalar:
        return _as_text(self.part.value(values)) in _as_text(self.text.value(values))


@dataclass(frozen=True, slots=True)
class _Not:
    term: _Term

    def value(self, values: Values) -> Scalar:
        return not _holds(self.term.value(values))


@dataclass(frozen=True, slots=True)
class _Joined:
    """Terms joined by `or` (`decisive` True ends it early) or by `and` (False)."""

    terms: tuple[_Term, ...]
    decisive: bool

    def value(self, values: Values) -> Scalar:
        for term in self.terms:
            if _holds(term.value(values)) is self.decisive:
                return self.decisive
        return not self.decisive


@dataclass(frozen=True, slots=True)
class _Comparison:
    left: _Term
    sign: str
    right: _Term

    def value(self, values: Values) -> Scalar:
        return _compare(self.sign, self.left.value(values), self.right.value(values))


@dataclass(frozen=True, slots=True)
class _In:
    term: _Term
    items: tuple[_Term, ...]

    def value(self, values: Values) -> Scalar:
        found = self.term.value(values)
        return any(_compare("==", found, item.value(values)) for item in self.items)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was understood."""

    text: str
    _term: _Term
    _names: frozenset[str]

    def names(self) -> frozenset[str]:
        """Return the full names that it asks for, such as `steps.build.state`."""
        return self._names

    def holds(self, values: Values) -> bool:
        """Whether it holds for `values`, which map full names to values; never raises."""
        return _holds(self._term.value(values))


def parse(text: str) -> Condition:
    """Return the condition that `text` says; raises `ConditionError`."""
    if len(text) > LIMIT:
        raise ConditionError(f"A condition has at most {LIMIT:,} characters.")
    parser = _Parser(list(_tokens(text)))
    term = parser.whole()
    return Condition(text, term, frozenset(parser.names))


def step_of(name: str) -> str:
    """Return the id of the step that a name like `steps.build.state` is about, else empty."""
    return name.removeprefix("steps.").rpartition(".")[0] if name.startswith("steps.") else ""


def check_name(name: str) -> str:
    """Return what is wrong with the form of a name, empty if nothing is."""
    return "" if _NAME.fullmatch(name) else f"“{safe_line(name, limit=60)}” is not a name."


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    said: str
    column: int


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while match := _TOKEN.match(text, position):
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind) + 1)
        position = match.end()
    yield _Token("end", "", len(text.rstrip()) + 1)


class _Parser:
    """Reads tokens from left to right, one method for each rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self.names: set[str] = set()

    def whole(self) -> _Term:
        if self._next.kind == "end":
            raise ConditionError("The condition is empty.", "Leave the key out instead.")
        term = self._either()
        if self._next.kind != "end":
            raise self._unexpected("`and`, `or` or the end")
        return term

    def _either(self) -> _Term:
        return self._joined("or", self._both)

    def _both(self) -> _Term:
        return self._joined("and", self._negation)

    def _joined(self, word: str, part: Callable[[], _Term]) -> _Term:
        terms = [part()]
        while self._took(word):
            terms.append(part())
        return terms[0] if len(terms) == 1 else _Joined(tuple(terms), word == "or")

    def _negation(self) -> _Term:
        if self._took("not"):
            with self:
                return _Not(self._negation())
        return self._comparison()

    def _comparison(self) -> _Term:
        left = self._operand()
        sign = self._next
        if self._took("in"):
            return _In(left, self._list(left))
        if sign.kind != "sign" or sign.said not in _COMPARED:
            return left
        self._at += 1
        column = self._next.column
        right = self._operand()
        _check_state(left, right, column)
        _check_state(right, left, sign.column)
        if self._next.said in _COMPARED and self._next.kind == "sign":
            raise ConditionError(
                "Comparisons cannot be chained.", "Join two with and.", self._next.column
            )
        return _Comparison(left, sign.said, right)

    def _list(self, left: _Term) -> tuple[_Term, ...]:
        self._expect("[")
        items: list[_Term] = []
        while not self._took("]"):
            if items:
                self._expect(",")
            column = self._next.column
            items.append(self._operand())
            _check_state(left, items[-1], column)
        return tuple(items)

    def _operand(self) -> _Term:
        token = self._next
        if token.kind == "text":
            self._at += 1
            return _Literal(re.sub(r"\\(.)", r"\1", token.said[1:-1], flags=re.DOTALL))
        if token.kind == "number":
            self._at += 1
            return _Literal(_number(token.said))
        if self._took("("):
            with self:
                inner = self._either()
                self._expect(")")
                return inner
        if token.kind == "word" and token.said not in _KEYWORDS:
            self._at += 1
            return self._word(token)
        raise self._unexpected("a name or a value")

    def _word(self, token: _Token) -> _Term:
        if token.said in _TRUTH:
            return _Literal(_TRUTH[token.said])
        if self._next.said == "(" and self._next.kind == "sign":
            return self._function(token)
        if wrong := check_name(token.said):
            raise ConditionError(wrong, _advice(token.said), token.column)
        self.names.add(token.said)
        return _Name(token.said)

    def _function(self, token: _Token) -> _Term:
        if token.said != "contains":
            wrong = f"There is no function {safe_line(token.said, limit=60)}."
            raise ConditionError(wrong, "The only one is contains(text, part).", token.column)
        self._expect("(")
        with self:
            text = self._operand()
            self._expect(",")
            part = self._operand()
            self._expect(")")
        return _Contains(text, part)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _took(self, said: str) -> bool:
        token = self._next
        found = token.said == said and token.kind in ("word", "sign")
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise self._unexpected(sign)

    def _unexpected(self, wanted: str) -> ConditionError:
        token = self._next
        found = f"“{safe_line(token.said, limit=40)}”" if token.said else "the end"
        advice = _HINTS.get(token.said, "") if token.kind != "text" else ""
        return ConditionError(f"Expected {wanted}, found {found}.", advice, token.column)

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise ConditionError(_TOO_DEEP, "Make it simpler.", self._next.column)

    def __exit__(self, *_raised: object) -> None:
        self._depth -= 1


def _advice(word: str) -> str:
    if word in ("True", "False"):
        return f"Write {word.lower()}."
    if "." not in word:
        return f'Text has to be in quotes: "{safe_line(word, limit=60)}".'
    return _NAMES_ARE


def _check_state(name: _Term, other: _Term, column: int) -> None:
    """Find a state that no step ever has, which would make the condition never hold."""
    if not (isinstance(name, _Name) and step_of(name.name) and name.name.endswith(".state")):
        return
    if isinstance(other, _Literal) and other.said not in _STATES:
        said = safe_line(_as_text(other.said), limit=40)
        advice = did_you_mean(said, _STATES) or f"The states are {one_of(_STATES, 'and')}."
        raise ConditionError(f"No step has the state “{said}”.", advice, column)


_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compare(sign: str, left: Scalar, right: Scalar) -> bool:
    left, right = _like(left, right), _like(right, left)
    if _sort(left) is not _sort(right):
        return sign == "!="
    return _COMPARED[sign](left, right)


def _like(value: Scalar, other: Scalar) -> Scalar:
    """Return `value` as a value of the other's type if it is text that says one."""
    if not isinstance(value, str) or isinstance(other, str):
        return value
    if isinstance(other, bool):
        return _TRUTH.get(value, value)
    return _number(value) if _NUMBER.fullmatch(value) else value


def _sort(value: Scalar) -> type:
    return type(value) if isinstance(value, bool) else str if isinstance(value, str) else float


def _number(said: str) -> int | float:
    return float(said) if "." in said or len(said) > 300 else int(said)


def _as_text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holds(value: Scalar) -> bool:
    return bool(value) and value != "false"
