"""Commands out of lines and rows: what a cell holds stays one word, and mistakes have a place."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.jobs.batch_rows import (
    commands_of,
    filled_text,
    filled_words,
    names_columns,
    rows_of,
)

CELLS = st.text(st.characters(exclude_characters="\0\r", codec="utf-8"))


def test_a_file_has_a_command_each_line() -> None:
    text = "\ufeffmake a\r\n\n  # a remark\n  make b; make c  \n"
    assert commands_of(text) == ("make a", "make b; make c")
    assert commands_of("printf a\u2028b\x0cc\rmake d") == ("printf a\u2028b\x0cc", "make d")
    assert commands_of("") == ()


def test_rows_are_read_by_the_names_of_the_first_line() -> None:
    text = '\ufeffname, n\r\n"a, ""b""\nc",1\r\n\r\nd,\r\n'
    assert rows_of(text) == ({"name": 'a, "b"\nc', "n": "1"}, {"name": "d", "n": ""})
    assert rows_of("name\n") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The CSV is empty"),
        ("\n1,2\n", "The CSV is empty"),
        ("a,,b\n1,2,3\n", "A column of the CSV has no name"),
        ("a,b,a\n1,2,3\n", "two columns 'a'"),
        ("a,b\n1,2\n3\n", "Row 2 of the CSV has 1 cells where the first line names 2 columns"),
        ('a\n"b\n', "Line 2 is no CSV"),
        ("a\n" + "1\n" * 1001, "more than 1,000 rows"),
    ],
)
def test_what_is_wrong_with_rows_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        rows_of(text)


@given(CELLS, CELLS)
def test_a_cell_is_one_word_of_the_shell_whatever_it_holds(one: str, two: str) -> None:
    row = {"one": one, "two": two}
    text = filled_text("run {{one}} --to={{ two }}", row)
    assert shlex.split(text) == ["run", one, f"--to={two}"]
    assert filled_words(("run", "{{one}}-{{two}}"), row) == ("run", f"{one}-{two}")


def test_a_real_shell_reads_it_the_same() -> None:
    cell = "$(touch /tmp/never) `id` '\" ; rm \\ \n{{one}} *"
    text = filled_text("printf %s {{one}}", {"one": cell})
    assert subprocess.run(["/bin/sh", "-c", text], capture_output=True, check=True).stdout == (
        cell.encode()
    )


@pytest.mark.parametrize(
    ("template", "is_refused"),
    [
        ("echo '{{a}}'", True),
        ('echo "x {{a}} y"', True),
        ('echo "it\'s {{a}}"', True),
        ("echo 'x' {{a}} \"y\"", False),
        (r"echo \" {{a}}", False),
        (r"echo '\' {{a}}", False),
        (r'echo "\"" {{a}}', False),
    ],
)
def test_a_column_in_quotation_marks_is_refused(template: str, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(InvalidInput, match="stands in quotation marks"):
            filled_text(template, {"a": "1"})
    else:
        assert filled_text(template, {"a": "1"}) == template.replace("{{a}}", "1")


INJECTED = [
    (r"echo \{{a}}", "; touch made #", "behind a backslash"),
    ("echo `printf %s {{a}}`", "`touch made`", "in backticks"),
    ("echo x # {{a}}", "\ntouch made #", "in a comment"),
    ("#\n# {{a}}", "\ntouch made #", "in a comment"),
    ("cat <<END\n{{a}}\nEND\n", "$(touch made)", "behind <<"),
    ("cat <<-END; echo\n{{a}}\nEND\n", "$(touch made)", "behind <<"),
    ("echo $((1 + {{a}}))", "$(touch made)", r"behind << or \$\(\("),
    ("echo ${{a}}", "\\'\"; touch made #", "behind a dollar sign"),
]


@pytest.mark.parametrize(("template", "cell", "where"), INJECTED)
def test_a_column_where_quoting_would_not_hold_its_text_is_refused(
    template: str, cell: str, where: str, tmp_path: Path
) -> None:
    # With bash, as /bin/sh often is: without the refusal some of these make a file.
    with pytest.raises(InvalidInput, match=f"stands {where}"):
        subprocess.run(["bash", "-c", filled_text(template, {"a": cell})], cwd=tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "template",
    [
        "echo a#b {{a}}",
        r"echo \# \` \$ {{a}}",
        "# a remark\necho {{a}}",
        "cat <<< {{a}}",
        "echo `date` $HOME {{a}}",
        "echo '<<' '#' {{a}}",
    ],
)
def test_what_only_looks_like_such_a_place_is_none(template: str) -> None:
    assert filled_text(template, {"a": "b c"}) == template.replace("{{a}}", "'b c'")


def test_an_unknown_column_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="no column 'nme'") as told:
        filled_words(("{{nme}}",), {"name": "x", "n": "1"})
    assert told.value.advice == "It has name, n."
    assert names_columns(("a", "{{b}}"))
    assert not names_columns(("a", "{b}"))
