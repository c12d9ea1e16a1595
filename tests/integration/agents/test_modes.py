"""Which mode is possible, and what of the agents' library is loaded when."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.agents.runner import AgentStageRunner, endpoint, resolve_mode
from foredeck.services.domain import clock
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import FailureClass, Mode, Project, ProjectSettings
from foredeck.services.settings import Settings
from tests.support.agent_stage import open_stage


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return Settings(data_dir=tmp_path)


def test_without_a_key_codex_works_alone(settings: Settings) -> None:
    mode, reason = resolve_mode(settings)
    assert mode is Mode.DIRECT
    assert "OPENAI_API_KEY" in reason


def test_with_a_key_agents_work(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret")
    mode, reason = resolve_mode(settings)
    assert mode is Mode.AGENT
    assert "sk-secret" not in reason


def test_a_key_that_cannot_be_had_is_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    wrong = replace(settings, api_key=f"file:{tmp_path / 'key'}")
    mode, reason = resolve_mode(wrong)
    assert mode is Mode.DIRECT
    assert "cannot be had" in reason
    with pytest.raises(StepFailed) as caught:
        endpoint(wrong)
    assert caught.value.failure.failure_class is FailureClass.AUTHENTICATION


def test_a_rehearsal_needs_no_key(settings: Settings) -> None:
    rehearsal = replace(settings, rehearsal=True, base_url="http://127.0.0.1:1/v1")
    assert resolve_mode(rehearsal)[0] is Mode.AGENT
    assert endpoint(rehearsal).api_key == "rehearsal"


def test_the_project_decides_before_the_settings(settings: Settings) -> None:
    moment = clock.now()
    wish = ProjectSettings(mode=Mode.AGENT)
    project = Project("p", "demo", "/nowhere", moment, moment, settings=wish)
    assert resolve_mode(replace(settings, mode=Mode.DIRECT), project)[0] is Mode.AGENT
    assert resolve_mode(replace(settings, mode=Mode.DIRECT))[0] is Mode.DIRECT
    undecided = replace(project, settings=ProjectSettings(mode=Mode.AUTO))
    assert resolve_mode(settings, undecided)[0] is Mode.DIRECT


async def test_agent_mode_without_a_key_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    async with open_stage(tmp_path / "stage") as stage:
        with pytest.raises(StepFailed) as caught:
            await AgentStageRunner(stage.store, stage.supervisor, settings).run(stage.task)
    assert caught.value.failure.failure_class is FailureClass.AUTHENTICATION
    assert "OPENAI_API_KEY" in caught.value.failure.message


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )


def test_the_library_is_not_loaded_before_an_agent_works() -> None:
    done = python(
        "import sys, foredeck.services.agents.runner\n"
        "print(sorted({'agents', 'openai', 'pydantic'} & set(sys.modules)))"
    )
    assert done.stdout == "[]\n", done.stderr


_AGENT_AT_WORK = """
import asyncio, tempfile, threading
from pathlib import Path
from foredeck.services.agents.runner import AgentStageRunner
from foredeck.services.rehearsal.model_server import ModelServer, Say
from foredeck.services.settings import Settings
from tests.support.agent_stage import open_stage
from tests.support.model_scripts import Always

async def main():
    root = Path(tempfile.mkdtemp())
    with ModelServer(Always([Say("Done.")]), pace=0) as server:
        settings = Settings(data_dir=root, base_url=server.base_url, rehearsal=True)
        async with open_stage(root / "stage") as stage:
            outcome = await AgentStageRunner(stage.store, stage.supervisor, settings).run(
                stage.task
            )
    print(outcome.summary)

asyncio.run(main())
print([t.name for t in threading.enumerate() if not t.daemon and t.name != "MainThread"])
"""


def test_an_agent_leaves_no_noise_and_nothing_running_at_exit() -> None:
    done = python(_AGENT_AT_WORK)
    assert (done.stdout, done.stderr, done.returncode) == ("Done.\n[]\n", "", 0)
