"""`foredeck projects files …`, as processes."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli_desk import Desk


def test_add_list_and_delete(desk: Desk, tmp_path: Path) -> None:
    workspace = tmp_path / "shop"
    workspace.mkdir()
    desk.run("projects", "create", "shop", "--workspace", str(workspace))
    spec = tmp_path / "spec.md"
    spec.write_text("# Spec\n")
    words = ("files", "add", "shop", str(spec), "--as", "docs/spec.md", "--metadata", "by=me")
    added = desk.run("projects", *words, "--format", "json")
    assert (added.code, added.answer["name"]) == (0, "docs/spec.md")
    assert added.answer["metadata"] == {"by": "me"}
    assert (workspace / "docs/spec.md").read_text() == "# Spec\n"

    again = desk.run("projects", *words)
    assert again.code == 1
    assert "--replace" in again.err
    listed = desk.run("projects", "files", "list", "shop", "--format", "json").answer
    assert [item["name"] for item in listed["items"]] == ["docs/spec.md"]
    assert "docs/spec.md" in desk.run("projects", "files", "list", "shop").out

    refused = desk.run("projects", "files", "delete", "shop", "docs/spec.md")
    assert refused.code == 1
    assert "--yes" in refused.err
    assert desk.run("projects", "files", "delete", "shop", "docs/spec.md", "--yes").code == 0
    assert not (workspace / "docs/spec.md").exists()
    assert "No files yet" in desk.run("projects", "files", "list", "shop").err


def test_wrong_inputs_are_named(desk: Desk, tmp_path: Path) -> None:
    desk.run("projects", "create", "shop")
    some = tmp_path / "a"
    some.touch()
    for words, code, said in (
        (("add", "shop", "nothing"), 2, "There is no file"),
        (("add", "shop", str(some), "--as", "../b"), 2, "leads out"),
        (("add", "shop", str(some), str(some), "--as", "b"), 2, "--as names one file"),
        (("add", "shop", str(some), "--metadata", "x"), 2, "not KEY=VALUE"),
        (("add", "nowhere", str(some)), 2, "There is no project"),
        (("delete", "shop", "nothing", "--yes"), 2, "There is no"),
    ):
        done = desk.run("projects", "files", *words)
        assert (done.code, said in done.err) == (code, True), done.err
