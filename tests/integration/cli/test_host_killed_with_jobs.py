"""`kill -9` of the host while fifty jobs run: the next one takes up every one of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from foredeck.services.host.lock import is_held
from tests.support.cli_desk import Desk, ended, processes_of, until
from tests.support.once import counted

JOBS = 50
# Each leaves one line in a file of its own, prints, waits, prints again and has an end of its own.
COMMAND = (
    "echo begun >> effects-{n}; seq -f j{n}-%g-end 20; "
    "until test -e go-{half}; do sleep 0.5; done; "
    "seq -f j{n}-%g-end 21 40; exit {n}"
)


@pytest.fixture(autouse=True)
def nothing_is_left(desk: Desk) -> Iterator[None]:
    yield
    until(lambda: processes_of(desk.base) == [], "no process is left")


def _working(desk: Desk) -> tuple[int, int]:
    answer = desk.run("jobs", "limit", "--format", "json").answer
    return answer["working"], answer["limit"]


def test_fifty_jobs_of_a_killed_host_are_taken_up_and_each_exit_code_is_recorded(
    desk: Desk,
) -> None:
    commands = [COMMAND.format(n=number, half=number % 2) for number in range(JOBS)]
    (desk.base / "commands").write_text("\n".join(commands))
    host = desk.start("serve")
    until(lambda: is_held(desk.data), "there is a host")
    assert desk.run("jobs", "limit", str(JOBS)).code == 0
    batch = desk.run("batch", "submit", "all", "--commands", "commands").out.strip()
    effects = [desk.base / f"effects-{number}" for number in range(JOBS)]
    until(lambda: all(path.exists() for path in effects), "all of the jobs work")
    host.send_signal(signal.SIGKILL)
    host.wait()

    # Some end while nobody is there, and some under the next host.
    status = desk.run("batch", "status", batch, "--format", "json").answer
    assert (status["running"], status["is_complete"]) == (JOBS, False)
    # Every other one ends while nobody is there, the rest under the next host.
    (desk.base / "go-0").touch()
    output = desk.data / "job-output"
    until(lambda: len(list(output.glob("*/exit"))) == JOBS // 2, "half of them have ended")
    after = desk.start("serve")
    until(lambda: is_held(desk.data), "there is another host")
    half = JOBS // 2
    until(lambda: _working(desk) == (half, JOBS), "what ended meanwhile is recorded")
    (desk.base / "go-1").touch()
    assert desk.run("batch", "status", batch, "--follow").code == 1

    items = desk.run("batch", "result", batch, "--format", "json").answer["items"]
    assert [one["exit_code"] for one in items] == list(range(JOBS))
    for number, one in enumerate(items):
        assert one["state"] == ("failed" if number else "completed")
        assert one["output"].splitlines() == counted(f"j{number}", 40)
        assert (desk.base / f"effects-{number}").read_text() == "begun\n"
    shown = desk.run("jobs", "list", "--batch", batch, "--limit", "100", "--format", "json").answer
    assert {row["attempt"] for row in shown["items"]} == {1}
    status = desk.run("batch", "status", batch, "--format", "json").answer
    assert (status["completed"], status["failed"], status["lost"]) == (1, JOBS - 1, 0)
    after.send_signal(signal.SIGTERM)
    assert ended(after).code == 0
