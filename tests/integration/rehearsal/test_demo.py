"""The demo's setting, and the whole demo with everything that is real."""

import asyncio
import stat
import subprocess
from pathlib import Path

import pytest

from foredeck.app.container import open_services
from foredeck.services.codex.binary import CodexBinary, locate
from foredeck.services.codex.login import SandboxProbe, probe_sandbox
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.host.commands import CreateProject, CreateRun
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun
from foredeck.services.rehearsal import demo, fairshare
from foredeck.services.rehearsal.demo import DemoSetting, describe_result, prepare_demo
from foredeck.services.settings import Settings

GIVEN = Settings(theme="textual-light")


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which codex's sandbox is not possible."""

    async def probe(binary: CodexBinary) -> SandboxProbe:
        return SandboxProbe(False, "The sandbox does not work.", "Allow namespaces.")

    monkeypatch.setattr(demo, "probe_sandbox", probe)


def test_everything_is_in_one_directory_of_the_user_alone(tmp_path: Path) -> None:
    with prepare_demo(tmp_path, pace=0, mode=Mode.DIRECT, settings=GIVEN) as setting:
        root, settings = setting.root, setting.settings
        assert root.parent == tmp_path
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        places = [settings.data_dir, settings.workspaces_root, settings.codex_home]
        assert all(place and place.is_relative_to(root) for place in places)
        assert setting.workspace.is_dir()
        assert settings.base_url == setting.server.base_url
        assert settings.base_url in (root / "codex" / "config.toml").read_text()
        assert (settings.rehearsal, settings.mode) == (True, Mode.DIRECT)
        assert settings.theme == "textual-light"


@pytest.mark.usefixtures("no_sandbox")
def test_without_a_sandbox_the_demo_says_so(tmp_path: Path) -> None:
    with prepare_demo(tmp_path) as setting:
        assert setting.settings.sandbox is Sandbox.DANGER_FULL_ACCESS
        assert "does not work. Allow namespaces." in setting.sandbox_note
        assert "throw-away directory only" in setting.sandbox_note


@pytest.mark.codex
def test_with_a_sandbox_there_is_nothing_to_say(tmp_path: Path) -> None:
    probe = asyncio.run(probe_sandbox(locate(Settings())))
    with prepare_demo(tmp_path) as setting:
        assert (setting.sandbox_note == "") is probe.ok
        assert (setting.settings.sandbox is Sandbox.WORKSPACE_WRITE) is probe.ok


@pytest.mark.usefixtures("no_sandbox")
def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    with (
        pytest.raises(ForedeckError, match="cannot be made"),
        prepare_demo(tmp_path / "none"),
    ):
        pass


@pytest.mark.usefixtures("no_sandbox")
def test_no_program_is_promised_that_is_not_there(tmp_path: Path) -> None:
    with prepare_demo(tmp_path) as setting:
        assert "no program yet" in describe_result(setting)
        (setting.workspace / "fairshare.py").touch()
        told = describe_result(setting)
    assert fairshare.RUN_PROGRAM in told
    assert f"rm -r {setting.root}" in told


async def play(setting: DemoSetting) -> RunState:
    """Let the four agents work and return how the run ended."""
    async with open_services(setting.settings, "test") as services:
        project = await services.host.do(CreateProject(setting.project, str(setting.workspace)))
        events = services.host.events()
        run = await services.host.do(CreateRun(project.id, setting.request))
        async with asyncio.timeout(180):
            while (state := await state_of(services.host, run.id)) not in FINAL_RUNS:
                await anext(events)
        return state


async def state_of(host: Host, run_id: str) -> RunState:
    return (await host.ask(GetRun(run_id))).run.state


def assert_result(setting: DemoSetting) -> None:
    for command in (fairshare.RUN_PROGRAM, fairshare.RUN_TESTS):
        done = subprocess.run(
            command.split(), cwd=setting.workspace, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
    assert "Ran 16 tests" in done.stderr


@pytest.mark.codex
def test_the_whole_demo_ends_with_a_program_that_works(tmp_path: Path) -> None:
    with prepare_demo(tmp_path, pace=0) as setting:
        assert asyncio.run(play(setting)) is RunState.SUCCESS
    assert_result(setting)


@pytest.mark.codex
@pytest.mark.usefixtures("no_sandbox")
def test_the_whole_demo_works_directly_and_without_a_sandbox(tmp_path: Path) -> None:
    with prepare_demo(tmp_path, pace=0, mode=Mode.DIRECT) as setting:
        assert asyncio.run(play(setting)) is RunState.SUCCESS
    assert_result(setting)
