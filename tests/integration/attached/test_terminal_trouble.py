"""A dashboard loses its terminal, its life or its time while a codex turn works."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from itertools import count

import pytest

from foredeck.app.joining import join_other
from foredeck.services.domain.records import Mode
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.interface import Host
from foredeck.services.settings import Settings
from tests.support.cli_desk import Desk, until
from tests.support.crew_script import commands, escalated
from tests.support.pty_program import PtyProgram
from tests.support.terminal_drill import TerminalDrill, read_until_shown, shown

pytestmark = [pytest.mark.codex, pytest.mark.usefixtures("at_the_desk")]

# How long the services may keep anybody waiting, in seconds.
LAG = 0.5
# How long a terminal is not read, and how soon its screen must be whole again, in seconds.
UNREAD = 10.0
WHOLE = 1.0
# How long a dashboard is stopped, in seconds: longer than codex may give no sign of life.
STOPPED = 4.0
STALL = 3.0


@pytest.fixture
def drill(desk: Desk) -> Iterator[TerminalDrill]:
    drill = TerminalDrill(desk)
    yield drill
    drill.clear()


@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_a_host_in_the_background_goes_on_when_the_terminal_is_gone(
    drill: TerminalDrill, mode: Mode
) -> None:
    with drill.dashboard() as program:
        drill.begin_counting(program, mode)
        program.hang_up()
        await _goes_on_without(drill, program)


async def test_a_host_in_the_background_goes_on_after_sigterm(drill: TerminalDrill) -> None:
    with drill.dashboard() as program:
        drill.begin_counting(program)
        program.process.send_signal(signal.SIGTERM)
        program.wait()
        assert b"\x1b[?1049l" in program.output  # the terminal is as it was
        await _goes_on_without(drill, program)


async def _goes_on_without(drill: TerminalDrill, program: PtyProgram) -> None:
    """Hold that another host takes the living turn up, and that all happens once."""
    drill.wait_for_another_host(program)
    kept = drill.count
    until(lambda: drill.count > kept, "output is kept again")
    drill.let_go()
    drill.wait_for_success()
    await drill.hold()


async def test_a_killed_one_is_replaced_and_the_next_shows_live_output(
    drill: TerminalDrill,
) -> None:
    with drill.dashboard() as first:
        drill.begin_counting(first)
        first.process.kill()
        first.process.wait()
    kept = drill.count
    began = time.monotonic()
    with drill.dashboard() as second:
        read_until_shown(second, kept + 1)
        # Printed, not held: how long a start takes is the machine's affair (`pytest -rP` shows it).
        print(f"live output {time.monotonic() - began:.2f} s after opening")
        read_until_shown(second, shown(second)[-1] + 1)
        drill.let_go()
        second.read_until("0 running")
        second.send("q")
        assert second.wait() == 0
    await drill.hold()


async def test_the_services_keep_their_time_while_the_terminal_is_not_read(
    drill: TerminalDrill,
) -> None:
    with drill.dashboard() as program:
        drill.begin_counting(program)
        lags = await _lags(drill)
        held = program.unread()
        assert held > 1000, "the terminal was not full"
        before, newest = shown(program)[-1], drill.count
        began = time.monotonic()
        read_until_shown(program, newest)
        whole = time.monotonic() - began
        print(f"answered in {max(lags) * 1000:.0f} ms at worst, whole in {whole:.2f} s")
        drill.let_go()
        program.read_until("0 running")
        program.send("q")
        assert program.wait() == 0
    await drill.hold()
    assert newest > before + UNREAD * 10, "the output did not flow meanwhile"
    assert max(lags) < LAG
    assert whole < WHOLE


async def _lags(drill: TerminalDrill) -> list[float]:
    """Return how long each question and command takes while nobody reads the terminal."""
    lags: list[float] = []
    async with join_other(Settings(data_dir=drill.desk.data)) as joined:
        began = time.monotonic()
        for number in count():
            asked = time.monotonic()
            if asked - began > UNREAD:
                return lags
            await _ask(joined.host, number)
            lags.append(time.monotonic() - asked)
            await asyncio.sleep(0.02)
    raise AssertionError


async def _ask(host: Host, number: int) -> None:
    if number % 2:
        await host.do(c.UpdateProject("code", description=f"Changed {number} times"))
    else:
        await host.ask(q.GetSidebar())


@pytest.mark.parametrize("ends", [True, False], ids=["turn-ends", "turn-goes-on"])
async def test_one_that_was_stopped_for_a_while_has_lost_nothing(
    drill: TerminalDrill, ends: bool
) -> None:
    config = drill.desk.base / "config.toml"
    config.write_text(config.read_text() + f"stall_timeout = {STALL}\n")
    with drill.dashboard() as program:
        drill.begin_counting(program)
        program.process.send_signal(signal.SIGSTOP)
        kept = drill.count
        await asyncio.sleep(STOPPED)
        if ends:
            drill.let_go()
            until(drill.last.exists, "the turn has ended without its host")
        assert drill.count == kept, "it was not stopped"
        program.process.send_signal(signal.SIGCONT)
        if not ends:
            read_until_shown(program, kept + 100)
            drill.let_go()
        program.read_until("0 running", 60)
        program.send("q")
        assert program.wait() == 0
    await drill.hold()


async def test_leave_that_codex_asks_for_is_asked_for_still_after_a_hang_up(
    drill: TerminalDrill,
) -> None:
    drill.builder(escalated(_once("builder"), why="to be done"))
    with drill.dashboard() as program:
        drill.begin(program)
        program.read_until("Asks for leave", 60)
        program.hang_up()
    assert not (drill.workspace / "last").exists()
    (asked,) = drill.desk.run("runs", "questions", "--format", "json").answer["items"]
    assert asked["reason"] == "to be done"
    answered = drill.desk.run("runs", "approve", drill.run_id)
    assert answered.code == 0, answered.err
    drill.wait_for_success()
    await drill.hold()


async def test_what_an_agent_asks_is_asked_still_after_a_hang_up(drill: TerminalDrill) -> None:
    drill.builder(commands(_once("builder")))
    drill.agent_asks("Which?")
    with drill.dashboard() as program:
        drill.begin(program, Mode.AGENT)
        program.read_until("Which?", 60)
        program.hang_up()
    (asked,) = drill.desk.run("runs", "questions", "--format", "json").answer["items"]
    assert asked["title"] == "Which?"
    answered = drill.desk.run("runs", "answer", drill.run_id, "The red one")
    assert answered.code == 0, answered.err
    drill.wait_for_success()
    await drill.hold()


def _once(role: str) -> str:
    return f"echo {role} >> effects; echo {role}-1-end; echo 1 > last"
