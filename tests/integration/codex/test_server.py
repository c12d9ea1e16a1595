"""The real app-server: started, adopted, outliving its starter, stopped."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from foredeck.services.codex import server as module
from foredeck.services.codex.binary import CodexBinary
from foredeck.services.codex.client import CodexClient
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.server_record import ServerRecord, read_record
from foredeck.services.domain.errors import CodexError, CodexMissing, CodexUnreachable
from foredeck.services.jobs.processes import MARK, find_marked, is_alive
from foredeck.services.settings import Settings

pytestmark = pytest.mark.codex


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("CODEX_HOME", "CODEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Settings(data_dir=tmp_path / "data", codex_home=tmp_path / "home", grace=2.0)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[AppServer]:
    server = AppServer(settings)
    yield server
    await server.stop()
    await server.close()


def record(server: AppServer) -> ServerRecord:
    found = read_record(server._place)
    assert found is not None
    return found


async def greeted(socket: Path) -> bool:
    client = await CodexClient.open(socket)
    await client.close()
    return True


async def test_start_and_stop(server: AppServer) -> None:
    socket = await server.ensure()
    assert await greeted(socket)
    running = record(server)
    processes = running.processes()
    assert [is_alive(process) for process in processes] == [True, True]
    assert os.getsid(processes[0].pid) not in {os.getsid(0), os.getsid(processes[1].pid)}
    await server.stop()
    assert not any(map(is_alive, processes))
    assert find_marked(running.mark) == []
    assert not socket.exists()
    assert not os.path.lexists(server._place.socket)
    assert read_record(server._place) is None
    assert '"code": 0' in (Path(running.run_dir) / "exit").read_text(), "SIGTERM is graceful"
    await server.stop()


async def test_another_object_adopts_it(server: AppServer, settings: Settings) -> None:
    socket = await server.ensure()
    first = record(server).processes()
    other = AppServer(settings)
    assert await other.ensure() == socket
    assert record(other).processes() == first
    await other.close()


async def test_many_at_once_start_one(server: AppServer, settings: Settings) -> None:
    others = [AppServer(settings) for _ in range(3)]
    sockets = await asyncio.gather(*(each.ensure() for each in (server, server, *others)))
    assert len(set(sockets)) == 1
    assert len(list((settings.data_dir / "codex" / "app-server-runs").iterdir())) == 1
    for other in others:
        await other.close()


async def test_it_survives_the_death_of_its_starter(server: AppServer, settings: Settings) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio, time
        from pathlib import Path
        from foredeck.services.codex.server import AppServer
        from foredeck.services.settings import Settings
        settings = Settings(data_dir=Path({str(settings.data_dir)!r}),
                            codex_home=Path({str(settings.codex_home)!r}))
        asyncio.run(AppServer(settings).ensure())
        print("up", flush=True)
        time.sleep(300)
        """
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True
    )
    assert starter.stdout is not None
    assert await asyncio.to_thread(starter.stdout.readline) == b"up\n"
    starter.stdout.close()
    before = record(server).processes()
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait(10)
    assert await greeted(await server.ensure())
    assert record(server).processes() == before


@pytest.mark.parametrize("who", ["server", "shim", "both"])
async def test_a_killed_one_is_replaced(server: AppServer, who: str) -> None:
    await server.ensure()
    old = record(server)
    carrier, program = old.processes()
    for process in {"server": [program], "shim": [carrier], "both": [carrier, program]}[who]:
        os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while who == "server" and is_alive(carrier):
            await asyncio.sleep(0.01)
    assert await greeted(await server.ensure())
    if who == "shim":
        assert record(server) == old, "without its shim it still serves"
    else:
        assert record(server).mark != old.mark
        assert find_marked(old.mark) == []


async def test_a_left_over_socket_and_record_do_not_hinder(server: AppServer) -> None:
    directory = server._place.directory
    directory.mkdir(parents=True)
    (directory / "app-server.json").write_text('{"run_dir": 1, "nonsense": [')
    (directory / "app-server.sock").symlink_to("/nowhere")
    assert await greeted(await server.ensure())


