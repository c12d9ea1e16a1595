"""`foredeck codex run` and `codex parse` with the real codex and a scripted model."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from foredeck.app.container import open_services
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import ConcludeCodexRun
from foredeck.services.rehearsal.exchange import Action, Call, Fail, ModelRequest, Say
from foredeck.services.settings_file import load_settings
from tests.support.cli_desk import PROGRAM, Desk, processes_of, until
from tests.support.model_scripts import Always

pytestmark = pytest.mark.codex

NOBODY = "00000000-0000-7000-8000-000000000000"
FIELDS = [
    "run_id", "session_id", "resume_session", "mode", "repo", "task", "codex_bin",
    "codex_version", "log_file", "meta_file", "summary_file", "started_at", "ended_at",
    "elapsed_seconds", "exit_code", "success", "token_usage", "cost",
]  # fmt: skip
FIRST = ["codex_run_id", "log_file", "meta_file", "summary_file_pending"]
LAST = [
    "codex_run_id", "codex_session_id", "codex_exit_code", "log_file", "meta_file", "summary_file",
]  # fmt: skip


class Answers:
    """Answers each prompt with what a test says, one answer per request of the turn."""

    def __init__(self, **answers: list[Sequence[Action]]) -> None:
        self.answers = answers
        self.seen: list[ModelRequest] = []

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        self.seen.append(request)
        for word, answers in self.answers.items():
            if word in request.prompt:
                return answers[min(len(request.turn_outputs), len(answers) - 1)]
        return [Say("nothing to do")]


def command(text: str) -> Call:
    return Call("exec_command", {"cmd": text, "yield_time_ms": 30_000})


def lines(out: str) -> list[tuple[str, str]]:
    pairs = (line.partition("=") for line in out.splitlines())
    return [(name, value) for name, _, value in pairs]


def document(path: str) -> dict[str, Any]:
    fields = json.loads(Path(path).read_text())
    assert list(fields) == FIELDS
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    return dict(fields)


@pytest.fixture(params=["app-server", "exec"])
def engine(desk: Desk, request: pytest.FixtureRequest) -> str:
    (desk.base / "repo").mkdir()
    config = desk.base / "config.toml"
    config.write_text(config.read_text() + f'codex_engine = "{request.param}"\n')
    return str(request.param)


@pytest.fixture
def repo(desk: Desk) -> Path:
    (desk.base / "repo").mkdir(exist_ok=True)
    return desk.base / "repo"


def test_created_then_resumed_the_second_turn_sees_the_first(desk: Desk, engine: str) -> None:
    script = Answers(
        remember=[[command("echo kept > note.txt")], [Say("I keep the word.")]],
        which=[[Say("It was the word.")]],
    )
    desk.server.script = script
    first = desk.run("codex", "run", "--repo", "repo", "--task", "remember the word", timeout=120)
    assert first.code == 0, first.err
    said = lines(first.out)
    assert [name for name, _ in said] == FIRST + LAST
    end = dict(said[len(FIRST) :])
    assert end["codex_exit_code"] == "0"
    assert (desk.base / "repo/note.txt").read_text() == "kept\n"
    meta, summary = document(end["meta_file"]), document(end["summary_file"])
    assert (meta["mode"], meta["session_id"], meta["exit_code"]) == ("new", None, None)
    assert (summary["mode"], summary["success"], summary["exit_code"]) == ("new", True, 0)
    assert summary["session_id"] == end["codex_session_id"]
    assert summary["elapsed_seconds"] > 0
    log = Path(end["log_file"]).read_text()
    assert log.startswith(f"codex_run_id: {end['codex_run_id']}\nstarted_utc: ")
    assert "\nmode: new\nresume_session_id: none\ncodex_bin: /" in log
    assert "kept" in log or "note.txt" in log

    words = ("codex", "run", "--repo", "repo", "--task", "which word?", "--format", "json")
    second = desk.run(*words, "--resume", end["codex_session_id"], timeout=120)
    assert second.code == 0, second.err
    answer = second.answer
    assert (answer["mode"], answer["session_id"]) == ("resume", end["codex_session_id"])
    assert "remember the word" in "\n".join(script.seen[-1].user_texts)
    assert "codex_exit_code=0" in second.err
    one, two = summary["token_usage"], answer["token_usage"]
    assert 0 < two["input_tokens"] < one["input_tokens"], "one request against two"

    parsed = desk.run(
        "codex", "parse", "--log", answer["log_file"], "--meta", answer["meta_file"],
        "--format", "json",
    )  # fmt: skip
    assert parsed.code == 0, parsed.err
    rebuilt = parsed.answer
    for name in ("session_id", "exit_code", "success", "token_usage", "mode", "repo", "task"):
        assert rebuilt[name] == answer[name], name


def test_an_unknown_session_is_never_a_new_one(desk: Desk, engine: str) -> None:
    said = desk.run("codex", "run", "--repo", "repo", "--resume", NOBODY, timeout=120)
    assert said.code == 1
    end = dict(lines(said.out)[len(FIRST) :])
    assert (end["codex_session_id"], end["codex_exit_code"]) == ("unknown", "1")
    assert f"cannot continue the conversation {NOBODY}" in said.err
    assert document(end["summary_file"])["session_id"] is None
    again = desk.run("runs", "retry", end["codex_run_id"], timeout=120)
    assert "Start a new run: codex has no record of that conversation." in again.err
    assert "Go on from there" not in again.err
    assert desk.server.requests == []


def test_a_session_goes_on_without_a_task(desk: Desk, engine: str) -> None:
    script = Answers(begin=[[Say("Begun.")]])
    desk.server.script = script
    first = desk.run("codex", "run", "--repo", "repo", "--task", "begin", timeout=120)
    session = dict(lines(first.out))["codex_session_id"]
    again = desk.run("codex", "run", "--repo", "repo", "--resume", session, timeout=120)
    assert again.code == 0, again.err
    assert script.seen[-1].prompt == "Continue where you left off."
    assert "begin" in "\n".join(script.seen[-1].user_texts)


def test_the_first_lines_are_out_before_codex_exists(desk: Desk, engine: str) -> None:
    """A reader that takes nothing holds the command at its first line: nothing has begun."""
    desk.server.script = Answers(wait=[[command("touch up; sleep 300")]])
    reading, writing = os.pipe()
    os.write(writing, b"." * fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ))
    words = ("codex", "run", "--repo", "repo", "--task", "wait", "--log-dir", "logs")
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.DEVNULL,
        cwd=desk.base,
        env=desk.environment(),
    )
    os.close(writing)
    try:
        until(lambda: b"pipe_w" in _sleeps_in(process), "its first line is held up")
        (item,) = desk.run("runs", "list", "--format", "json").answer["items"]
        assert item["state"] == "created"
        assert [p for p in processes_of(desk.base) if p.split()[0].endswith("codex")] == []
        with os.fdopen(reading, "rb") as out:
            out.read(1 << 16)
            said = dict(lines("".join(out.readline().decode() for _ in FIRST)))
            assert list(said) == FIRST
            assert said["codex_run_id"] == item["id"]
            assert said["log_file"] == f"{desk.base}/logs/codex-run-{item['id']}.log"
            until((desk.base / "repo/up").exists, "the command runs", timeout=120)
            assert document(said["meta_file"])["exit_code"] is None
            assert not Path(said["summary_file_pending"]).exists()

            process.send_signal(signal.SIGINT)
            end = dict(lines(out.read().decode()))
        assert process.wait(timeout=120) == 130
    finally:
        process.kill()
        process.wait()
    assert end["codex_exit_code"] == "130"
    summary = document(end["summary_file"])
    assert (summary["exit_code"], summary["success"]) == (130, False)
    assert summary["session_id"] == end["codex_session_id"] != "unknown"
    assert processes_of(desk.base) == []


def _sleeps_in(process: subprocess.Popen[bytes]) -> bytes:
    """Return where in the kernel the threads of a process sleep."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return b" ".join((task / "wchan").read_bytes() for task in tasks)


