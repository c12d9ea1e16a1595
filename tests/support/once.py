"""What the stages of a run do in the drills, and the proof that all of it happened once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foredeck.services.domain.states import JobState, RunState
from foredeck.services.host.queries import GetTranscript, ListRuns
from tests.support.house import OpenHouse
from tests.support.process_table import mentioning

ROLES = ("planner", "builder", "qa_qc", "prod_ready")
LINES = 120


def work(role: str) -> str:
    """Return a command that leaves one line in a file and prints many."""
    return (
        f"echo {role} >> effects; "
        f"for i in $(seq 1 {LINES}); do echo {role}-$i-end; sleep 0.005; done"
    )


def counting(role: str, stop: str) -> str:
    """Return a command that counts until the file `stop` is there, and once more.

    It leaves one line in `effects`, and in `last` the last number.
    """
    return (
        f"echo {role} >> effects; n=1; "
        f"while [ ! -e {stop} ]; do echo {role}-$n-end; n=$((n+1)); sleep 0.02; done; "
        f"echo {role}-$n-end; echo $n > last.new; mv last.new last"
    )


def lines_of(output: Path, role: str) -> list[str]:
    """Return the lines that a role's command has printed so far, as they stand there."""
    if not output.exists():
        return []
    return [line for line in output.read_text().splitlines() if line.startswith(f"{role}-")]


def counted(role: str, last: int) -> list[str]:
    """Return the lines from the first to that number."""
    return [f"{role}-{number}-end" for number in range(1, last + 1)]


async def hold_once(home: OpenHouse, counts: Mapping[str, int] | None = None) -> None:
    """Hold that the only run happened once, in order, and that nothing of it is left.

    `counts` says how many lines a role has printed, unless `LINES`.
    """
    (row,) = (await home.host.ask(ListRuns())).items
    detail = await home.rest(row.id)
    assert detail.run.state is RunState.SUCCESS, detail.error
    assert [step.attempt for step in detail.steps] == [1, 1, 1, 1]
    effects = (Path(detail.workspace) / "effects").read_text().split()
    assert effects == list(ROLES)
    jobs = await home.jobs(row.id)
    assert [job.state for job in jobs] == [JobState.COMPLETED] * 4
    assert all(entry.complete for entry in await home.host.ask(GetTranscript(row.id)))
    for role in ROLES:
        output = await home.output(row.id, role)
        expected = counted(role, (counts or {}).get(role, LINES))
        assert lines_of(output, role) == expected, output.read_text()
    assert mentioning(detail.workspace, *(job.id for job in jobs)) == []
