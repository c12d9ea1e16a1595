"""The host's socket: the same answers, errors and events; clients that leave or do harm."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.errors import (
    Conflict,
    ForedeckError,
    HostBusy,
    HostGone,
    InvalidInput,
)
from foredeck.services.domain.events import Event, NoticeRaised, Resync
from foredeck.services.event_bus import EventBus
from foredeck.services.host import client_line, remote, server
from foredeck.services.host.address import listen, reachable, socket_path
from foredeck.services.host.commands import DeclarePresence
from foredeck.services.host.interface import Command, Query
from foredeck.services.host.remote import RemoteHost
from foredeck.services.host.server import HostServer
from foredeck.services.host.service import Handler, OpeningHost

PATIENCE = 20.0


@dataclass(frozen=True)
class Echo(Query[str]):
    """Says the same again."""

    text: str


@dataclass(frozen=True)
class Shout(Command[int]):
    """Publishes notices and returns how many."""

    count: int = 1


@dataclass(frozen=True)
class Work(Command[str]):
    """Waits until it may end."""


@dataclass(frozen=True)
class Refuse(Command[None]):
    """Raises a domain error."""


@dataclass(frozen=True)
class Break(Query[None]):
    """Raises what nobody expects."""


@dataclass(frozen=True)
class Unheard(Query[None]):
    """No host knows it."""


class Kitchen:
    """What the host does in these tests."""

    def __init__(self, limit: int = 4096) -> None:
        self.bus = EventBus(limit)
        self.gate = asyncio.Event()
        self.working = asyncio.Event()
        self.done: list[str] = []
        self.present: set[str] = set()

    def opening(self) -> OpeningHost:
        """A host that answers no more than an echo yet."""
        return OpeningHost(self.bus, {Echo: self.echo})

    def rest(self) -> dict[type, Handler]:
        return {
            Shout: self.shout,
            Work: self.work,
            Refuse: self.refuse,
            Break: self.break_,
            DeclarePresence: self.declare_presence,
        }

    async def echo(self, query: Echo) -> str:
        return query.text

    async def shout(self, command: Shout) -> int:
        for number in range(command.count):
            self.bus.publish(NoticeRaised(severity="information", message=str(number)))
        return command.count

    async def work(self, _command: Work) -> str:
        self.working.set()
        await self.gate.wait()
        self.done.append("work")
        return "done"

    async def refuse(self, _command: Refuse) -> None:
        raise Conflict("No.", "Ask differently.")

    async def declare_presence(self, command: DeclarePresence) -> None:
        (self.present.add if command.present else self.present.remove)(command.client)
        self.bus.publish(NoticeRaised(severity="information", message="presence"))

    async def break_(self, _query: Break) -> None:
        raise ZeroDivisionError("a secret")


@asynccontextmanager
async def serving(data_dir: Path, kitchen: Kitchen) -> AsyncIterator[HostServer]:
    opened = await HostServer.open(data_dir, "a test")
    host = kitchen.opening()
    opened.answer(host)
    host.complete(kitchen.rest())
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def attached(data_dir: Path) -> AsyncIterator[RemoteHost]:
    host = await RemoteHost.open(data_dir)
    try:
        yield host
    finally:
        await host.close()


@asynccontextmanager
async def raw(data_dir: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that says what it likes; the greeting is read already."""
    with reachable(socket_path(data_dir)) as address:
        reader, writer = await asyncio.open_unix_connection(address, limit=1 << 26)
    try:
        hello = json.loads(await reader.readline())
        assert (hello["role"], hello["pid"]) == ("a test", os.getpid())
        yield reader, writer
    finally:
        writer.transport.abort()


async def soon(work: Any) -> Any:
    return await asyncio.wait_for(work, PATIENCE)


async def test_answers_and_errors_are_those_of_the_host(tmp_path: Path) -> None:
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        assert await host.ask(Echo("Grüße \udce9")) == "Grüße \udce9"
        assert await host.do(Shout(2)) == 2
        with pytest.raises(Conflict) as caught:
            await host.do(Refuse())
        assert (caught.value.message, caught.value.advice) == ("No.", "Ask differently.")
        with pytest.raises(InvalidInput, match="knows no Unheard"):
            await host.ask(Unheard())
        with pytest.raises(InvalidInput, match="Shout does not fit"):
            await host.do(Shout("many"))  # type: ignore[arg-type]


