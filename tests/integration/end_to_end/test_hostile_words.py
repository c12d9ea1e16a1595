"""Hostile output of commands and hostile words of models, from codex to the command line."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from foredeck.services.domain.records import Mode
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import CreateRun
from foredeck.services.host.queries import GetTranscript
from foredeck.services.rehearsal.plays import Play, run
from foredeck.widgets.transcript_rows import entry_rows
from tests.support.crew_script import CrewScript
from tests.support.hostile import HOSTILE
from tests.support.house import House
from tests.support.segments import texts

pytestmark = pytest.mark.codex

# codex itself keeps no more than a megabyte of a command's output; the pane's own tests and
# the benchmarks hold the rest.
PAYLOADS = {name: data for name, data in HOSTILE.items() if len(data) <= 20_000}
WORDS = "\n".join(data.decode("utf-8", "replace")[:500] for data in PAYLOADS.values())
CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)


def shout() -> Play:
    """Print every payload, one behind the other, and end with hostile words."""
    yield from run("sleep 0.3; cat hostile/*; sleep 0.3; echo over")
    return WORDS


@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_nothing_commands_the_terminal(house: House, script: CrewScript, mode: Mode) -> None:
    script.crew("one").codex["builder"] = shout
    script.crew("one").words["builder"] = WORDS
    workspace = house.base / "workspace"
    printed = put_payloads(workspace / "hostile")
    async with house.open() as home:
        project = await home.project("one", workspace)
        wish = CreateRun(project.id, f"[run one] {WORDS}", title=WORDS, mode=mode)
        row = await home.host.do(wish)
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        output = Path(detail.steps[1].output_path or "")
        assert "".join(texts(output, SegmentKind.OUTPUT)) == printed
        entries = await home.host.ask(GetTranscript(row.id))
        assert any("\x1b" in entry.content for entry in entries)
        shown = [
            text
            for entry in entries
            for cells in entry_rows(entry, 100, unfolded=True).rows
            for text, _ in cells
        ]
        assert [text for text in shown if CONTROL.search(text)] == []

    for arguments in (["logs", row.id], ["show", row.id], ["list"]):
        told = await foredeck_runs(house, *arguments)
        assert len(told) > 100
        assert CONTROL.search(told) is None, arguments
    assert "OVER" in await foredeck_runs(house, "logs", row.id, "--step", "builder")


def put_payloads(directory: Path) -> str:
    """Write the payloads as files; return what a command prints that shows all of them."""
    directory.mkdir(parents=True)
    for name, data in PAYLOADS.items():
        (directory / name).write_bytes(data)
    together = b"".join(path.read_bytes() for path in sorted(directory.iterdir()))
    return together.decode("utf-8", "replace") + "over\n"


async def foredeck_runs(house: House, *arguments: str) -> str:
    """Run `foredeck runs …` beside nobody; return all that it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from foredeck.app.cli.main import main; main()", "runs"),
        *arguments,
        env={**os.environ, "FOREDECK_DATA_DIR": str(house.settings.data_dir), "LC_ALL": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told
    return told.decode()
