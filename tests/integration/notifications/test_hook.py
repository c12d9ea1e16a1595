"""The command hook with real commands."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.notifications import hook as hook_module
from foredeck.services.notifications.hook import CommandHook
from tests.integration.notifications.test_webhook import TELLING

DATA = Path("/srv/foredeck")
# For commands that come to it: a shell has to start within, also on a slow machine. In seconds.
LIMIT = 3.0

KEEP = """
import json, os, sys
given = sys.stdin.read()
with open(sys.argv[1], "w") as out:
    json.dump({"environment": dict(os.environ), "given": given}, out)
"""


def keeping(tmp_path: Path) -> tuple[CommandHook, Path]:
    """Return a hook whose program writes down what it gets, and where."""
    program, out = tmp_path / "keep.py", tmp_path / "kept.json"
    program.write_text(KEEP)
    return CommandHook((sys.executable, str(program), str(out)), DATA), out


async def test_it_finds_what_happened_in_its_environment_and_on_its_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234567890")
    monkeypatch.setenv("FOREDECK_NOTIFY_WEBHOOK", "env:X")
    hook, out = keeping(tmp_path)
    assert (await hook(TELLING)).error == ""
    kept = json.loads(out.read_text())
    ours = {n: v for n, v in kept["environment"].items() if n.startswith("FOREDECK_")}
    assert ours == {
        "FOREDECK_DATA_DIR": "/srv/foredeck",
        "FOREDECK_EVENT": "failure",
        "FOREDECK_NOTIFICATION_ID": "0123456789ab",
        "FOREDECK_RUN_ID": "r1",
        "FOREDECK_PROJECT": "demo",
        "FOREDECK_TITLE": "Baue ein Ding ✓",
        "FOREDECK_STATE": "failed",
        "FOREDECK_TASK": "nightly",
        "FOREDECK_TEXT": "demo: failed: no compiler",
    }
    assert "OPENAI_API_KEY" not in kept["environment"]
    assert kept["environment"]["PATH"] == os.environ["PATH"]
    assert json.loads(kept["given"])["title"] == "Baue ein Ding ✓"


async def test_a_text_is_for_the_shell_and_what_is_told_is_no_part_of_it(tmp_path: Path) -> None:
    telling = replace(TELLING, title=f"$(touch {tmp_path}/pwned) `touch {tmp_path}/pwned`; '\"")
    hook = CommandHook(f'printf %s "$FOREDECK_TITLE" > {tmp_path}/title', DATA)
    assert (await hook(telling)).error == ""
    assert (tmp_path / "title").read_text() == telling.title
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("exit 3", "The command ended with code 3."),
        (("/nowhere/at/all",), "The command cannot run: No such file or directory."),
    ],
)
async def test_a_command_that_fails_is_not_run_again(
    command: str | tuple[str, ...], error: str
) -> None:
    outcome = await CommandHook(command, DATA)(TELLING)
    assert (outcome.error, outcome.final) == (error, True)


async def test_a_command_that_takes_too_long_is_ended_with_what_it_started(
    tmp_path: Path,
) -> None:
    hook = CommandHook(f"sleep 60 & echo $! > {tmp_path}/pid; sleep 60", DATA, time_limit=LIMIT)
    outcome = await hook(TELLING)
    assert outcome.error == f"The command took longer than {LIMIT:g} seconds and was ended."
    pid = int((tmp_path / "pid").read_text())
    async with asyncio.timeout(60):
        while _works(pid):
            await asyncio.sleep(0.01)


async def test_a_command_that_leaves_something_behind_has_ended_all_the_same() -> None:
    outcome = await CommandHook("sleep 60 & exit 0", DATA, time_limit=LIMIT)(TELLING)
    assert outcome.error == ""


async def test_a_command_that_prints_without_end_is_gone_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hook_module, "_LAST_WAIT", 40.0)  # it must not be needed
    async with asyncio.timeout(30):
        outcome = await CommandHook("exec cat /dev/zero", DATA, time_limit=0.3)(TELLING)
    assert outcome.error == "The command took longer than 0.3 seconds and was ended."


async def test_what_it_prints_is_logged_in_part(caplog: pytest.LogCaptureFixture) -> None:
    command = (
        "printf 'hello \\033]0;x\\007there\\n'; head -c 3000000 /dev/zero | tr '\\0' x; exit 1"
    )
    outcome = await CommandHook(command, DATA)(TELLING)
    assert outcome.final
    (record,) = [r for r in caplog.records if "the command ended with 1" in r.getMessage()]
    assert "hello there" in record.getMessage()
    assert len(record.getMessage()) < 5000


async def test_it_need_not_read_its_stdin() -> None:
    telling = replace(TELLING, text="x" * 500)
    assert (await CommandHook("exec 0<&-; exit 0", DATA)(telling)).error == ""


def _works(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