async def test_what_nobody_expected_is_one_sentence_and_stands_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        with pytest.raises(ForedeckError, match="failed at Break: ZeroDivisionError") as caught:
            await host.ask(Break())
    assert "secret" not in str(caught.value)
    assert "a secret" in caplog.text


async def test_lines_of_many_megabytes(tmp_path: Path) -> None:
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        text = "äb" * 3_000_000
        assert await soon(host.ask(Echo(text))) == text


async def test_many_requests_at_once_find_their_answers(tmp_path: Path) -> None:
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        answers = await soon(asyncio.gather(*(host.ask(Echo(str(n))) for n in range(500))))
        assert answers == [str(n) for n in range(500)]


async def test_events_arrive_in_order_and_none_before_the_next_answer_is_missed(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as one, attached(tmp_path) as two:
        both = [one.events(), two.events()]
        assert await two.ask(Echo("there")) == "there"
        await one.do(Shout(100))
        for events in both:
            seen = [await soon(anext(events)) for _ in range(100)]
            assert [event.seq for event in seen] == list(range(1, 101))
            assert all(event.at for event in seen)


async def test_who_comes_back_hears_what_it_missed(tmp_path: Path) -> None:
    kitchen = Kitchen()
    async with serving(tmp_path, kitchen):
        async with attached(tmp_path) as host:
            await host.do(Shout(10))
        async with attached(tmp_path) as host:
            events = host.events(since=7)
            assert [(await soon(anext(events))).seq for _ in range(3)] == [8, 9, 10]
            other_hosts = host.events(since=9999)
            assert isinstance(await soon(anext(other_hosts)), Resync)


async def test_a_subscription_that_is_ended_hears_nothing_more(tmp_path: Path) -> None:
    kitchen = Kitchen()
    async with serving(tmp_path, kitchen), attached(tmp_path) as host:
        events: Any = host.events()
        await host.do(Shout(1))
        assert (await soon(anext(events))).seq == 1
        await events.aclose()
        assert await host.ask(Echo("after")) == "after"
        assert len(kitchen.bus._subscribers) == 0


async def test_a_command_is_carried_to_its_end_when_its_client_leaves(tmp_path: Path) -> None:
    kitchen = Kitchen()
    async with serving(tmp_path, kitchen):
        async with attached(tmp_path) as host:
            doing = asyncio.create_task(host.do(Work()))
            await soon(kitchen.working.wait())
        with pytest.raises(HostGone):
            await doing
        kitchen.gate.set()
        async with attached(tmp_path) as host:
            await host.ask(Echo("still there"))
        assert kitchen.done == ["work"]


async def test_who_was_there_is_gone_with_the_connection(tmp_path: Path) -> None:
    kitchen = Kitchen()
    async with (
        serving(tmp_path, kitchen),
        attached(tmp_path) as stays,
        attached(tmp_path) as leaves,
    ):
        await stays.do(DeclarePresence("stays"))
        await leaves.do(DeclarePresence("leaves"))
        await leaves.do(DeclarePresence("left before"))
        await leaves.do(DeclarePresence("left before", present=False))
        assert kitchen.present == {"stays", "leaves"}
        news = kitchen.bus.subscribe()
        await leaves.close()
        await soon(anext(news))
        assert kitchen.present == {"stays"}


async def test_a_host_that_closes_answers_what_it_has_begun(tmp_path: Path) -> None:
    kitchen = Kitchen()
    async with serving(tmp_path, kitchen) as opened, attached(tmp_path) as host:
        events = host.events()
        doing = asyncio.create_task(host.do(Work()))
        await soon(kitchen.working.wait())
        closing = asyncio.create_task(opened.close())
        await asyncio.sleep(0)
        kitchen.gate.set()
        assert await soon(doing) == "done"
        await closing
        assert host.has_begun
        with pytest.raises(HostGone, match="a test"):
            await soon(anext(events))
        with pytest.raises(HostGone):
            await soon(host.ask(Echo("?")))
        late: AsyncIterator[Event] = host.events()
        with pytest.raises(HostGone):
            await soon(anext(late))


async def test_what_comes_too_late_for_a_closing_host_is_known_not_to_have_begun(
    tmp_path: Path,
) -> None:
    kitchen = Kitchen()
    async with serving(tmp_path, kitchen) as opened, attached(tmp_path) as host:
        await host.ask(Echo("here"))
        closing = asyncio.create_task(opened.close())
        for _ in range(3):  # on its way when the goodbye is said, just after it, and later
            with pytest.raises(HostGone, match="a test"):
                await soon(host.do(Shout()))
            assert not host.has_begun
        await soon(closing)


async def test_a_command_that_outlasts_the_patience_of_a_closing_host_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LAST_WAIT", 0.05)
    kitchen = Kitchen()
    async with serving(tmp_path, kitchen) as opened, attached(tmp_path) as host:
        doing = asyncio.create_task(host.do(Work()))
        await soon(kitchen.working.wait())
        await opened.close()
        with pytest.raises(HostGone, match="before this was done"):
            await soon(doing)
        assert host.has_begun


async def test_who_comes_before_the_host_is_open_waits_and_can_repeat_what_was_not_begun(
    tmp_path: Path,
) -> None:
    kitchen = Kitchen()
    opened = await HostServer.open(tmp_path, "a test")
    try:
        async with attached(tmp_path) as host:
            asking = asyncio.create_task(host.ask(Echo("early")))
            later = asyncio.create_task(host.ask(Break()))
            doing = asyncio.create_task(host.do(Shout()))
            opened.answer(kitchen.opening())
            assert await soon(asking) == "early"
            assert not later.done()
            assert not doing.done()
            await opened.close()
            for waiting in (later, doing):
                with pytest.raises(HostGone):
                    await soon(waiting)
            assert not host.has_begun
    finally:
        await opened.close()


async def test_who_waits_for_a_host_that_cannot_open_hears_why(tmp_path: Path) -> None:
    opened = await HostServer.open(tmp_path, "a test")
    async with attached(tmp_path) as host:
        asking = asyncio.create_task(host.ask(Echo("early")))
        events = host.events()
        await opened.close(Conflict("The database is of a later version."))
        with pytest.raises(ForedeckError, match="later version"):
            await soon(asking)
        with pytest.raises(ForedeckError, match="later version"):
            await soon(anext(events))


async def test_the_first_message_does_not_keep_the_loop_of_the_services(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from foredeck.services.host.server import HostServer\n"
        "from foredeck.services.host.address import socket_path\n"
        "async def main():\n"
        "    server = await HostServer.open(Path(sys.argv[1]), 'a test')\n"
        "    path = str(socket_path(Path(sys.argv[1])))\n"
        "    reader, writer = await asyncio.open_unix_connection(path)\n"
        "    assert b'wire' in await reader.readline()\n"
        "    assert 'pydantic' not in sys.modules\n"
        "    writer.close()\n"
        "    await server.close()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path))
    assert await process.wait() == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"what?\n",
        b"[1, 2]\n",
        b"{}\n",
        b'{"id": "one", "ask": "Echo"}\n',
        b'{"id": 1, "listen": "yes"}\n',
        b"\x00\xff\xfe\n",
        b"[" * 200_000 + b"\n",
    ],
)
async def test_garbage_is_answered_with_a_sentence_and_the_end(
    tmp_path: Path, garbage: bytes
) -> None:
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as good:
        async with raw(tmp_path) as (reader, writer):
            writer.write(garbage)
            answer = json.loads(await soon(reader.readline()))
            assert answer["error"] == "InvalidInput"
            assert answer["with"]["message"]
            assert await soon(reader.read()) == b""
        assert await good.ask(Echo("unharmed")) == "unharmed"


