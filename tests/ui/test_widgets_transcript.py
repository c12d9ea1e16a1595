"""The conversation on screen: readable, folded, followed, and harmless."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from foredeck.services.domain.records import Role, TokenUsage
from foredeck.services.domain.views import TranscriptEntry
from foredeck.widgets.transcript import TranscriptView
from tests.ui.widget_app import NOW, WidgetApp, screen_text


def entry(
    number: int, content: str = "", role: Role = Role.ASSISTANT, **changes: Any
) -> TranscriptEntry:
    made = TranscriptEntry(
        id=f"m{number}",
        step_key="builder",
        attempt=1,
        role=role,
        content=content or f"message number {number}",
        at=NOW,
        model="",
        usage=TokenUsage(),
        tool="",
        arguments="",
        duration=None,
        complete=True,
    )
    return replace(made, **changes)


def call(number: int, rows: int = 30) -> TranscriptEntry:
    answer = json.dumps({"success": True, "output": "\n".join(f"row {i}" for i in range(rows))})
    arguments = json.dumps({"prompt": "Do it", "wait": True})
    return entry(number, answer, Role.TOOL, tool="run_codex", arguments=arguments, duration=83.0)


async def test_messages_and_tool_calls_are_readable() -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(80, 30)) as pilot:
        spoken = entry(1, "I will begin.", model="gpt-5.5", usage=TokenUsage(3000, 0, 400))
        view.update_entries((spoken, call(2)))
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "── builder ──" in text
        assert "gpt-5.5  3.4k tokens" in text
        assert "▸ run_codex" in text
        assert "prompt: Do it" in text
        assert "wait: true" in text
        assert "success: true" in text
        assert "1m 23s" in text
        assert "row 3" in text
        assert "row 20" not in text
        assert "24 more lines · space unfolds" in text


async def test_a_long_answer_unfolds_and_folds() -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(80, 60)) as pilot:
        view.update_entries((entry(1), call(2)))
        view.focus()
        await pilot.press("j", "space")
        assert "row 29" in "\n".join(screen_text(app))
        await pilot.press("space")
        assert "row 29" not in "\n".join(screen_text(app))
        await pilot.press("z")
        assert "row 29" in "\n".join(screen_text(app))


async def test_it_follows_at_the_end_and_stays_put_elsewhere() -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(80, 12)) as pilot:
        entries = tuple(entry(i) for i in range(40))
        view.update_entries(entries)
        await pilot.pause()
        assert "message number 0" in "\n".join(screen_text(app))
        view.focus()
        await pilot.press("f")
        view.update_entries((*entries, entry(40, complete=False)))
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "message number 40" in text
        assert "writing…" in text
        await pilot.press("home")
        before = screen_text(app)
        view.update_entries((*entries, entry(40), entry(41)))
        await pilot.pause()
        assert screen_text(app) == before


async def test_a_growing_message_is_followed_from_the_first_look() -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(80, 12)) as pilot:
        done = tuple(entry(i) for i in range(20))
        for length in (5, 30):
            words = "\n".join(f"line {i}" for i in range(length))
            view.update_entries((*done, entry(20, words, complete=False)))
            await pilot.pause()
            assert f"line {length - 1}" in "\n".join(screen_text(app))


async def test_a_tall_entry_is_read_through_and_stages_are_jumped() -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(80, 10)) as pilot:
        tall = entry(0, "\n".join(f"line {i}" for i in range(30)))
        view.update_entries((tall, entry(1, step_key="qa_qc"), *map(entry, range(2, 9))))
        view.focus()
        await pilot.press(*["j"] * 10)
        assert view.cursor_key == "m0"
        assert "line 12" in "\n".join(screen_text(app))
        await pilot.press("right_square_bracket")
        assert view.cursor_key == "m1"
        assert screen_text(app)[0].startswith("── qa_qc")
        await pilot.press("left_square_bracket")
        assert view.cursor_key == "m0"
        await pilot.press("pagedown", "pagedown", "pageup")
        assert view.cursor_key == "m0"


HOSTILE = (
    "[/]",
    "[bold red]x[/bold]",
    "\x1b]52;c;AAAA\x07",
    "\x1b[2J\x1b[H",
    "a\x00b\x07",
    "\u202eevil",
    "\x9b31m",
)


@pytest.mark.parametrize("words", HOSTILE)
async def test_hostile_words_are_only_text(words: str) -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(80, 24)) as pilot:
        tool = entry(2, json.dumps({words: words}), Role.TOOL, tool=words, arguments=words)
        spoken = entry(1, words + "end", model=words, step_key=words)
        view.update_entries((spoken, tool))
        await pilot.pause()
        text = "".join(screen_text(app))
        assert "end" in text
        assert text.isprintable()


async def test_hundreds_of_entries_are_made_once() -> None:
    view = TranscriptView()
    app = WidgetApp(view)
    async with app.run_test(size=(100, 30)) as pilot:
        entries = tuple(call(i, 50) for i in range(400))
        view.update_entries(entries)
        await pilot.pause()
        made = {key: kept[1] for key, kept in view._cache.items()}
        view.update_entries((*entries[:-1], replace(entries[-1], content="changed")))
        assert sum(view._cache[key][1] is not rows for key, rows in made.items()) == 1
