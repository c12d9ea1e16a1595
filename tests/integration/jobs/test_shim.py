"""The shim, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.ids import new_id
from foredeck.services.jobs import shim
from foredeck.services.jobs.processes import MARK, ProcessId, find_marked, is_alive
from foredeck.services.jobs.run_dir import RunDir

SHIM = [sys.executable, "-I", "-S", "-E", shim.__file__]
# A tree that tries to stay: a daemon, a child that ignores SIGTERM, one in its own session.
HOSTILE = """
import os, signal, time
def stay(deaf):
    if os.fork() == 0:
        os.setsid()
        if deaf:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
        print('up', flush=True)
        time.sleep(300)
        os._exit(0)
stay(False)
stay(True)
"""


@pytest.fixture
def mark() -> Iterator[str]:
    value = new_id()
    yield value
    left = find_marked(value)
    for process in left:
        os.kill(process.pid, signal.SIGKILL)
    assert left == []


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


def run(run_dir: Path, mark: str, *command: str, detach: bool = False) -> subprocess.Popen[bytes]:
    options = ["--grace", "0.3", *(["--detach"] if detach else [])]
    return subprocess.Popen(
        [*SHIM, *options, str(run_dir), "--", *command], env=dict(os.environ, **{MARK: mark})
    )


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return found


def record(run_dir: Path, name: str) -> dict[str, Any]:
    """Return what is written there, once it is."""
    path = run_dir / name
    until(path.exists)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def processes(run_dir: Path) -> tuple[ProcessId, ProcessId]:
    """Return the program and the shim: the program is told of a moment after the shim."""
    files = RunDir(run_dir)
    program, carrier = until(lambda: files.program), files.carrier
    assert carrier is not None
    return program, carrier


def ending(run_dir: Path) -> dict[str, Any]:
    """Return how it ended, without what it has cost."""
    found = record(run_dir, "exit")
    assert found.pop("cpu_seconds") >= 0
    assert found.pop("peak_memory") > 1 << 20
    return found


@pytest.mark.parametrize(
    ("code", "returned", "left"),
    [
        ("raise SystemExit(0)", 0, {"code": 0, "signal": None, "why": "exited"}),
        ("raise SystemExit(7)", 7, {"code": 7, "signal": None, "why": "exited"}),
        (
            "import os; os.kill(os.getpid(), 9)",
            137,
            {"code": None, "signal": 9, "why": "exited"},
        ),
    ],
)
def test_how_it_ended_is_recorded(
    run_dir: Path, mark: str, code: str, returned: int, left: dict[str, Any]
) -> None:
    assert run(run_dir, mark, *python(code)).wait(10) == returned
    assert ending(run_dir) == left
    assert not (run_dir / "exit.new").exists()


def test_output_goes_to_the_log_and_nothing_comes_in(run_dir: Path, mark: str) -> None:
    code = "import os, sys; os.write(1, b'out\\n'); os.write(2, b'err\\n'); print(sys.stdin.read())"
    assert run(run_dir, mark, *python(code)).wait(10) == 0
    assert (run_dir / "log").read_text() == "out\nerr\n\n"
    assert (run_dir / "log").stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_not_there(run_dir: Path, mark: str) -> None:
    assert run(run_dir, mark, "/no/such/program").wait(10) == 127
    assert record(run_dir, "exit")["code"] == 127
    assert "/no/such/program cannot be started: No such file" in (run_dir / "log").read_text()


def test_signals_are_as_a_program_expects_them(run_dir: Path, mark: str) -> None:
    code = """
        import signal
        numbers = signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD
        print([signal.getsignal(n).name for n in numbers[:2]], signal.pthread_sigmask(0, ()))
    """
    assert run(run_dir, mark, *python(code)).wait(10) == 0
    assert (run_dir / "log").read_text() == "['SIG_DFL', 'SIG_DFL'] set()\n"
    status = run_dir.parent / "two"
    status.mkdir()
    assert run(status, mark, "grep", "SigIgn", "/proc/self/status").wait(10) == 0
    ignored = int((status / "log").read_text().split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1))


def test_a_second_start_is_refused(run_dir: Path, mark: str) -> None:
    counting = python(f"open({str(run_dir / 'count')!r}, 'a').write('x')")
    waiting = python("import time; time.sleep(300)")
    first = run(run_dir, mark, *waiting)
    processes(run_dir)
    assert run(run_dir, mark, *counting).wait(10) == shim.REFUSED
    assert run(run_dir, mark, *counting, detach=True).wait(10) == shim.REFUSED
    first.terminate()
    assert first.wait(10) == 128 + signal.SIGTERM
    assert run(run_dir, mark, *counting).wait(10) == shim.REFUSED
    assert not (run_dir / "count").exists()


def test_sigterm_ends_the_whole_tree(run_dir: Path, mark: str) -> None:
    carrier = run(run_dir, mark, *python(HOSTILE + "\ntime.sleep(300)"))
    until(lambda: (run_dir / "log").exists() and (run_dir / "log").read_text().count("up") == 4)
    assert len(find_marked(mark)) == 6
    carrier.terminate()
    carrier.wait(10)
    assert find_marked(mark) == []
    assert ending(run_dir) == {"code": None, "signal": 15, "why": "terminated"}


def test_what_a_program_leaves_behind_is_ended(run_dir: Path, mark: str) -> None:
    code = HOSTILE + "\ntime.sleep(0.5)\nraise SystemExit(3)"
    assert run(run_dir, mark, *python(code)).wait(10) == 3
    assert find_marked(mark) == []
    assert ending(run_dir) == {"code": 3, "signal": None, "why": "exited"}


def test_the_death_of_the_starter_changes_nothing(run_dir: Path, mark: str) -> None:
    arguments = [*SHIM, "--detach", str(run_dir), "--", *python("import time; time.sleep(300)")]
    starter = subprocess.Popen(
        python(f"import subprocess, time; subprocess.run({arguments!r}); time.sleep(300)"),
        env=dict(os.environ, **{MARK: mark}),
        start_new_session=True,
    )
    program, carrier = processes(run_dir)
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait(10)
    assert is_alive(program)
    assert is_alive(carrier)
    os.kill(carrier.pid, signal.SIGTERM)
    assert record(run_dir, "exit")["why"] == "terminated"
    until(lambda: not find_marked(mark))


def test_detached_it_returns_when_the_program_is_on_record(run_dir: Path, mark: str) -> None:
    done = run(run_dir, mark, *python("import time; time.sleep(300)"), detach=True)
    assert done.wait(10) == 0
    program, carrier = RunDir(run_dir).program, RunDir(run_dir).carrier
    assert program is not None
    assert carrier is not None
    assert is_alive(program)
    os.kill(carrier.pid, signal.SIGTERM)
    assert record(run_dir, "exit")["why"] == "terminated"
    until(lambda: not find_marked(mark))


def test_the_death_of_the_shim_frees_the_lock_and_shows(run_dir: Path, mark: str) -> None:
    code = "import time; print('up', flush=True); time.sleep(300)"
    carrier = run(run_dir, mark, *python(code))
    program, _ = processes(run_dir)
    until(lambda: (run_dir / "log").read_bytes() == b"up\n")
    carrier.kill()
    carrier.wait(10)
    assert is_alive(program)
    assert not (run_dir / "exit").exists()
    os.kill(program.pid, signal.SIGKILL)
    until(lambda: not find_marked(mark))


def test_a_full_disk_does_not_cost_the_exit_code(tmp_path: Path, mark: str) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not possible here")
    try:
        (mount / "run").mkdir()
        code = "import os\ntry:\n    while os.write(1, b'x' * 4096): pass\n"
        code += "except OSError:\n    raise SystemExit(9)"
        assert run(mount / "run", mark, *python(code)).wait(10) == 9
        assert record(mount / "run", "exit")["code"] == 9
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)