async def test_another_configuration_replaces_an_idle_one(
    server: AppServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.ensure()
    old = record(server)
    monkeypatch.setenv("CODEX_API_KEY", "another")
    await server.ensure()
    assert record(server).config != old.config
    assert find_marked(old.mark) == []


async def test_two_data_directories_do_not_meet(
    server: AppServer, settings: Settings, tmp_path: Path
) -> None:
    other = AppServer(dataclasses.replace(settings, data_dir=tmp_path / "other"))
    try:
        sockets = await asyncio.gather(server.ensure(), other.ensure())
        assert sockets[0] != sockets[1]
        await server.stop()
        assert await greeted(await other.ensure())
    finally:
        await other.stop()
        await other.close()


async def test_two_keys_do_not_meet(server: AppServer, settings: Settings) -> None:
    other = AppServer(settings, key="second")
    try:
        sockets = await asyncio.gather(server.ensure(), other.ensure())
        assert sockets[0] != sockets[1]
    finally:
        await other.stop()
        await other.close()


@pytest.mark.parametrize("name", ["x" * 150, "with space and % and \N{SNOWMAN} and ?a=b#c"])
async def test_awkward_data_directories(settings: Settings, tmp_path: Path, name: str) -> None:
    server = AppServer(dataclasses.replace(settings, data_dir=tmp_path / name))
    try:
        socket = await server.ensure()
        assert len(os.fsencode(socket)) <= 107
        assert await greeted(socket)
    finally:
        await server.stop()
        await server.close()


async def test_a_socket_that_lies_deep_is_reached(
    server: AppServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where codex puts the socket itself is its own affair; nothing rests on /tmp."""
    await server.ensure()
    deep = AppServer(dataclasses.replace(settings, data_dir=tmp_path / ("y" * 150)))
    deep._place.directory.mkdir(parents=True)
    inner = deep._place.directory / "inner.sock"
    os.link(server._reachable(), inner)
    deep._place.socket.symlink_to(inner.name)
    path = deep._reachable()
    assert len(os.fsencode(path)) <= 107
    assert await greeted(path)
    await deep.close()


async def test_the_client_is_shared_and_renewed(server: AppServer) -> None:
    first, second = await asyncio.gather(server.connect(), server.connect())
    assert first is second
    answer = await first.call("account/read", {})
    assert answer["account"] is None
    await first.close()
    third = await server.connect()
    assert third is not first
    assert not third.closed.is_set()


async def test_our_keys_stay_with_us(
    server: AppServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    monkeypatch.setenv("WANTED_KEY", "sk-wanted")
    assert settings.codex_home is not None
    settings.codex_home.mkdir()
    (settings.codex_home / "config.toml").write_text(
        '[model_providers.mine]\nname = "mine"\nbase_url = "http://127.0.0.1:9/v1"\n'
        'env_key = "WANTED_KEY"\n'
    )
    await server.ensure()
    program = record(server).processes()[1]
    environment = Path(f"/proc/{program.pid}/environ").read_bytes().split(b"\0")
    assert b"WANTED_KEY=sk-wanted" in environment
    assert not [entry for entry in environment if b"sk-ours" in entry]
    assert f"CODEX_HOME={settings.codex_home}".encode() in environment


async def test_codex_is_missing(settings: Settings, tmp_path: Path) -> None:
    server = AppServer(dataclasses.replace(settings, codex_path=tmp_path / "absent"))
    with pytest.raises(CodexMissing, match="absent"):
        await server.ensure()
    await server.stop()


async def test_a_server_that_ends_at_once_says_why(
    server: AppServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nprintf '\\033[31mno room\\033[0m\\007 here\\n' >&2; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(
        "foredeck.services.codex.server.locate",
        lambda _: CodexBinary(program, "0.163.0", "configured"),
    )
    with pytest.raises(CodexUnreachable) as caught:
        await server.ensure()
    what, _, said = caught.value.message.partition(" It said: ")
    assert what == "The codex app-server ended as soon as it was started."
    assert said == "no room\N{SYMBOL FOR BELL} here"
    assert read_record(server._place) is None


async def test_one_that_never_gets_ready_is_ended(
    server: AppServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 300\n")
    program.chmod(0o755)
    monkeypatch.setattr(
        "foredeck.services.codex.server.locate",
        lambda _: CodexBinary(program, "0.163.0", "configured"),
    )
    marks: list[str] = []
    real = AppServer._until_ready

    async def watched(self: AppServer, record: ServerRecord) -> None:
        marks.append(record.mark)
        assert len(find_marked(record.mark)) == 2
        await real(self, record)

    monkeypatch.setattr(AppServer, "_until_ready", watched)
    monkeypatch.setattr("foredeck.services.codex.server.START_SECONDS", 0.3)
    with pytest.raises(CodexUnreachable, match="was not ready within"):
        await server.ensure()
    assert find_marked(marks[0]) == []


async def test_a_turn_under_way_is_not_cut_off(
    server: AppServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        asked.set()

    model = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = model.sockets[0].getsockname()[1]
    assert settings.codex_home is not None
    settings.codex_home.mkdir()
    (settings.codex_home / "config.toml").write_text(
        'model = "gpt-5.5"\nmodel_provider = "silent"\n[model_providers.silent]\n'
        f'name = "silent"\nbase_url = "http://127.0.0.1:{port}/v1"\nwire_api = "responses"\n'
    )
    client = await server.connect()
    started = await client.call("thread/start", {"cwd": str(tmp_path)})
    thread_id = started["thread"]["id"]
    text = [{"type": "text", "text": "hello"}]
    await client.call("turn/start", {"threadId": thread_id, "input": text})
    async with asyncio.timeout(20):
        await asked.wait()
    before = record(server)
    monkeypatch.setenv("CODEX_API_KEY", "another")
    await server.ensure()
    assert record(server) == before
    for writer in writers:
        writer.close()
    model.close()


async def test_a_data_directory_that_cannot_be_used(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = AppServer(dataclasses.replace(settings, data_dir=tmp_path / "file"))
    with pytest.raises(CodexError, match="cannot be used for codex"):
        await server.ensure()


async def test_a_start_that_is_broken_off_leaves_nothing(
    server: AppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning, go_on, marks = asyncio.Event(), threading.Event(), list[str]()
    loop, real = asyncio.get_running_loop(), module._spawn

    def spawn_late(
        run_dir: str, command: Sequence[str], environment: dict[str, str], grace: float
    ) -> None:
        marks.append(environment[MARK])
        loop.call_soon_threadsafe(beginning.set)
        go_on.wait()
        real(run_dir, command, environment, grace)
        spawned.set()

    spawned = threading.Event()
    monkeypatch.setattr(module, "_spawn", spawn_late)
    starting = asyncio.create_task(server.ensure())
    async with asyncio.timeout(10):
        await beginning.wait()
        starting.cancel()
        await asyncio.sleep(0)
        loop.call_later(0.5, go_on.set)  # by then, one that does not wait has tidied up
        await asyncio.wait({starting})
    assert starting.cancelled()
    assert await asyncio.to_thread(spawned.wait, 10)
    assert find_marked(marks[0]) == []
