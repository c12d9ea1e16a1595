"""The language of `when`."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.workflow import conditions
from foredeck.services.workflow.conditions import ConditionError, parse

VALUES: dict[str, object] = {
    "inputs.level": 2,
    "inputs.share": 0.5,
    "inputs.loud": True,
    "inputs.quiet": False,
    "inputs.version": "1.10",
    "inputs.empty": "",
    "matrix.python": "3.11",
    "matrix.fast": "true",
    "steps.build.state": "success",
    "steps.build.summary": "12 files, 0 warnings",
    "steps.test-3.11.state": "failed",
}


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "not false",
        "inputs.loud",
        "not inputs.quiet",
        "not not inputs.loud",
        "inputs.level == 2",
        "inputs.level != 3",
        "inputs.level >= 2 and inputs.level <= 2",
        "1 < inputs.level",
        "-1 < inputs.share",
        "inputs.share == 0.50",
        "inputs.level in [1, 2]",
        "not inputs.level in [3]",
        "not inputs.level in []",
        'inputs.version == "1.10"',
        "inputs.version == '1.10'",
        "inputs.loud == true",
        'steps.build.state == "success"',
        'steps.test-3.11.state in ["failed", "skipped"]',
        'contains(steps.build.summary, "0 warn")',
        'not contains(steps.build.summary, "error")',
        'contains("abc", "b") == true',
        "false or false or true",
        "false and true or true",
        "true or true and false",
        "(false or true) and (true)",
        'not false == true and "a" < "b"',
        "inputs.level==2 and true",
        r'"a\"b" == ' + "'a\"b'",
        r'"\\" != ""',
        # Text is read as the type of what it is compared with.
        "matrix.python == 3.11",
        # 3.11 is a number here, not a version.
        "matrix.python < 3.9",
        "matrix.fast == true",
        "matrix.fast",
        # What cannot be compared is unequal.
        "inputs.version != true",
        'inputs.level != "two"',
        "not 1 < true",
        "true != 1",
        # A name without a value is empty text.
        'steps.gone.summary == ""',
        "not steps.gone.summary",
    ],
)
def test_what_holds(text: str) -> None:
    assert parse(text).holds(VALUES) is True


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "0",
        '""',
        '"false"',
        "inputs.empty",
        "inputs.level > 2",
        "inputs.level < 2",
        "inputs.level in [1, 3]",
        "true and false",
        "not (true or false)",
        'inputs.level < "two"',
        'inputs.level > "two"',
        "true == 1",
        'contains("", "x")',
        'steps.build.state == "failed"',
    ],
)
def test_what_does_not_hold(text: str) -> None:
    assert parse(text).holds(VALUES) is False


def test_the_names_of_a_condition() -> None:
    text = (
        "inputs.level > 1 and (matrix.os in ['linux', matrix.more]"
        " or contains(steps.a.summary, inputs.word)) and steps.t-3.11.state != 'failed'"
    )
    assert parse(text).names() == {
        "inputs.level",
        "matrix.os",
        "matrix.more",
        "steps.a.summary",
        "inputs.word",
        "steps.t-3.11.state",
    }
    assert parse("true").names() == frozenset()
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("steps.build.state", "build"),
        ("steps.test-3.11-linux.summary", "test-3.11-linux"),
        ("inputs.steps", ""),
    ],
)
def test_the_step_of_a_name(name: str, step: str) -> None:
    assert conditions.step_of(name) == step


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "The condition is empty. Leave the key out instead."),
        ("   ", 1, "The condition is empty. Leave the key out instead."),
        (
            "inputs.x = 1",
            10,
            "Expected `and`, `or` or the end, found “=”. Write == for equal.",
        ),
        ("inputs.x && true", 10, "Expected `and`, `or` or the end, found “&&”. Write and."),
        ("inputs.x || true", 10, "Expected `and`, `or` or the end, found “||”. Write or."),
        (
            "!inputs.x",
            1,
            "Expected a name or a value, found “!”. Write not, or != for unequal.",
        ),
        (
            "inputs.x not in [1]",
            10,
            "Expected `and`, `or` or the end, found “not”. "
            "Write not in front: not inputs.NAME in [1, 2].",
        ),
        (
            "{{inputs.x}}",
            1,
            "Expected a name or a value, found “{{”. "
            "A condition takes names without braces: inputs.NAME.",
        ),
        ("'abc", 1, "Expected a name or a value, found “'”. The closing quote is missing."),
        ("inputs.x ==", 12, "Expected a name or a value, found the end."),
        ("(inputs.x", 10, "Expected ), found the end."),
        ("inputs.x)", 9, "Expected `and`, `or` or the end, found “)”."),
        ("inputs.x in 1", 13, "Expected [, found “1”."),
        ("inputs.x in [1 2]", 16, "Expected ,, found “2”."),
        ("and inputs.x", 1, "Expected a name or a value, found “and”."),
        ("1 < inputs.x < 3", 14, "Comparisons cannot be chained. Join two with and."),
        ("level > 1", 1, '“level” is not a name. Text has to be in quotes: "level".'),
        ("inputs.x == True", 13, "“True” is not a name. Write true."),
        (
            "steps.build.status",
            1,
            "“steps.build.status” is not a name. "
            "A name is inputs.NAME, matrix.KEY, steps.ID.state or steps.ID.summary.",
        ),
        ("len(inputs.x)", 1, "There is no function len. The only one is contains(text, part)."),
        ("contains(inputs.x)", 18, "Expected ,, found “)”."),
        (
            'steps.a.state == "done"',
            18,
            "No step has the state “done”. The states are pending, running, waiting, retry, "
            "success, failed, skipped and cancelled.",
        ),
        (
            "'sucess' == steps.a.state",
            10,
            "No step has the state “sucess”. Did you mean success?",
        ),
        (
            'steps.a.state in ["failed", "skiped"]',
            29,
            "No step has the state “skiped”. Did you mean skipped?",
        ),
        ("1.2.3 == 1", 1, "Expected a name or a value, found “1”."),
        ("not " * 51 + "true", 205, "It is nested more than 50 levels deep. Make it simpler."),
        ("(" * 51, 52, "It is nested more than 50 levels deep. Make it simpler."),
        ("a" * 2001, 1, "A condition has at most 2,000 characters."),
    ],
)
def test_what_is_not_understood(text: str, column: int, said: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert (caught.value.column, str(caught.value)) == (column, said)
    assert isinstance(caught.value, InvalidInput)


def test_a_long_flat_condition_is_not_deep() -> None:
    assert parse(" and ".join(["1"] * 250)).holds({})


NAMES = ("inputs.a", "inputs.b", "matrix.c", "steps.d.summary")
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-20, 20),
    st.floats(-9, 9).map(lambda number: round(number, 2)),
    st.sampled_from(["", "a", "1", "1.5", "true", "false", "ab c", "b'\"\\"]),
)


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{value:.2f}" if isinstance(value, float) else str(value)


# A condition as text, beside the same as a function of the values.
@st.composite
def _operands(draw: st.DrawFn) -> tuple[str, Any]:
    if draw(st.booleans()):
        name = draw(st.sampled_from(NAMES))
        return name, lambda values: values[name]
    value = draw(SCALARS)
    return _quoted(value), lambda _values: value


def _like(value: Any, other: Any) -> Any:
    if isinstance(value, str) and not isinstance(other, str):
        if isinstance(other, bool):
            return {"true": True, "false": False}.get(value, value)
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _family(value: Any) -> str:
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _reference(sign: str, left: Any, right: Any) -> bool:
    left, right = _like(left, right), _like(right, left)
    if _family(left) != _family(right):
        return sign == "!="
    less, equal = bool(left < right), bool(left == right)
    return {
        "==": equal,
        "!=": not equal,
        "<": less,
        "<=": less or equal,
        ">": not (less or equal),
        ">=": not less,
    }[sign]


@st.composite
def _comparisons(draw: st.DrawFn) -> tuple[str, Any]:
    (left, left_value), (right, right_value) = draw(_operands()), draw(_operands())
    sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    return f"{left} {sign} {right}", lambda v: _reference(sign, left_value(v), right_value(v))


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def joined(pair: Any, word: str) -> tuple[str, Any]:
        (left, left_value), (right, right_value) = pair
        choose = any if word == "or" else all
        return (
            f"({left}) {word} ({right})",
            lambda v: choose([left_value(v), right_value(v)]),
        )

    return st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", lambda v: not one[1](v))),
        st.tuples(inner, inner).map(lambda pair: joined(pair, "and")),
        st.tuples(inner, inner).map(lambda pair: joined(pair, "or")),
    )


@settings(deadline=None)
@given(
    st.recursive(_comparisons(), _combined, max_leaves=6),
    st.fixed_dictionaries(dict.fromkeys(NAMES, SCALARS)),
)
def test_it_agrees_with_a_simple_reference(condition: Any, values: dict[str, Any]) -> None:
    text, expected = condition
    parsed = parse(text)
    assert parsed.holds(values) is expected(values)
    assert parsed.names() == {name for name in NAMES if name in text}


WORDS = st.sampled_from(
    [
        *'()[],<1é\\."',
        *("inputs.a", "steps.b.state", "contains", "and", "or", "not", "in", "true"),
        *("==", "&&", "'x'", "-2.5"),
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map(" ".join)))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        condition = parse(text)
    except ConditionError as error:
        column = error.column
    else:
        assert condition.holds({}) in (True, False)
        return
    assert 1 <= column <= len(text) + 1
