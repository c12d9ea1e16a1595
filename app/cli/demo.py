"""`foredeck demo`: the rehearsal, on the dashboard or without a screen."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foredeck.app.cli.follow import exit_code, follow, put_result
from foredeck.app.cli.interrupts import INTERRUPTED, ending_like_ctrl_c
from foredeck.app.cli.render import format_option, say
from foredeck.app.cli.session import Session, hold_and_do
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.records import Mode, Trigger
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.views import RunDetail, RunRow
from foredeck.services.host.commands import CreateProject, CreateRun
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun, ListRuns

if TYPE_CHECKING:
    from foredeck.services.rehearsal.demo import DemoSetting

_ABOUT_PROJECT = "A rehearsal: only the model's words are scripted."


@click.command()
@click.option("--fast", is_flag=True, help="Without the pauses of a model at human speed.")
@click.option("--headless", is_flag=True, help="Without the dashboard: progress on stderr.")
@click.option(
    "--mode",
    type=click.Choice([Mode.AGENT.value, Mode.DIRECT.value]),
    default=Mode.AGENT.value,
    show_default=True,
    help="Agents with tools, or each stage's prompt straight to codex.",
)
@click.option(
    "--dir",
    "base",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Make the throw-away directory in DIR.  [default: the system's]",
)
@click.option("--keep", is_flag=True, help="Keep that directory also when the demo is broken off.")
@format_option
@click.pass_obj
def demo(
    session: Session,
    fast: bool,
    headless: bool,
    mode: str,
    base: Path | None,
    keep: bool,
    format_: str,
) -> int:
    """Watch the four agents build a small program: no key, no login, no network.

    This is a rehearsal: the model's words are scripted; codex, the commands it runs, the
    files it writes and the tests are real. It takes one to two minutes.

    \b
    foredeck demo                        on the dashboard
    foredeck demo --fast --headless      in some seconds, without a screen

    Exit codes: 0 the result was approved, 1 it was not, 130 broken off.
    """
    from foredeck.services.rehearsal.demo import describe_result, prepare_demo

    headless = headless or _no_screen()
    say("Preparing the rehearsal: trying codex and its sandbox…")
    with ending_like_ctrl_c():
        code, root, keeps = INTERRUPTED, None, keep
        try:
            with prepare_demo(
                _existing(base or Path(tempfile.gettempdir())),
                pace=0.0 if fast else 1.0,
                mode=Mode(mode),
                settings=session.settings,
            ) as setting:
                root = setting.root
                _introduce(setting)
                play = _without_screen if headless else _on_screen
                detail, code = play(session, setting)
                keeps = keep or code != INTERRUPTED
            if headless and detail:
                put_result(detail, format_, advise=False)
            if keeps:
                say(f"\n{describe_result(setting)}")
                _say_where_to_look(setting, detail)
        finally:
            if root and not keeps:
                shutil.rmtree(root, ignore_errors=True)
                say("The demo was broken off; its throw-away directory is gone.")
    return code


def _no_screen() -> bool:
    """Whether the dashboard cannot be shown here; says so."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if terminal and os.environ.get("TERM") not in (None, "", "dumb"):
        return False
    say("There is no terminal for the dashboard here, so the demo goes without it.")
    return True


def _existing(base: Path) -> Path:
    base = base.expanduser().absolute()
    if not base.is_dir():
        raise NotFound(f"There is no directory {base}.", "Make it first, or leave --dir out.")
    return base


def _introduce(setting: DemoSetting) -> None:
    from foredeck.services.rehearsal.demo import ABOUT

    say(f"REHEARSAL · {ABOUT}")
    if setting.sandbox_note:
        say(f"! {setting.sandbox_note}")
    say(f"Request: {setting.request}")


def _say_where_to_look(setting: DemoSetting, detail: RunDetail | None) -> None:
    if detail:
        data = shlex.quote(str(setting.settings.data_dir))
        say(f"All that was said and done:\n  foredeck --data-dir {data}")


async def _begin(host: Host, setting: DemoSetting) -> RunRow:
    project = await host.do(CreateProject(setting.project, str(setting.workspace), _ABOUT_PROJECT))
    return await host.do(CreateRun(project.id, setting.request, trigger=Trigger.CLI))


def _without_screen(session: Session, setting: DemoSetting) -> tuple[RunDetail | None, int]:
    async def work(host: Host) -> tuple[RunDetail, int]:
        # The model's part is played in this process: nobody could go on with the run.
        return await follow(host, lambda: _begin(host, setting), outlived=False)

    return asyncio.run(hold_and_do(setting.settings, work, "foredeck demo", debug=session.debug))


def _on_screen(session: Session, setting: DemoSetting) -> tuple[RunDetail | None, int]:
    from foredeck.app.cli.dashboard import run_dashboard

    async def begin(host: Host) -> None:
        # The person may ask for another try after a failure: the run began at most once.
        if not (await host.ask(ListRuns())).total:
            await _begin(host, setting)

    ended = run_dashboard(
        setting.settings,
        debug=session.debug,
        begin=begin,
        notice=setting.sandbox_note,
        outlived=False,  # the model's part is played in this process
    )
    detail = asyncio.run(_first_run(setting))
    if detail is None or detail.run.state not in FINAL_RUNS - {RunState.CANCELLED}:
        return detail, INTERRUPTED
    return detail, exit_code(detail) or ended


async def _first_run(setting: DemoSetting) -> RunDetail | None:
    """Return the demo's run as it is stored now; a person may have added others after it."""
    from foredeck.app.container import open_reader

    async with open_reader(setting.settings) as host:
        page = await host.ask(ListRuns(limit=1000))
        if not page.items:
            return None
        return await host.ask(GetRun(page.items[-1].id))
