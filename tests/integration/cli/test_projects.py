"""`foredeck projects`: what it answers, as a table and as JSON."""

from tests.support.cli_desk import Desk


def test_a_project_from_its_creation_to_the_archive(desk: Desk) -> None:
    made = desk.run("projects", "create", "shop", "--description", "It sells", "--format", "json")
    assert made.code == 0
    project = made.answer
    assert (project["name"], project["description"]) == ("shop", "It sells")
    assert made.err == f"✓ Project created: {project['id']}\n"
    assert (desk.base / "workspaces/shop").is_dir()

    shown = desk.run("projects", "rename", project["id"][:6], "store")
    assert shown.code == 0
    assert "store" in shown.out

    assert desk.run("projects", "archive", "store").code == 0
    assert desk.run("projects", "list", "--format", "json").answer["items"] == []
    everything = desk.run("projects", "list", "--all", "--format", "json").answer
    assert [item["id"] for item in everything["items"]] == [project["id"]]
    assert (everything["total"], everything["limit"], everything["offset"]) == (1, 50, 0)
    assert desk.run("projects", "restore", "store", "--format", "json").answer["archived"] is False


def test_a_name_that_is_taken(desk: Desk) -> None:
    assert desk.run("projects", "create", "shop").code == 0
    said = desk.run("projects", "create", "shop")
    assert said.code == 1
    assert said.err == "error: There is a project shop already.\nChoose another name.\n"


def test_a_locale_without_glyphs_gets_an_answer(desk: Desk) -> None:
    assert desk.run("projects", "create", "日本").code == 0
    said = desk.run("projects", "list", PYTHONIOENCODING="latin-1")
    assert said.code == 0
    assert "  ??  " in said.out


def test_a_list_of_nothing_says_what_to_do(desk: Desk) -> None:
    said = desk.run("projects", "list")
    assert (said.code, said.out) == (0, "")
    assert "foredeck projects create" in said.err
