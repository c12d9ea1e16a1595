"""A run on a project that was there before: its whole test output arrives, line by line."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import RunState
from foredeck.services.host.queries import GetTranscript
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House
from tests.support.sample_project import SampleProject, make_sample_project
from tests.support.segments import parts

pytestmark = pytest.mark.codex

# In the sandbox a command starts slower, so what codex sees of its first output differs.
WAYS = [(Mode.AGENT, Sandbox.WORKSPACE_WRITE), (Mode.DIRECT, Sandbox.DANGER_FULL_ACCESS)]


@pytest.mark.parametrize(("mode", "sandbox"), WAYS)
async def test_every_line_of_the_suite_is_there_once_and_in_order(
    house: House, script: CrewScript, tmp_path: Path, mode: Mode, sandbox: Sandbox
) -> None:
    sample = make_sample_project(tmp_path / "sample", failing=2, git=True)
    expected = suite_output(sample)
    assert len(expected) > sample.lines > 4000
    theirs = (sample.path / "AGENTS.md").read_text().strip()
    script.crew("one").codex["qa_qc"] = commands(f"echo first; {sample.command}; echo last")
    async with house.open(sandbox=sandbox) as home:
        one = await home.begin("one", mode, sample.path)
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        output = command_output(await home.output(one.id, "qa_qc"))
        assert output[0] == "first"
        assert output[-1] == "last"
        assert without_times(output[1:-1]) == expected
        jobs = await home.jobs(one.id)
        assert [job.files_changed for job in jobs if job.name.startswith("qa_qc")] == [()]
        # Whoever plans anew keeps what was there; codex alone found the plan good.
        kept = [e.content for e in await home.host.ask(GetTranscript(one.id, "planner"))]
        assert any(theirs in content for content in kept)
    assert dirty(sample.path) == ([" M AGENTS.md"] if mode is Mode.AGENT else [])


def suite_output(sample: SampleProject) -> list[str]:
    """Run the suite without any of our code."""
    done = subprocess.run(
        sample.command, shell=True, cwd=sample.path, capture_output=True, text=True
    )
    assert f"FAILED (failures={sample.failing})" in done.stderr
    assert done.stdout == ""
    return without_times(done.stderr.splitlines())


def without_times(lines: list[str]) -> list[str]:
    return [re.sub(r" in \d+\.\d+s$", "", line) for line in lines]


def command_output(path: Path) -> list[str]:
    """Return the lines that the command printed, without what is told about it.

    Where codex left out pieces while it ran, which it does on a machine under load, the file
    says so, and all of it follows once more.
    """
    texts = [text for kind, text in parts(path) if kind is SegmentKind.OUTPUT]
    lines = "".join(texts).splitlines()
    if "Codex left out pieces of this output" not in path.read_text():
        return lines
    return lines[len(lines) - 1 - lines[::-1].index("first") :]


def dirty(path: Path) -> list[str]:
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "__pycache__" not in line]