async def test_a_line_without_end_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LINE_LIMIT", 1 << 16)
    async with serving(tmp_path, Kitchen()), raw(tmp_path) as (reader, writer):
        writer.write(b"x" * (1 << 18))
        answer = json.loads(await soon(reader.readline()))
        assert answer["with"]["message"] == "A line is too long."


@pytest.mark.parametrize("name", [None, 7, {"a": 1}, "Shout", "__class__"])
async def test_a_wish_that_there_is_not_is_refused_and_the_client_stays(
    tmp_path: Path, name: object
) -> None:
    async with serving(tmp_path, Kitchen()), raw(tmp_path) as (reader, writer):
        writer.write(json.dumps({"id": 1, "ask": name, "with": {}}).encode() + b"\n")
        assert json.loads(await soon(reader.readline()))["error"] == "InvalidInput"
        writer.write(b'{"id": 2, "ask": "Echo", "with": {"text": "yes"}}\n')
        assert json.loads(await soon(reader.readline())) == {"id": 2, "answer": "yes"}


async def test_a_client_that_never_reads_costs_nobody_anything(tmp_path: Path) -> None:
    kitchen = Kitchen(limit=50)
    async with serving(tmp_path, kitchen), attached(tmp_path) as good:
        assert await good.ask(Echo("ready")) == "ready"
        async with raw(tmp_path) as (reader, writer):
            big = json.dumps({"id": 1, "ask": "Echo", "with": {"text": "x" * 100_000}})
            writer.write(b'{"id": 0, "listen": null}\n' + (big.encode() + b"\n") * 300)
            await soon(good.ask(Echo("there")))
            for _ in range(30):
                assert await soon(good.do(Shout(1000))) == 1000
            last = kitchen.bus.seq
            # Now it reads: what it missed is one Resync, and the newest events are there.
            answers = 0
            events: list[Any] = []
            while answers < 300 or not events or events[-1]["with"]["seq"] < last:
                message = json.loads(await soon(reader.readline()))
                if "event" in message:
                    events.append(message)
                else:
                    answers += 1
            assert answers == 300
            assert "Resync" in [event["event"] for event in events]
            assert len(events) < last