def test_the_time_is_up(desk: Desk, engine: str) -> None:
    desk.server.script = Answers(slow=[[command("sleep 300")]])
    said = desk.run(
        "codex", "run", "--repo", "repo", "--task", "slow", "--timeout", "3", timeout=120
    )
    assert said.code == 124, said.err
    end = dict(lines(said.out))
    assert end["codex_exit_code"] == "124"
    assert document(end["summary_file"])["exit_code"] == 124
    assert processes_of(desk.base) == []


def test_a_turn_that_fails_has_a_summary_too(desk: Desk, engine: str) -> None:
    refused = {"error": {"message": "no such thing", "type": "invalid_request_error"}}
    desk.server.script = Always([Fail(400, refused)])
    said = desk.run("codex", "run", "--repo", "repo", "--task", "anything", timeout=120)
    assert said.code == 1
    assert "refused the request: no such thing" in said.err
    summary = document(dict(lines(said.out))["summary_file"])
    assert (summary["exit_code"], summary["success"]) == (1, False)


def test_what_follows_the_dashes_goes_to_codex(desk: Desk, engine: str) -> None:
    script = Answers(look=[[command("echo x > made.txt; ls made.txt")], [Say("Looked.")]])
    desk.server.script = script
    words = ("codex", "run", "--repo", "repo", "--task", "look", "--")
    said = desk.run(
        *words, "-s", "read-only", "-c", 'instructions="Be kind."', "-m", "gpt-5.5", timeout=120
    )
    assert said.code == 0, said.err
    assert not (desk.base / "repo/made.txt").exists()
    assert script.seen[0].model == "gpt-5.5"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--repo", "repo"], "There is no task."),
        (["--repo", "nowhere", "--task", "x"], "or name another --repo."),
        (["--task", "x"], "Missing option '--repo'."),
        (["--repo", "repo", "--resume", "the-last-one"], "is no session id"),
        (["--repo", "repo", "--task", "x", "--timeout", "0"], "A timeout is more than 0"),
        (["--repo", "repo", "--task", "x", "--log-dir", "/proc/x"], "cannot be used"),
        (["--repo", "repo", "--task", "x", "--", "--search"], "'--search' cannot be passed on"),
        (["--repo", "repo", "--task", "x", "--", "-c", "nonsense"], "is no setting of codex"),
        (["--repo", "repo", "--task", "x", "--", "-m"], "-m needs a value"),
        (["--repo", "repo", "--task", "x", "--", "-s", "open"], "There is no sandbox 'open'"),
        (
            ["--repo", "repo", "--task", "x", "--", "-c", 'approval_policy="never"'],
            "Foredeck sets it itself",
        ),
    ],
)
def test_a_wrong_request_is_a_usage_error(
    desk: Desk, repo: Path, words: list[str], sentence: str
) -> None:
    said = desk.run("codex", "run", *words)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_a_log_without_a_session_is_told(desk: Desk) -> None:
    (desk.base / "some.log").write_text("nothing of interest\n")
    (desk.base / "meta.json").write_text('{"run_id": "r1", "mode": "new"}')
    said = desk.run(
        "codex", "parse", "--log", "some.log", "--meta", "meta.json", "--format", "json"
    )
    assert said.code == 0
    assert said.answer["session_id"] is None
    assert said.answer["success"] is None
    assert "names no session" in said.err
    missing = desk.run("codex", "parse", "--log", "no.log", "--meta", "meta.json")
    assert missing.code == 2
    assert "There is no log no.log." in missing.err


