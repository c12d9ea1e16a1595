"""The files of codex runs, and the summaries that `codex parse` rebuilds from logs."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foredeck.services.codex import run_files
from foredeck.services.codex.run_files import RunPaths
from foredeck.services.codex.run_log import rebuild
from foredeck.services.domain.records import TokenUsage
from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import CodexRun

DATA = Path(__file__).parents[1] / "data" / "codex"
SESSION = "01a1fb36-1491-7ff0-b740-dda1ccfcf0cc"
TURN = {
    "input_tokens": 100,
    "cached_input_tokens": 20,
    "output_tokens": 30,
    "reasoning_output_tokens": 5,
    "total_tokens": 130,
}
START = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def a_run(**fields: object) -> CodexRun:
    known = {
        "run_id": "r1",
        "repo": "/repo",
        "task": "Do it",
        "log_file": "/logs/codex-run-r1.log",
        "meta_file": "/logs/codex-run-r1.meta.json",
        "summary_file": "/logs/codex-run-r1.summary.json",
        "state": RunState.SUCCESS,
        "started_at": START,
    }
    return CodexRun(**{**known, **fields})  # type: ignore[arg-type]


def test_success_is_not_known_without_an_exit_code() -> None:
    assert run_files.document(a_run())["success"] is None
    assert run_files.document(a_run(exit_code=0))["success"] is True
    assert run_files.document(a_run(exit_code=124))["success"] is False


def test_paths_are_named_after_the_run() -> None:
    paths = RunPaths.of("/logs", "r.1")
    assert str(paths.log) == "/logs/codex-run-r.1.log"
    assert str(paths.meta) == "/logs/codex-run-r.1.meta.json"
    assert str(paths.summary) == "/logs/codex-run-r.1.summary.json"


def test_a_document_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")
    run_files.write_document(path, {"a": "ü\ud800"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run_files.read_document(path) == {"a": "ü?"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    path.write_text("[1]")
    assert run_files.read_document(path) == {}
    assert run_files.read_document(tmp_path / "none") == {}


def test_what_is_written_at_both_ends_of_a_log_is_found_again(tmp_path: Path) -> None:
    run = a_run(
        resume_session=SESSION,
        session_id=SESSION,
        exit_code=130,
        usage=TokenUsage(100, 20, 30, 5),
        ended_at=datetime(2026, 11, 28, 12, 0, 9, tzinfo=UTC),
    )
    log = tmp_path / "run.log"
    head = run_files.preamble(run, START, "codex exec")
    assert "started_utc: 2026-11-28T12:00:00+00:00\n" in head
    assert f"mode: resume\nresume_session_id: {SESSION}\n" in head
    log.write_text(head + "$ echo codex\ncodex\n" + run_files.last_lines(run))
    summary, warnings = rebuild(log, run_files.document(run))
    assert summary == run_files.document(run)
    assert warnings == ()


def test_a_log_that_breaks_off_has_no_exit_code_and_no_session(tmp_path: Path) -> None:
    run = a_run(resume_session=SESSION)
    log = tmp_path / "run.log"
    log.write_text(run_files.preamble(run, START, "codex exec"))
    summary, warnings = rebuild(log, run_files.document(run))
    assert (summary["session_id"], summary["exit_code"], summary["success"]) == (None,) * 3
    assert "no session" in warnings[0]


@pytest.mark.parametrize(
    ("stream", "code", "usage"),
    [
        ("exec-resume-turn1", 0, TURN),
        ("exec-http400", 1, None),
        ("exec-sigint", None, None),
    ],
)
def test_a_log_of_json_lines(stream: str, code: int | None, usage: dict[str, int] | None) -> None:
    summary, warnings = rebuild(DATA / f"{stream}.jsonl", {"mode": "new"})
    assert summary["session_id"]
    assert (summary["exit_code"], summary["token_usage"]) == (code, usage)
    assert warnings == ()


def test_tokens_of_a_resumed_session_are_what_it_added(tmp_path: Path) -> None:
    one, two = (DATA / f"exec-resume-turn{number}.jsonl" for number in (1, 2))
    both = tmp_path / "both.log"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    summary, warnings = rebuild(both, {"mode": "resume"})
    assert (summary["token_usage"], summary["session_id"], warnings) == (TURN, SESSION, ())
    alone, warnings = rebuild(two, {"mode": "resume"})
    assert alone["token_usage"] is None
    assert "over all turns" in warnings[0]


def test_a_log_of_plain_output() -> None:
    summary, warnings = rebuild(DATA / "plain-multi.stderr.txt", {"mode": "new"})
    assert summary["session_id"] == "01a1fb35-6016-7240-843e-024a50ab3b80"
    assert summary["token_usage"] == {"total_tokens": 580}
    assert (summary["exit_code"], summary["success"], warnings) == (None, None, ())


@pytest.mark.parametrize(
    "line",
    [
        f"session id: {SESSION}",
        f"\x1b[1msession id:\x1b[0m {SESSION}",
        f"Session ID {SESSION.upper()}",
        f'"thread_id": "{SESSION}"',
        f"conversation_id={SESSION}",
    ],
)
def test_a_session_in_many_spellings(tmp_path: Path, line: str) -> None:
    log = tmp_path / "run.log"
    log.write_text(f"resume_session_id: {'0' * 8}-{'0000-' * 3}{'0' * 12}\n{line}\n")
    assert rebuild(log, {})[0]["session_id"] == SESSION


def test_the_metadata_may_hold_anything(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text(json.dumps({"type": "turn.completed"}) + "\n")
    summary, _ = rebuild(log, {"started_at": 5, "ended_at": "soon", "mode": None})
    assert summary["exit_code"] == 0
    assert summary["elapsed_seconds"] is None


def test_only_the_very_end_of_a_log_tells_how_it_ended(tmp_path: Path) -> None:
    """What a command prints looks like an ending; and an attempt may follow one."""
    run = a_run(session_id=SESSION, exit_code=0)
    log = tmp_path / "run.log"
    log.write_text(run_files.last_lines(run) + run_files.preamble(run, START, "codex exec"))
    summary, _ = rebuild(log, run_files.document(a_run()))
    assert (summary["exit_code"], summary["success"]) == (None, None)
    assert summary["session_id"] == SESSION


def test_a_turn_that_follows_in_the_same_file_has_not_ended_yet(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    lines = (DATA / "exec-resume-turn1.jsonl").read_text().splitlines(keepends=True)
    log.write_text("".join([*lines, *lines[:2]]))
    assert rebuild(log, {})[0]["exit_code"] is None
