"""`foredeck serve`: the host without a screen."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from foredeck.app.cli.background import serve_command
from foredeck.app.cli.interrupts import Interrupts
from foredeck.app.cli.render import GLYPHS, say
from foredeck.app.cli.session import Session, log_to_file
from foredeck.services.domain.errors import ForedeckError, HostBusy, UsageError
from foredeck.services.domain.events import JobSaved, NoticeRaised, RunSaved
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_RUNS, JobState, RunState
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun

if TYPE_CHECKING:
    from foredeck.app.assembly import Services
    from foredeck.services.scheduling.scheduler import Scheduler
    from foredeck.services.settings import Settings

ROLE = "foredeck serve"
_POLL = 0.5
_TOLD = FINAL_RUNS | {RunState.RUNNING, RunState.WAITING}

_UNIT = """\
# Foredeck's host as a service of yours. Put it into place and start it:
#   foredeck serve --unit > ~/.config/systemd/user/foredeck.service
#   systemctl --user enable --now foredeck
# To have it run while you are not logged in, too:
#   loginctl enable-linger
# It does not see your shell's variables: let api_key in the settings be file:PATH or
# command:WORDS, or add  Environment=NAME=VALUE  with  systemctl --user edit foredeck.

[Unit]
Description=Foredeck: works on runs without a screen

[Service]
ExecStart={command}
{variables}Restart=on-failure
# Only the host itself is ended: codex and its turns outlive a restart and are taken up again.
KillMode=process
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


@click.command()
@click.option("--until-idle", is_flag=True, help="End when nothing runs and nobody is attached.")
@click.option(
    "--idle",
    type=click.FloatRange(0, 86_400),
    metavar="SECONDS",
    help="How long that must be so; default: the setting idle_timeout.",
)
@click.option("--unit", is_flag=True, help="Print a systemd user unit instead, and exit.")
@click.pass_obj
def serve(session: Session, until_idle: bool, idle: float | None, unit: bool) -> int:
    """Work on runs and jobs without a screen, until SIGTERM or Ctrl-C.

    Dashboards and commands attach to it. It says on stderr when one begins and ends. What is
    at work when it ends is taken up by the next host: foredeck, or serve again.

    \b
    foredeck serve                  in a terminal, or under a service manager
    foredeck serve --until-idle     go when the work is done
    foredeck serve --unit > ~/.config/systemd/user/foredeck.service
    """
    settings = session.settings
    if idle is not None and not until_idle:
        raise UsageError("--idle says how long --until-idle waits.", "Give both, or neither.")
    if unit and until_idle:
        raise UsageError("A unit is for a host that stays.", "Leave --until-idle out.")
    if unit:
        click.echo(_unit(settings), nl=False)
        return 0
    seconds = settings.idle_timeout if idle is None else idle
    log_to_file(settings, debug=session.debug)
    asyncio.run(_serve(session, seconds if until_idle else None))
    return 0


def _unit(settings: Settings) -> str:
    """Return a systemd user unit that works on this data directory with this configuration."""
    config = os.environ.get("FOREDECK_CONFIG")
    variables = f"Environment={_quoted(f'FOREDECK_CONFIG={config}')}\n" if config else ""
    command = " ".join(_quoted(word).replace("$", "$$") for word in serve_command(settings))
    return _UNIT.format(command=command, variables=variables)


def _quoted(word: str) -> str:
    """Return a word as systemd reads it; a percent sign means something to it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


async def _serve(session: Session, idle_seconds: float | None) -> None:
    interrupts = Interrupts()
    goes_on = await _be_host(session, interrupts, idle_seconds)
    while goes_on:
        try:
            goes_on = await _be_host(session, interrupts, idle_seconds)
        except HostBusy as error:
            _put(error.message)  # then that one has taken up what was begun here
            break
    _put("Closed.")


async def _be_host(session: Session, interrupts: Interrupts, idle_seconds: float | None) -> bool:
    """Be the host until it is to end; whether a client began something in its last moment."""
    from foredeck.app.container import open_services

    async with open_services(session.settings, ROLE) as services:
        _put(f"Working on {session.settings.data_dir}; SIGTERM or Ctrl-C ends it.")
        telling = asyncio.create_task(_tell(services.host))
        ends: list[asyncio.Task[Any]] = [asyncio.create_task(interrupts.first.wait())]
        if idle_seconds is not None:
            ends.append(asyncio.create_task(_until_idle(services, idle_seconds)))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            # A service is restarted, not finished: the next host goes on with what works.
            services.departure.leaving = True
            await services.server.close()
            runs, jobs = services.orchestrator.driven, services.jobs.working
        finally:
            for task in (telling, *ends):
                task.cancel()
        if not interrupts.first.is_set():
            return runs + jobs > 0
        left = [_counted(runs, "run"), _counted(jobs, "job")]
        words = " and ".join(filter(None, left))
        verb = "is" if runs + jobs == 1 else "are"
        _put(f"Closing; {words} {verb} taken up by the next host." if words else "Closing.")
        return False


def _counted(count: int, noun: str) -> str:
    return "" if not count else f"a {noun}" if count == 1 else f"{count} {noun}s"


async def _until_idle(services: Services, seconds: float) -> None:
    """Return when no run was driven, no job worked and nobody was attached for so long.

    While a schedule is to start something it does not return: it would not be started.
    """
    last_busy, stays = time.monotonic(), False
    while time.monotonic() - last_busy < seconds or services.scheduler.expects is not False:
        await asyncio.sleep(min(_POLL, seconds))
        stays = _tell_what_keeps_it(services.scheduler, stays)
        works = services.orchestrator.driven or services.jobs.working
        if works or services.server.clients or stays:
            last_busy = time.monotonic()


def _tell_what_keeps_it(scheduler: Scheduler, told: bool) -> bool:
    """Say that schedules keep the host, and that they do not any more; whether they do."""
    keeps = scheduler.expects is True
    if keeps and not told:
        _put("Staying, also when idle: tasks are scheduled. foredeck tasks pause-all ends that.")
    if told and not keeps:
        _put("No task is scheduled any more: ends when idle.")
    return keeps


async def _tell(host: Host) -> None:
    """Say a line when a run begins to work, waits, or ends; and when a job of its own does."""
    told: dict[str, RunState] = {}
    async for event in host.events():
        if isinstance(event, NoticeRaised):
            _put(f"{event.severity}: {event.message}")
        if isinstance(event, JobSaved):
            _tell_job(event)
        if not isinstance(event, RunSaved):
            continue
        # A run is also saved when something else of it has changed.
        if event.state in _TOLD and told.get(event.run_id) is not event.state:
            await _tell_run(host, event)
        told[event.run_id] = event.state


def _tell_job(event: JobSaved) -> None:
    if event.run_id is None and event.previous is not None and event.state is not JobState.QUEUED:
        name = safe_line(event.name, limit=80)
        _put(f"{GLYPHS[event.state.value]} {event.state.value} {event.job_id} {name}")


async def _tell_run(host: Host, event: RunSaved) -> None:
    try:
        row = (await host.ask(GetRun(event.run_id))).run
    except ForedeckError as error:
        _put(str(error))
        return
    name = f"{safe_line(row.project_name, limit=40)}: {safe_line(row.title, limit=80)}"
    _put(f"{GLYPHS[event.state.value]} {event.state.value} {row.id} {name}")


def _put(text: str) -> None:
    say(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {text}")
