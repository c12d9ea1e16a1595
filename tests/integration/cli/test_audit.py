"""`foredeck audit`: what was done, for people and for programs; and a trail that was changed."""

import json
import sqlite3

from tests.support.cli_desk import Desk


def test_what_was_done(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    refused = desk.run("projects", "create", "shop")
    assert refused.code == 1
    listed = desk.run("audit", "list", "--format", "json")
    rows = listed.answer["items"]
    assert [row["action"] for row in rows] == [
        "command.create_project",
        "command.create_project",
        "project.create",
    ]
    assert listed.answer["total"] == 3
    assert [row["severity"] for row in rows] == ["WARNING", "INFO", "INFO"]
    assert "already" in rows[0]["description"]
    assert rows[1]["after"]["name"] == "shop"
    assert rows[1]["trace_id"] == rows[2]["trace_id"] != rows[0]["trace_id"]
    assert rows[1]["resource_id"] == rows[2]["resource_id"]
    assert rows[2]["actor"].endswith("/foredeck projects")

    table = desk.run("audit", "list", "--severity", "warning", "--since", "1h").out
    assert "command.create_project" in table
    assert len(table.splitlines()) == 2
    assert desk.run("audit", "list", "--action", "project", "--limit", "1").out.count("\n") == 2
    nothing = desk.run("audit", "list", "--since", "2030-01-01")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "Nothing here.\n")
    wrong = desk.run("audit", "list", "--since", "yesterday")
    assert wrong.code == 2
    assert "is no time" in wrong.err


def test_the_trail_is_exported_and_verified(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    lines = [json.loads(line) for line in desk.run("audit", "export").out.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2]
    whole = desk.run("audit", "verify", "--format", "json")
    assert (whole.code, whole.answer["whole"], whole.answer["rows"]) == (0, True, 2)
    assert whole.answer["tip"] == lines[-1]["hash"]
    assert "is whole: 2 rows" in desk.run("audit", "verify").out

    connection = sqlite3.connect(desk.data / "foredeck.db")
    connection.execute("DROP TRIGGER audit_unchanged")
    connection.execute("UPDATE audit SET actor = 'eve' WHERE seq = 2")
    connection.commit()
    connection.close()
    said = desk.run("audit", "verify")
    assert said.code == 1
    assert "Row 2 does not fit" in said.out
    broken = desk.run("audit", "verify", "--format", "json")
    assert (broken.code, broken.answer["broken"], broken.answer["whole"]) == (1, 2, False)
