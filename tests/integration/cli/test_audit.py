"""`foredeck audit`: what was done, for people and for programs; and a trail that was changed."""

import json
import sqlite3

import pytest

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
    nothing = desk.run("audit", "list", "--since", "2999-01-01")
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


def test_rows_are_filtered_and_shown_whole(desk: Desk) -> None:
    for name in ("shop", "toys"):
        desk.run("projects", "create", name)
    listed = desk.run("audit", "list", "--format", "json").answer["items"]

    def found(*options: str) -> list[int]:
        said = desk.run("audit", "list", *options, "--format", "json")
        assert said.code == 0, said.err
        return [row["seq"] for row in said.answer["items"]]

    assert found("--text", "TOYS") == [4, 3]
    assert found("--actor", "projects", "--action", "project") == [3, 1]
    assert found("--actor", "nobody") == []
    assert found("--trace", listed[0]["trace_id"]) == [4, 3]
    assert found("--until", "1d") == []
    assert found("--since", "1d", "--until", "2099-01-01") == [4, 3, 2, 1]
    desk.run("projects", "describe", "shop", "sells things")
    row = desk.run("audit", "list", "--action", "project.update", "--format", "json").answer
    seq = str(row["items"][0]["seq"])
    shown = desk.run("audit", "show", seq)
    assert shown.code == 0, shown.err
    assert "description\n  + sells things" in shown.out
    assert desk.run("audit", "show", seq, "--format", "json").answer["action"] == "project.update"
    missing = desk.run("audit", "show", "99")
    assert (missing.code, "no row 99" in missing.err) == (2, True)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_kept_elsewhere_shows_what_the_seals_cannot(desk: Desk, form: str) -> None:
    for name in ("shop", "toys", "=1+1"):
        desk.run("projects", "create", name)
    kept = desk.base / f"kept.{form}"
    done = desk.run("audit", "export", "--format", form, "--output", str(kept))
    assert (done.code, done.out) == (0, "")
    assert kept.stat().st_mode & 0o777 == 0o600
    again = desk.run("audit", "export", "--output", str(kept))
    assert (again.code, "is there already" in again.err) == (1, True)
    nowhere = desk.run("audit", "export", "--output", "no/such/file")
    assert (nowhere.code, "There is no directory no/such." in nowhere.err) == (2, True)
    desk.run("projects", "create", "later")
    held = desk.run("audit", "verify", "--export", str(kept))
    assert held.code == 0, held.out
    assert "✓ The 6 rows of the export are in the trail." in held.out

    # The end is cut off and the counter set back: a chain that holds.
    connection = sqlite3.connect(desk.data / "foredeck.db")
    connection.execute("DROP TRIGGER audit_kept")
    connection.execute("DELETE FROM audit WHERE seq > 4")
    connection.execute("UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'")
    connection.commit()
    connection.close()
    assert desk.run("audit", "verify").code == 0
    cut = desk.run("audit", "verify", "--export", str(kept), "--format", "json")
    assert (cut.code, cut.answer["whole"], cut.answer["broken"]) == (1, False, None)
    assert (cut.answer["export_rows"], cut.answer["export_differs"]) == (4, 5)

    text = kept.read_text()
    kept.write_text(text.replace("toys", "joys"))
    changed = desk.run("audit", "verify", "--export", str(kept))
    assert changed.code == 1
    assert "Row 3 differs from the export: " in changed.out
    for wrong in ("", "x\n", '{"a": 1}\n', "[]\n"):
        kept.write_text(wrong)
        said = desk.run("audit", "verify", "--export", str(kept))
        assert said.code == (2 if wrong else 0), wrong


def test_a_part_is_exported(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    assert (
        desk.run("audit", "export", "--since", "1h", "--until", "2099-01-01").out.count("\n") == 2
    )
    assert desk.run("audit", "export", "--until", "1h").out == ""
    csv = desk.run("audit", "export", "--format", "csv").out.splitlines()
    assert csv[0].startswith('"seq","at","action"')
    assert len(csv) == 3
