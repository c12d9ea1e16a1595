"""`dag graph` of a stored run: found by the beginning of its id, drawn with its states."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from foredeck.app.cli.dag_graph import graph
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import NotFound
from tests.support.cli_desk import STORY, Desk


def drawn(desk: Desk, *words: str) -> Result:
    session = Session({}, desk.base / "config.toml")
    return CliRunner().invoke(graph, words, obj=session)


def test_a_stored_run_is_drawn_in_every_format(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    made = desk.run("run", STORY, "--workspace", "code", "--no-start", "--format", "json")
    assert made.code == 0, made.err
    run = made.answer["id"]

    picture = drawn(desk, run[:8], "--width", "100")
    assert picture.exit_code == 0, picture.exception
    assert picture.output.startswith(f"{STORY}: created, 4 steps, critical path 4 steps\n")
    for part in ("○ Planner", "○ Production Readiness", "pending"):
        assert part in picture.output

    found = json.loads(drawn(desk, run, "--format", "json").output)
    assert (found["id"], found["state"]) == (run, "created")
    assert [step["id"] for step in found["steps"]] == ["planner", "builder", "qa_qc", "prod_ready"]
    assert [step["layer"] for step in found["steps"]] == [0, 1, 2, 3]
    assert all(step["critical_path"] and step["state"] == "pending" for step in found["steps"])

    chart = drawn(desk, run, "--mermaid").output
    assert chart.startswith("flowchart TD\n")
    assert "    class s1,s2,s3,s4 pending\n" in chart

    assert isinstance(drawn(desk, "zzzz").exception, NotFound)