def test_codex_is_missing_and_the_files_say_so(desk: Desk, repo: Path) -> None:
    said = desk.run(
        "codex", "run", "--repo", "repo", "--task", "x", FOREDECK_CODEX_PATH="/nowhere/codex"
    )
    assert said.code == 1
    assert "/nowhere/codex cannot be read" in said.err
    end = dict(lines(said.out))
    assert document(end["meta_file"])["codex_bin"] is None
    assert document(end["summary_file"])["exit_code"] == 1
    assert Path(end["log_file"]).read_text().startswith("codex_run_id: ")


async def test_killed_in_a_turn_the_next_host_writes_the_summary(desk: Desk, engine: str) -> None:
    hold = command("touch up; while [ ! -e go ]; do sleep 0.05; done")
    desk.server.script = Answers(hold=[[hold], [Say("Held.")]])
    process = desk.start("codex", "run", "--repo", "repo", "--task", "hold")
    assert process.stdout
    said = dict(lines("".join(process.stdout.readline() for _ in FIRST)))
    until((desk.base / "repo/up").exists, "the command runs", timeout=120)
    process.kill()
    process.wait()
    assert not Path(said["summary_file_pending"]).exists()
    (desk.base / "repo/go").touch()

    settings = load_settings({}, environ={}, config=desk.base / "config.toml").settings
    async with open_services(settings, "a test") as services:
        await asyncio.to_thread(
            until, Path(said["summary_file_pending"]).exists, "the summary", timeout=120
        )
        run = await services.host.do(ConcludeCodexRun(said["codex_run_id"]))
    summary = document(run.summary_file)
    # The turn was stopped and a person is asked, or it went on and ended well.
    assert summary["exit_code"] == (None if run.state is RunState.WAITING else 0)
    assert summary["session_id"] is not None
    assert processes_of(desk.base) == []


def test_left_to_the_background_it_is_known_at_once_and_has_its_summary(
    desk: Desk, engine: str
) -> None:
    desk.server.script = Answers(later=[[command("echo x > made.txt")], [Say("Made.")]])
    words = ("codex", "run", "--repo", "repo", "--task", "later", "--detach")
    begun = desk.run(*words, FOREDECK_IDLE_TIMEOUT="1", timeout=120)
    assert begun.code == 0, begun.err
    said = dict(lines(begun.out))
    assert list(said) == FIRST
    until(Path(said["summary_file_pending"]).exists, "the summary", timeout=120)
    summary = document(said["summary_file_pending"])
    assert (summary["success"], summary["run_id"]) == (True, said["codex_run_id"])
    assert (desk.base / "repo/made.txt").exists()
    until(lambda: not processes_of(desk.base), "nothing of it is left", timeout=120)


def test_its_prompt_is_shown_and_may_be_another_one_when_it_is_tried_again(
    desk: Desk, repo: Path
) -> None:
    script = Answers(better=[[Say("done")]])
    desk.server.script = script
    words = ("codex", "run", "--repo", "repo", "--task", "Do it.")
    failed = dict(lines(desk.run(*words, FOREDECK_CODEX_PATH="/nowhere").out))
    run = failed["codex_run_id"]
    assert desk.run("runs", "prompt", run, "codex").out == "Do it.\n"
    changed = desk.run("runs", "prompt", run, "codex", "--set", "-", given="Do it better.")
    assert changed.code == 0, changed.err
    again = desk.run("runs", "retry", run)
    assert again.code == 0, again.err
    assert script.seen[-1].prompt == "Do it better."
