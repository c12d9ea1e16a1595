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


def test_archiving_names_the_tasks_that_the_clock_would_start_there(desk: Desk) -> None:
    assert desk.run("projects", "create", "shop").code == 0
    task = ("tasks", "create", "--project", "shop", "--prompt-template", "Look", "--name")
    assert desk.run(*task, "by-hand").code == 0
    assert "Tasks" not in desk.run("projects", "archive", "shop").err
    said = desk.run(*task, "late")
    assert (said.code, "foredeck projects restore shop" in said.err) == (1, True)
    assert desk.run("projects", "restore", "shop").code == 0
    assert desk.run(*task, "nightly", "--schedule-cron", "0 3 * * *").code == 0
    said = desk.run("projects", "archive", "shop")
    assert "! Tasks are scheduled in it, and will fail each time: nightly.\n" in said.err


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


def test_what_a_project_decides_is_set_shown_and_left_to_the_global_settings(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    said = desk.run("projects", "set", "shop", "sandbox=read-only", "verify=pytest -q")
    assert (said.code, said.err) == (0, "✓ Settings of shop changed.\n")
    assert "read-only  (project)" in said.out

    answer = desk.run("projects", "show", "shop", "--format", "json").answer
    assert answer["settings"]["verify"] == {"value": "pytest -q", "origin": "project"}
    assert answer["settings"]["mode"] == {"value": "auto", "origin": "global"}

    assert desk.run("projects", "unset", "shop", "verify").code == 0
    answer = desk.run("projects", "show", "shop", "--format", "json").answer
    assert answer["settings"]["verify"] == {"value": None, "origin": "global"}

    said = desk.run("projects", "set", "shop", "modle=x", "concurrency=many")
    assert said.code == 2
    assert "2 settings are wrong" in said.err
    assert "Did you mean mode or model?" in said.err


def test_a_variable_that_looks_secret_is_taken_as_a_reference_only(desk: Desk) -> None:
    desk.run("projects", "create", "shop")
    said = desk.run("projects", "env", "set", "shop", "SHOP_TOKEN=hunter22hunter")
    assert said.code == 2
    assert "looks like a secret" in said.err
    assert "hunter22" not in said.err
    assert desk.run("projects", "env", "set", "shop", "SHOP_TOKEN=env:T", "PORT=80").code == 0
    listed = desk.run("projects", "env", "list", "shop", "--format", "json", T="hunter22hunter")
    assert listed.answer == {"PORT": "80", "SHOP_TOKEN": "env:T"}
    assert desk.run("projects", "env", "unset", "shop", "PORT").code == 0
    assert "PORT" not in desk.run("projects", "env", "list", "shop").out


def test_tool_servers_of_a_project_and_of_all(desk: Desk) -> None:
    with (desk.base / "config.toml").open("a") as file:
        file.write('[mcp_servers.shared]\ncommand = "shared-server"\n')
    desk.run("projects", "create", "shop")
    words = ("docs", "--env", "DEPTH=2", "--", "docs-server", "--root", "doc")
    assert desk.run("projects", "mcp", "add", "shop", *words).code == 0
    listed = desk.run("projects", "mcp", "list", "shop", "--format", "json").answer
    assert [(row["name"], row["origin"]) for row in listed["items"]] == [
        ("docs", "project"),
        ("shared", "global"),
    ]
    assert listed["items"][0]["server"]["args"] == ["--root", "doc"]
    assert desk.run("projects", "mcp", "remove", "shop", "docs").code == 0
    said = desk.run("projects", "mcp", "remove", "shop", "docs")
    assert (said.code, said.err) == (2, "error: docs: the project has no such tool server.\n")
