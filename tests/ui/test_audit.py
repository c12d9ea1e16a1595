"""The audit screen, with keys alone: what is listed, filtered, shown, and found to be changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from foredeck.app.commands import ForedeckCommands
from foredeck.app.screens.audit import AuditScreen
from foredeck.app.screens.audit_keys import AUDIT_ACTIONS
from foredeck.app.screens.modals.help import HelpDialog
from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.events import Resync
from foredeck.services.host.queries import ListAudit, VerifyAudit
from tests.support.audit_host import audit_host, entry, tamper
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.ui.widget_app import screen_text

SIZES = [(80, 24), (60, 20), (120, 40)]


def screen_of(pilot: Pilot[int]) -> AuditScreen:
    screen = pilot.app.screen
    assert isinstance(screen, AuditScreen)
    return screen


def shows(pilot: Pilot[int], text: str) -> bool:
    return text in "\n".join(screen_text(pilot.app))


def numbers(pilot: Pilot[int]) -> list[int]:
    return [row.seq for row in screen_of(pilot).listed.table._rows]


def cursor(pilot: Pilot[int]) -> int:
    row = screen_of(pilot).row
    return row.seq if row else 0


async def open_audit(pilot: Pilot[int]) -> AuditScreen:
    await until(pilot, lambda: not workbench_of(pilot).why_not(workbench_of(pilot).actions[13]))
    await pilot.press("A")
    await until(pilot, lambda: isinstance(pilot.app.screen, AuditScreen))
    screen = screen_of(pilot)
    await until(pilot, lambda: screen.reader.rows is not None)
    await until(pilot, lambda: screen.focused is screen.listed.table or not screen.row)
    return screen


async def filter_by(pilot: Pilot[int], text: str) -> None:
    await pilot.press("slash")
    screen_of(pilot).query_one(Input).value = text
    await pilot.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_the_newest_rows_stand_first(tmp_path: Path, size: tuple[int, int]) -> None:
    entries = [entry(1), entry(2, Severity.ERROR, description="it broke"), entry(3)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host, size) as pilot:
        await open_audit(pilot)
        assert numbers(pilot) == [3, 2, 1]
        assert shows(pilot, "Audit · 3")
        assert shows(pilot, "✗ ")
        assert shows(pilot, "it broke")
        assert shows(pilot, "ERROR") == (size[0] >= 80)
        assert max(map(len, screen_text(pilot.app))) <= size[0]


@pytest.mark.parametrize("size", SIZES)
async def test_a_row_is_shown_whole_with_before_and_after(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    row = AuditEntry(
        "job.prioritise",
        "job",
        "j1",
        "priority of j1",
        before=json.dumps({"priority": "low", "name": "a"}),
        after=json.dumps({"priority": "high", "name": "a"}),
    )
    async with audit_host(tmp_path / "data", [row]) as host, dashboard(host, size) as pilot:
        screen = await open_audit(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.facts)
        assert shows(pilot, "Row 1")
        await pilot.press("end")
        await until(pilot, lambda: shows(pilot, "- low"))
        assert shows(pilot, "+ high")
        assert not shows(pilot, "name")
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.listed.table)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


async def test_nothing_that_is_recorded_can_command_the_terminal(tmp_path: Path) -> None:
    evil = entry(
        1, description="\x1b[2J[red]x[/] [/]", after='{"a":"\x1b]0;t\x07"}', resource="[/]"
    )
    async with audit_host(tmp_path / "data", [evil]) as host, dashboard(host, (120, 40)) as pilot:
        await open_audit(pilot)
        assert shows(pilot, "[red]x[/] [/]")
        assert "\x1b" not in "".join(screen_text(pilot.app))


async def test_it_is_filtered_by_words_and_by_fields(tmp_path: Path) -> None:
    entries = [
        entry(1, action="job.cancel", resource="job", resource_id="j77"),
        entry(2, Severity.ERROR),
        entry(3, description="Something ELSE"),
    ]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host) as pilot:
        screen = await open_audit(pilot)
        for text, found in (
            ("something else", [3]),
            ("action:job", [1]),
            ("resource:job:j7", [1]),
            ("severity:err", [2]),
            ("actor:USER number", [2, 1]),
            ("actor:nobody", []),
            ("until:2020-01-01", []),
            ("since:2020-01-01", [3, 2, 1]),
            ("trace:run3", [3]),
        ):
            await filter_by(pilot, text)
            await until(pilot, lambda wanted=found: numbers(pilot) == wanted)  # type: ignore[misc]
            assert screen.listed.shows_rows == bool(found)
        await filter_by(pilot, "actor:nobody")
        await until(pilot, lambda: shows(pilot, "No row is like that."))
        await pilot.press("escape")
        await until(pilot, lambda: numbers(pilot) == [3, 2, 1])
        await filter_by(pilot, "severity:loud")
        await until(pilot, lambda: shows(pilot, "Audit · ✗ severity is one of info,"))
        await pilot.press("escape")
        await pilot.press("s", "s")
        await until(pilot, lambda: numbers(pilot) == [2])
        assert shows(pilot, "Audit · error · 1")


async def test_what_belongs_together_is_listed_by_a_key(tmp_path: Path) -> None:
    entries = [entry(number) for number in range(1, 15)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host) as pilot:
        await open_audit(pilot)
        await pilot.press("t")
        await until(pilot, lambda: numbers(pilot) == [14, 7])
        assert shows(pilot, "trace:run0")
        await pilot.press("escape")
        await until(pilot, lambda: len(numbers(pilot)) == 14)


async def test_new_rows_come_and_the_cursor_stays_on_its_row(tmp_path: Path) -> None:
    entries = [entry(number) for number in range(1, 6)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host) as pilot:
        await open_audit(pilot)
        await pilot.press("down", "down")
        assert cursor(pilot) == 3
        await host.record(entry(6), entry(7))
        host.publish(Resync())
        await until(pilot, lambda: numbers(pilot) == [7, 6, 5, 4, 3, 2, 1])
        assert cursor(pilot) == 3
        assert shows(pilot, "Audit · 7")
        await pilot.press("f")
        await until(pilot, lambda: shows(pilot, "held"))
        await host.record(entry(8))
        host.publish(Resync())
        await pilot.press("f")
        await until(pilot, lambda: numbers(pilot)[0] == 8)
        assert cursor(pilot) == 3


async def test_older_rows_are_read_as_the_cursor_comes_near(tmp_path: Path) -> None:
    entries = [entry(number) for number in range(1, 701)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host) as pilot:
        await open_audit(pilot)
        assert len(numbers(pilot)) == 200
        assert shows(pilot, "Audit · 700")
        await pilot.press("end")
        await until(pilot, lambda: len(numbers(pilot)) == 400)
        assert cursor(pilot) == 501
        await pilot.press("end")
        await until(pilot, lambda: len(numbers(pilot)) == 600)
        await pilot.press("end")
        await until(pilot, lambda: numbers(pilot) == list(range(700, 0, -1)))
        await pilot.press("end")
        await until(pilot, lambda: cursor(pilot) == 1)
        assert all(query.limit <= 2000 for query in host.asked if isinstance(query, ListAudit))


async def test_it_says_that_the_trail_is_whole(tmp_path: Path) -> None:
    entries = [entry(number) for number in range(1, 12)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host) as pilot:
        await open_audit(pilot)
        await pilot.press("v")
        await until(pilot, lambda: shows(pilot, "✓ The audit trail is whole: 11 rows."))


async def test_the_keys_of_the_list_show_what_they_do_where_a_row_takes_its_place(
    tmp_path: Path,
) -> None:
    entries = [entry(number) for number in range(1, 12)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host, (80, 24)) as pilot:
        screen = await open_audit(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.facts)
        await pilot.press("s")
        sentence = "Severity: The list is not on screen: escape goes there."
        await until(pilot, lambda: sentence in messages(pilot))
        await pilot.press("v")
        await until(pilot, lambda: shows(pilot, "✓ The audit trail is whole: 11 rows."))


@pytest.mark.parametrize(
    ("statement", "broken", "under_cursor"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 5", 5, 5),
        ("UPDATE audit SET actor = 'eve' WHERE seq = 1190", 1190, 1190),
        ("DELETE FROM audit WHERE seq = 5", 5, 4),
        ("DELETE FROM audit WHERE seq = 1", 1, 2),
        ("DELETE FROM audit WHERE seq = 1200", 1200, 1199),
    ],
)
async def test_the_first_row_that_was_changed_is_shown(
    tmp_path: Path, statement: str, broken: int, under_cursor: int
) -> None:
    entries = [entry(number) for number in range(1, 1201)]
    data = tmp_path / "data"
    async with audit_host(data, entries) as host, dashboard(host) as pilot:
        tamper(data, statement)
        screen = await open_audit(pilot)
        await filter_by(pilot, "severity:critical")
        await until(pilot, lambda: not numbers(pilot))
        await pilot.press("v")
        await until(pilot, lambda: shows(pilot, "The audit trail was changed."))
        await until(pilot, lambda: cursor(pilot) == under_cursor)
        assert screen.reader.verdict is not None
        assert screen.reader.verdict.broken == broken
        assert screen.listed.table._broken == broken
        await pilot.press("f")
        await until(pilot, lambda: numbers(pilot)[0] >= 1199)


@pytest.mark.parametrize("size", SIZES)
async def test_the_row_that_was_changed_is_in_sight_under_the_verdict(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    entries = [entry(number) for number in range(1, 61)]
    data = tmp_path / "data"
    async with audit_host(data, entries) as host, dashboard(host, size) as pilot:
        tamper(data, "UPDATE audit SET description = 'put in' WHERE seq = 5")
        await open_audit(pilot)
        await pilot.press("v")
        await until(pilot, lambda: shows(pilot, "The audit trail was changed."))
        await until(pilot, lambda: cursor(pilot) == 5)
        await pilot.pause()
        assert any("put in" in line for line in screen_text(pilot.app) if line[:1] == "▌")


async def test_the_seals_are_computed_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foredeck.app.screens.audit_reader.PART", 4)
    entries = [entry(number) for number in range(1, 11)]
    async with audit_host(tmp_path / "data", entries) as host, dashboard(host) as pilot:
        await open_audit(pilot)
        await pilot.press("v")
        await until(pilot, lambda: shows(pilot, "is whole: 10 rows"))
        assert [q.after for q in host.asked if isinstance(q, VerifyAudit)] == [0, 4, 8]


async def test_what_cannot_be_read_is_said_and_read_again(tmp_path: Path) -> None:
    async with audit_host(tmp_path / "data", [entry(1)]) as host, dashboard(host) as pilot:
        host.errors[ListAudit] = StoreError("The disk is gone.")
        await pilot.press("A")
        await until(pilot, lambda: shows(pilot, "The disk is gone."))
        assert shows(pilot, "ctrl+r reads it again.")
        del host.errors[ListAudit]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: numbers(pilot) == [1])


async def test_an_empty_trail_says_what_will_stand_there(tmp_path: Path) -> None:
    async with audit_host(tmp_path / "data") as host, dashboard(host) as pilot:
        await open_audit(pilot)
        assert shows(pilot, "Every command is recorded here")
        await pilot.press("t")
        await until(pilot, lambda: any("Select a row first." in m for m in messages(pilot)))


async def test_every_key_is_in_the_palette_and_in_the_help(tmp_path: Path) -> None:
    async with audit_host(tmp_path / "data", [entry(1)]) as host, dashboard(host) as pilot:
        screen = await open_audit(pilot)
        texts = [line.text for line in ForedeckCommands(screen)._entries()]
        assert all(any(f"({a.key_text})" in text for text in texts) for a in AUDIT_ACTIONS)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        assert shows(pilot, "Help: Audit")
        await pilot.press("escape", "A")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
