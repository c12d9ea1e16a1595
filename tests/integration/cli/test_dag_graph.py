"""`dag graph` of a stored run: found by the beginning of its id, drawn with its states."""

from __future__ import annotations

from tests.support.cli_desk import STORY, Desk


def test_a_stored_run_is_drawn_in_every_format(desk: Desk) -> None:
    (desk.base / "code").mkdir()
    made = desk.run("run", STORY, "--workspace", "code", "--no-start", "--format", "json")
    assert made.code == 0, made.err
    run = made.answer["id"]

    picture = desk.run("dag", "graph", run[:8], "--width", "100")
    assert picture.code == 0, picture.err
    assert picture.out.startswith(f"{STORY}: created, 4 steps, critical path 4 steps\n")
    for part in ("○ Planner", "○ Production Readiness", "pending"):
        assert part in picture.out

    found = desk.run("dag", "graph", run, "--format", "json").answer
    assert (found["id"], found["state"]) == (run, "created")
    assert [step["id"] for step in found["steps"]] == ["planner", "builder", "qa_qc", "prod_ready"]
    assert [step["layer"] for step in found["steps"]] == [0, 1, 2, 3]
    assert all(step["critical_path"] and step["state"] == "pending" for step in found["steps"])

    chart = desk.run("dag", "graph", run, "--mermaid").out
    assert chart.startswith("flowchart TD\n")
    assert "    class s1,s2,s3,s4 pending\n" in chart

    unknown = desk.run("dag", "graph", "zzzz")
    assert (unknown.code, "There is no run" in unknown.err) == (2, True)
