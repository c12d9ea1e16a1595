"""Tables, pairs and JSON as commands write them."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foredeck.app.cli import render
from foredeck.services.domain.records import TokenUsage
from foredeck.services.domain.states import RunState


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "columns", lambda stream: 40)


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_table(("Name", "Runs"), [("shop", 2), ("a", 10)])
    assert capsys.readouterr().out == "Name  Runs\nshop  2\na     10\n"


@pytest.mark.usefixtures("narrow")
def test_on_a_terminal_the_widest_column_gives_way(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_table(("Run", "Title"), [("abcdefghijkl", "a title that is much too long " * 3)])
    header, row = capsys.readouterr().out.splitlines()
    assert header == "Run           Title"
    assert row.startswith("abcdefghijkl  a title that is")
    assert row.endswith("…")
    assert len(row) == 40


@pytest.mark.usefixtures("narrow")
def test_an_id_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_table(("Job", "A", "B", "C", "D"), [("abcdefghijkl", *["shell_command"] * 4)])
    assert capsys.readouterr().out.splitlines()[1].split() == ["abcdefghijkl", *["shell_c…"] * 4]


def test_without_a_terminal_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_table(("Title",), [("word " * 100,)])
    assert capsys.readouterr().out.count("word") == 100


def test_wide_characters_take_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_table(("Name", "Runs"), [("日本", 1), ("abcd", 2)])
    assert capsys.readouterr().out.splitlines()[1:] == ["日本  1", "abcd  2"]


def test_a_cell_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_table(("Name",), [("\x1b]0;owned\x07a\nb\x1b[2J",)])
    assert capsys.readouterr().out == "Name\na ↵ b\n"


@pytest.mark.usefixtures("narrow")
def test_long_values_go_on_below_their_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    render.put_pairs({"Run": "abc", "Summary": "Built and tested and handed over:\n- one thing"})
    assert capsys.readouterr().out.splitlines() == [
        "Run      abc",
        "Summary  Built and tested and handed",
        "         over:",
        "         - one thing",
    ]


def test_json_is_flat_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    render.put_json({"id": "x", "state": RunState.FAILED, "at": moment, "where": Path("/a")})
    assert json.loads(capsys.readouterr().out) == {
        "id": "x",
        "state": "failed",
        "at": "2026-01-02T03:04:00+00:00",
        "where": "/a",
    }
    assert render.plain((TokenUsage(1, 2, 3, 4),))[0]["output"] == 3


def test_every_state_has_a_glyph() -> None:
    assert all(render.state_word(state)[0] != " " for state in RunState)


def test_a_stream_without_a_terminal_has_no_limit() -> None:
    assert render.columns(io.StringIO()) > 1000


def test_times_for_a_table() -> None:
    assert render.short_time(None) == "–"
    old = datetime(2001, 2, 3, 12).astimezone()  # noon here, wherever that is
    assert render.short_time(old) == "2001-02-03"
    now = datetime.now(UTC)
    assert render.short_time(now) == now.astimezone().strftime("%b %d %H:%M")
