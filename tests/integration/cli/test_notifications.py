"""Notifications by the real program: told once, whenever and however its host dies."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.notices import Channel, NotificationRow
from foredeck.services.event_bus import EventBus
from foredeck.services.host.lock import is_held
from foredeck.services.store.store import Store
from tests.support.cli_desk import PATIENCE, Desk, Said, processes_of, until
from tests.support.web_server import Answer, Posted, WebServer

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = """
name: small
defaults: {retries: {max: 0}}
steps:
  - {id: only, kind: command, command: "%s"}
"""
GATED = """
name: gated
steps:
  - {id: sign-off, kind: gate, gate: "Ship it?"}
"""
HOOK = 'cat >> told; echo "$FOREDECK_EVENT $FOREDECK_STATE $FOREDECK_TITLE" >> heard'


class Office:
    """A desk whose runs are commands, and where people are told of them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        (desk.base / "code").mkdir()
        self.environ = {
            "FOREDECK_REHEARSAL": "false",
            "FOREDECK_NOTIFY_COMMAND": HOOK,
        }

    def use_webhook(self, server: WebServer) -> None:
        self.environ["FOREDECK_NOTIFY_WEBHOOK"] = "env:HOOK_URL"
        self.environ["HOOK_URL"] = f"{server.url}/x?key=topsecret"

    def run(self, *words: str) -> Said:
        return self.desk.run(*words, timeout=PATIENCE, **self.environ)

    def serve(self) -> subprocess.Popen[str]:
        host = self.desk.start("serve", **self.environ)
        until(lambda: is_held(self.desk.data), "there is a host")
        return host

    def killed_serve(self, point: str) -> subprocess.Popen[bytes]:
        """Start a host that kills itself at the point."""
        host = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_command", point, "serve"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=self.desk.environment(**self.environ),
            start_new_session=True,
        )
        until(lambda: is_held(self.desk.data), "there is a host")
        return host

    def begin(self, text: str = WORKFLOW % "echo done") -> None:
        """Let the host begin a run; nobody waits for what comes of it."""
        path = self.desk.base / "workflow.yaml"
        path.write_text(text)
        words = ("dag", "run", str(path), "--workspace", "code", "--detach")
        begun = self.run(*words)
        assert begun.code == 0, begun.err

    def told(self) -> list[dict[str, Any]]:
        """Return what the command was given, a JSON object each time."""
        path = self.desk.base / "told"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def listed(self) -> list[dict[str, Any]]:
        """Return the notifications as the command line lists them, newest first."""
        listed = self.run("notifications", "list", "--format", "json")
        items: list[dict[str, Any]] = listed.answer["items"]
        return items

    def are_all(self, state: str, count: int) -> bool:
        """Whether so many notifications are there, with all their deliveries in a state."""
        items = self.listed()
        states = {d["state"] for item in items for d in item["deliveries"]}
        return len(items) == count and states == {state}


@pytest.fixture
def office(desk: Desk) -> Iterator[Office]:
    yield Office(desk)
    (desk.base / "go").touch()
    until(lambda: processes_of(desk.base) == [], "no process is left")


@contextmanager
def ended(host: subprocess.Popen[str]) -> Iterator[None]:
    yield
    host.send_signal(signal.SIGTERM)
    host.wait(PATIENCE)


def test_a_run_that_ends_is_told_by_command_and_webhook(office: Office) -> None:
    with WebServer() as server:
        office.use_webhook(server)
        with ended(office.serve()):
            office.begin(WORKFLOW % "echo it breaks; exit 3")
            until(lambda: office.are_all("delivered", 1), "it was delivered")
    (row,), (told,), (posted,) = office.listed(), office.told(), server.posted
    assert told == posted.body
    assert (told["event"], told["state"], told["title"]) == ("failure", "failed", "small")
    assert (told["id"], told["run_id"]) == (row["id"], row["run_id"])
    assert (office.desk.base / "heard").read_text() == "failure failed small\n"
    assert "topsecret" not in (office.desk.data / "foredeck.log").read_text()
    assert b"topsecret" not in (office.desk.data / "foredeck.db").read_bytes()


def test_what_waits_is_told_and_what_was_answered_at_once_is_no_news_later(
    office: Office,
) -> None:
    with ended(office.serve()):
        office.begin(GATED)
        until(lambda: bool(office.told()), "it was told")
        (told,) = office.told()
        assert (told["event"], told["state"]) == ("waiting", "waiting")
        assert "Ship it?" in told["text"]
        shown = office.run("away", "--since", "1h", "--format", "json")
        assert (shown.answer["waiting"], shown.answer["items"][0]["what"]) == (1, "gated")
        approved = office.run("runs", "approve", told["run_id"])
        assert approved.code == 0, approved.err
        until(lambda: len(office.told()) == 2, "its end was told")
    assert [one["event"] for one in office.told()] == ["waiting", "finish"]


