"""What a dashboard says when it opens about what happened meanwhile, and that it rings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from foredeck.app import attendance
from foredeck.app.application import ForedeckApp
from foredeck.app.ringing import Rings
from foredeck.app.screens.modals.away import AwayDialog
from foredeck.app.screens.modals.help import HelpDialog
from foredeck.services.domain.away import Away, AwayItem, AwayKind
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.events import NotificationSaved
from foredeck.services.domain.notices import Cause
from foredeck.services.host.notice_requests import GetAway
from foredeck.styles.themes import DARK
from tests.support import fake_host
from tests.support.dashboard import dashboard, make_app, messages, settled, until, workbench_of
from tests.support.fake_host import NOW, FakeHost

Compare = Callable[..., bool]
SINCE = NOW - timedelta(hours=15, minutes=22)


def item(kind: AwayKind, what: str, hours: float, **fields: object) -> AwayItem:
    given = {"project_name": "shortener", "run_id": "r1", "detail": "", **fields}
    return AwayItem(kind, NOW - timedelta(hours=hours), what, **given)  # type: ignore[arg-type]


def morning() -> Away:
    """Return what a night came to."""
    items = (
        item(AwayKind.WAITING, "Rename the config keys", 1, detail="Which name: port or listen?"),
        item(AwayKind.FAILED, "Nightly tests", 6, detail="2 of 214 tests fail: test_expiry"),
        item(AwayKind.FAILED, "Nightly \x1b[31mtests", 7, detail="The disk is full."),
        item(AwayKind.DUE_FAILED, "lint", 5, run_id=None, detail="due Sat 04:10: no project"),
        item(AwayKind.MISSED, "backup", 5, run_id=None, detail="due Sat 04:00: no host"),
        item(
            AwayKind.SKIPPED,
            "poll",
            5,
            run_id=None,
            detail="the last due Sat 04:12: r7 was not over",
            times=40,
        ),
        item(AwayKind.SUCCEEDED, "watch the log", 0.1, times=9, reports=3),
        item(AwayKind.SUCCEEDED, "Build a URL shortener with tests", 8),
        item(AwayKind.CANCELLED, "Try another framework", 9),
        item(AwayKind.REPORT, "Nightly tests", 6, detail="HTML"),
    )
    counts = {
        AwayKind.WAITING: 1,
        AwayKind.FAILED: 2,
        AwayKind.DUE_FAILED: 2,
        AwayKind.MISSED: 1,
        AwayKind.SKIPPED: 40,
        AwayKind.SUCCEEDED: 12,
        AwayKind.CANCELLED: 1,
        AwayKind.REPORT: 4,
    }
    return Away(SINCE, NOW, tuple(counts.items()), items)


def with_news(directory: Path) -> FakeHost:
    host = fake_host.running(directory)
    host.away = morning()
    return host


async def opened(pilot: Pilot[int]) -> AwayDialog:
    await until(pilot, lambda: isinstance(pilot.app.screen, AwayDialog))
    screen = pilot.app.screen
    assert isinstance(screen, AwayDialog)
    return screen


@pytest.mark.usefixtures("utc")
async def test_it_says_what_happened_and_enter_opens_the_run(tmp_path: Path) -> None:
    host = with_news(tmp_path)
    async with dashboard(host) as pilot:
        screen = await opened(pilot)
        said = str(screen.query_one("#away-headline", Static).render())
        assert said == (
            "Since Friday 18:04 (15 h): 12 runs succeeded, 2 failed, 1 waits for you, "
            "1 was cancelled, 2 due times failed, 1 missed, 40 skipped, 4 reports."
        )
        lines = [str(option.prompt) for option in screen.query_one(OptionList).options]
        assert "Which name: port or listen?" in lines[0]
        assert "\x1b" not in "".join(lines)
        assert "… and 3 more: foredeck away" in lines[-1]
        assert [line.split()[1:3] for line in lines[3:6]] == [
            ["no", "run"],
            ["missed", "5h"],
            ["skipped", "5h"],
        ]
        await until(pilot, lambda: host.seen == [NOW])
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, AwayDialog))
        await until(pilot, lambda: workbench_of(pilot).desk.selection.run_id == "r1")


async def test_escape_closes_it_and_a_moment_without_a_run_opens_nothing(tmp_path: Path) -> None:
    async with dashboard(with_news(tmp_path)) as pilot:
        screen = await opened(pilot)
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, lambda: messages(pilot) == ["There is no run: it was never begun."])
        assert pilot.app.screen is screen
        await pilot.press("k", "escape")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


A_MOMENT = replace(morning(), since=NOW - timedelta(seconds=90))


@pytest.mark.parametrize("away", [Away(None, NOW), Away(SINCE, NOW), A_MOMENT])
async def test_nothing_new_or_a_first_start_or_a_moment_says_nothing(
    away: Away, tmp_path: Path
) -> None:
    host = fake_host.running(tmp_path)
    host.away = away
    async with dashboard(host) as pilot:
        await until(pilot, lambda: host.seen == [NOW])
        assert pilot.app.screen is workbench_of(pilot)


async def test_who_is_at_work_already_gets_a_notice_instead(tmp_path: Path) -> None:
    host = with_news(tmp_path)
    host.gates[GetAway] = gate = asyncio.Event()
    async with dashboard(host) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        gate.set()
        await until(pilot, lambda: any("12 runs succeeded" in said for said in messages(pilot)))
        assert isinstance(pilot.app.screen, HelpDialog)


async def test_a_host_that_cannot_say_it_disturbs_nobody(tmp_path: Path) -> None:
    host = with_news(tmp_path)
    host.errors[GetAway] = Conflict("It cannot.")
    async with dashboard(host) as pilot:
        await until(pilot, lambda: any(isinstance(query, GetAway) for query in host.asked))
        assert pilot.app.screen is workbench_of(pilot)
        assert not messages(pilot)
    assert not host.seen  # who was told nothing has seen nothing


async def test_it_is_kept_that_it_is_open_and_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "MARK_EVERY", 0.02)
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: len(host.seen) > 2)
        monkeypatch.setattr(attendance, "MARK_EVERY", 3600)
        count = len(host.seen)
    assert len(host.seen) > count
    assert host.closed


async def test_another_host_is_not_asked_again(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: bool(host.seen))
        app = pilot.app
        assert isinstance(app, ForedeckApp)
        other = with_news(tmp_path)
        app.adopt(await other.connect())
        await until(pilot, lambda: other.present)
        assert not any(isinstance(query, GetAway) for query in other.asked)
        assert app.screen is workbench_of(pilot)


async def test_a_notification_rings_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    rung: list[str] = []

    def put(_: attendance.Attendance, text: str) -> bool:
        rung.append(text)
        return True

    monkeypatch.setattr(attendance.Attendance, "_put", put)
    host = fake_host.running(tmp_path)
    app = ForedeckApp(host.connect, now=lambda: NOW, rings=Rings(bell=True, desktop=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: settled(app, host) and host.present)
        host.publish(
            NotificationSaved(
                notification_id="n1",
                run_id="r1",
                cause=Cause.FINISH,
                title="Build it",
                text="demo: succeeded.",
            )
        )
        await until(pilot, lambda: bool(rung))
    await app.disconnect()
    assert rung == ["\a\x1b]9;Foredeck: Build it – demo: succeeded.\a"]


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=["80x24", "60x20"])
def test_picture(size: tuple[int, int], tmp_path: Path, snap_compare: Compare) -> None:
    host = with_news(tmp_path)
    app = make_app(host.connect)
    app.theme = DARK

    async def before(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: settled(app, host))
        await opened(pilot)
        output = workbench_of(pilot).desk.output
        await until(pilot, lambda: bool(output.visible_text()))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