async def test_a_reader_of_events_that_does_not_read_gets_one_resync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_EVENT_LIMIT", 100)
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        events = host.events()
        await host.do(Shout(1050))
        await host.ask(Echo("all have arrived"))
        seen: list[Event] = [await soon(anext(events))]
        while seen[-1].seq < 1050:
            seen.append(await soon(anext(events)))
        assert isinstance(seen[0], Resync)


async def test_too_many_subscriptions_and_too_many_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CLIENT_LIMIT", 2)
    monkeypatch.setattr(client_line, "_LISTENER_LIMIT", 2)
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        async with raw(tmp_path) as (reader, writer):
            writer.write(b"".join(b'{"id": %d, "listen": null}\n' % n for n in range(3)))
            assert b"subscriptions" in await soon(reader.readline())
        async with attached(tmp_path):
            with pytest.raises(InvalidInput, match="attached already"):
                await RemoteHost.open(tmp_path)
        assert await host.ask(Echo("unharmed")) == "unharmed"


async def test_the_socket_is_this_users_alone(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    async with serving(tmp_path, Kitchen()):
        path = socket_path(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


async def test_another_users_process_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, Kitchen()):
        monkeypatch.setattr(server, "user_of", lambda _peer: os.getuid() + 1)
        with pytest.raises(HostGone):
            await RemoteHost.open(tmp_path)
        monkeypatch.undo()
        monkeypatch.setattr(remote, "user_of", lambda _peer: os.getuid() + 1)
        with pytest.raises(HostGone, match="another user"):
            await RemoteHost.open(tmp_path)
        monkeypatch.undo()
        async with attached(tmp_path) as host:
            assert await host.ask(Echo("ours")) == "ours"


async def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    async with serving(deep, Kitchen()), attached(deep) as host:
        assert await host.ask(Echo("far")) == "far"
        opened = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
        assert str(socket_path(deep).parent) not in opened


async def test_the_socket_of_a_dead_host_is_replaced(tmp_path: Path) -> None:
    listen(tmp_path).close()
    assert socket_path(tmp_path).exists()
    with pytest.raises(HostGone):
        await RemoteHost.open(tmp_path)
    async with serving(tmp_path, Kitchen()), attached(tmp_path) as host:
        assert await host.ask(Echo("alive")) == "alive"


async def test_a_host_that_says_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_HELLO_SECONDS", 0.1)
    listener = listen(tmp_path)
    try:
        with pytest.raises(HostBusy, match="does not answer"):
            await RemoteHost.open(tmp_path)
    finally:
        listener.close()


async def test_a_host_of_another_version_says_so(tmp_path: Path) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"wire": 99, "version": "9.9", "role": "r", "pid": 1}\n')
        writer.close()

    listener = await asyncio.start_unix_server(greet, sock=listen(tmp_path))
    async with listener:
        with pytest.raises(Conflict, match=r"another version of Foredeck \(9\.9\)"):
            await RemoteHost.open(tmp_path)