def test_a_command_that_is_the_host_itself_tells_how_its_run_ended(office: Office) -> None:
    path = office.desk.base / "workflow.yaml"
    path.write_text(WORKFLOW % "echo done")
    done = office.run("dag", "run", str(path), "--workspace", "code")
    assert done.code == 0, done.err
    assert [one["event"] for one in office.told()] == ["finish"]


@pytest.mark.parametrize(
    "point", ["after RunSaved/success", "before NotificationSaved", "after NotificationSaved"]
)
def test_a_host_that_is_killed_around_a_notification_neither_loses_nor_doubles_it(
    point: str, office: Office
) -> None:
    with WebServer() as server:
        office.use_webhook(server)
        host = office.killed_serve(point)
        office.begin()
        assert host.wait(PATIENCE) == -signal.SIGKILL
        assert not server.posted
        with ended(office.serve()):
            until(lambda: office.are_all("delivered", 1), "it was delivered")
        with ended(office.serve()):
            assert office.are_all("delivered", 1)
    assert len(server.posted) == len(office.told()) == 1


def test_a_host_that_is_killed_while_it_delivers_leaves_that_to_the_next(office: Office) -> None:
    def hang_once(_: Posted) -> Answer:
        return Answer(hangs=len(server.posted) == 1)

    office.environ["FOREDECK_NOTIFY_COMMAND"] = f"{HOOK}; until test -e go; do sleep 0.1; done"
    with WebServer(hang_once) as server:
        office.use_webhook(server)
        host = office.serve()
        office.begin()
        until(lambda: bool(server.posted and office.told()), "both are under way")
        host.send_signal(signal.SIGKILL)
        host.wait()
        (office.desk.base / "go").touch()
        with ended(office.serve()):
            until(lambda: office.are_all("delivered", 1), "it was delivered")
    # A second time, for nobody knows whether the first was heard; by its id who is told sees that.
    assert [posted.body["id"] for posted in server.posted] == [office.listed()[0]["id"]] * 2
    assert [told["id"] for told in office.told()] == [office.listed()[0]["id"]] * 2


def test_what_has_to_be_tried_again_goes_on_after_a_restart(office: Office) -> None:
    answers = [Answer(503), Answer(503, {"Retry-After": "3"})]
    with WebServer(lambda _: answers.pop(0) if answers else Answer()) as server:
        office.use_webhook(server)
        host = office.serve()
        office.begin()
        until(lambda: len(server.posted) == 2, "it failed twice")
        until(lambda: _attempts(office) == 2, "that is stored")
        host.send_signal(signal.SIGKILL)
        host.wait()
        with ended(office.serve()):
            until(lambda: office.are_all("delivered", 1), "it was delivered")
    assert len(server.posted) == 3
    assert _attempts(office) == 3


def test_trying_it_out_says_how_each_channel_took_it(office: Office) -> None:
    with WebServer(lambda _: Answer(404)) as server:
        office.use_webhook(server)
        tried = office.run("notifications", "test", "--format", "json")
    assert tried.code == 1
    assert tried.answer["channels"] == [
        {"channel": "command", "ok": True, "detail": ""},
        {"channel": "webhook", "ok": False, "detail": "It answered 404."},
    ]
    assert office.told()[0]["event"] == server.posted[0].body["event"] == "test"
    assert office.listed() == []
    none = office.desk.run("notifications", "test")
    assert (none.code, "No channel is set" in none.err) == (1, True)


def test_trying_it_out_says_why_nothing_that_is_set_was_tried(office: Office) -> None:
    office.environ["FOREDECK_REHEARSAL"] = "true"
    rehearsed = office.run("notifications", "test")
    assert (rehearsed.code, "In a rehearsal" in rehearsed.err) == (1, True)
    with ended(office.desk.start("serve")):
        until(lambda: is_held(office.desk.data), "there is a host")
        office.environ["FOREDECK_REHEARSAL"] = "false"
        late = office.run("notifications", "test")
    assert (late.code, "start it again" in late.err) == (1, True)


def test_one_cannot_look_back_from_a_time_to_come(office: Office) -> None:
    said = office.run("away", "--since", "2999-01-01")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: --since is a time to come.\nGive one that is over, such as 2h.\n"


def _attempts(office: Office) -> int:
    """Return how often the webhook was tried; a command of its own would take too long for it."""

    async def read() -> list[NotificationRow]:
        store = await Store.open(office.desk.data, EventBus(), read_only=True)
        page = await store.news.notifications(limit=10)
        await store.close()
        return list(page.items)

    (row,) = asyncio.run(read())
    return next(d.attempts for d in row.deliveries if d.channel is Channel.WEBHOOK)
