from foredeck.services.domain.workflow import InputSpec
from foredeck.services.tasks.templates import render, syntax_mistakes, variables_of


def test_variables_are_named_once_and_in_their_order() -> None:
    template = "Review {{file}} for {{ goal }}, then {{file}} again; \\{{not}} this."

    assert variables_of(template) == ("file", "goal")
    assert syntax_mistakes(template) == ()


def test_a_value_is_never_looked_through_for_more() -> None:
    done = render("{{a}} and {{b}}", {}, {"a": "{{b}}", "b": "two"})

    assert done.prompt == "{{b}} and two"
    assert done.values == (("a", "{{b}}"), ("b", "two"))


def test_what_is_given_goes_before_the_default() -> None:
    done = render("{{a}} {{b}}", {"a": "one", "b": "two"}, {"b": "three"})

    assert done.prompt == "one three"
    assert done.missing == ()
    assert done.extra == ()


def test_missing_and_extra_ones_are_named() -> None:
    inputs = (InputSpec("d"), InputSpec("e"), InputSpec("f", default=0))
    done = render("{{a}} {{b}} {{a}}", {"b": "2"}, {"c": "3", "d": "4"}, inputs)

    assert done.missing == ("a", "e")
    assert done.extra == ("c",)
    assert dict(done.values) == {"b": "2", "d": "4"}


def test_defaults_that_nothing_takes_are_no_extra_ones() -> None:
    assert render("Hello", {"unused": "x"}, {}).extra == ()


def test_broken_braces_are_mistakes() -> None:
    found = syntax_mistakes("{{ }} {{1st}} {{open and {{two words}}")

    assert len(found) == 4
    assert any("{{1st}}" in sentence for sentence in found)
    assert any("{{two words}}" in sentence for sentence in found)
    assert any("\\{{" in sentence for sentence in found)


def test_hostile_names_are_shown_harmless() -> None:
    (said,) = syntax_mistakes("{{\x1b]52;c;x\x07}}")

    assert "\x1b" not in said
    assert "\x07" not in said
