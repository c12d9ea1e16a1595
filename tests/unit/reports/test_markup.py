"""Elements: escaping that cannot be forgotten, and names that cannot be given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.reports.markup import element, written
from tests.support.page import Page


@given(st.text())
def test_a_text_stays_one_text(text: str) -> None:
    page = Page(written(element("p", text, aria_label=text)).encode())
    assert [tag for tag, _ in page.elements] == ["p"]
    assert not page.others
    assert not page.open


def test_a_text_is_escaped_once() -> None:
    assert written(element("p", 'a < b &amp; "c"')) == ("<p>a &lt; b &amp;amp; &quot;c&quot;</p>")


def test_controls_and_reordering_characters_become_visible() -> None:
    shown = written(element("p", "a\x00b\u202ec\ud800\x1b[31md"))
    assert shown == "<p>a␀b&lt;U+202E&gt;c\ufffdd</p>"


def test_attributes_without_a_value_are_left_out() -> None:
    made = element("details", open=True, id=None, class_=False)
    assert written(made) == "<details open></details>"


@pytest.mark.parametrize("name", ["script", "style", "iframe", "p onclick", ""])
def test_only_the_listed_elements_can_be_made(name: str) -> None:
    with pytest.raises(ValueError, match="no element"):
        element(name)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "x y"])
def test_only_the_listed_attributes_can_be_given(name: str) -> None:
    with pytest.raises(ValueError, match="no attribute"):
        element("p", **{name: "x"})


@pytest.mark.parametrize("target", ["javascript:alert(1)", "https://example.org", " #top", ""])
def test_a_link_leads_only_within_the_page(target: str) -> None:
    with pytest.raises(ValueError, match="within the report"):
        element("a", "x", href=target)


def test_any_depth_is_written() -> None:
    nested = element("p", "x")
    for _ in range(5_000):
        nested = element("div", nested)
    assert written(nested).count("<div>") == 5_000
