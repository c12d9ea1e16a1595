"""What a project decides: how it is written, and what is said of mistakes."""

import pytest

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import DefaultWorkflow, ProjectSettings, Sandbox
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.project_settings import view, with_changes
from foredeck.services.settings import Settings
from tests.support import records as make
from tests.support.project_rows import row_of


def test_values_are_read_as_the_global_ones_are() -> None:
    settings = with_changes(
        ProjectSettings(model="old", verify="make"),
        {
            "model": "gpt-5.5",
            "sandbox": "read_only",
            "budget_cost": "2.5",
            "workflow": "codex",
            "concurrency": "2",
            "memory_cap": "512",
            "verify": None,
        },
        {"PORT": "80", "API_KEY": "env:SHOP_KEY"},
        {"docs": McpServer("docs-server", ("--root", "doc"))},
    )
    assert settings == ProjectSettings(
        model="gpt-5.5",
        sandbox=Sandbox.READ_ONLY,
        budget_cost=2.5,
        workflow=DefaultWorkflow.CODEX,
        concurrency=2,
        memory_cap=512,
        environment={"PORT": "80", "API_KEY": "env:SHOP_KEY"},
        mcp_servers={"docs": McpServer("docs-server", ("--root", "doc"))},
    )
    emptied = with_changes(settings, {"model": ""}, {"PORT": None}, {"docs": None})
    assert (emptied.model, emptied.mcp_servers) == (None, {})
    assert emptied.environment == {"API_KEY": "env:SHOP_KEY"}


def test_every_mistake_is_told_at_once_and_no_secret() -> None:
    with pytest.raises(InvalidInput) as caught:
        with_changes(
            ProjectSettings(environment={"PORT": "80"}),
            {"modle": "x", "concurrency": "0", "sandbox": "none"},
            {"SHOP_KEY": "sk-verysecret", "1A": "x", "PROT": None},
            {
                "two words": McpServer("x"),
                "both": McpServer("x", url="https://a.example"),
                "open": McpServer(url="https://a.example", token="sk-verysecret"),
            },
        )
    said = caught.value.message
    for part in (
        "9 settings are wrong:",
        "modle: there is no such setting of a project. Did you mean mode or model?",
        "concurrency: expected 1 to 100",
        "sandbox: expected one of read-only, workspace-write, danger-full-access, not 'none'",
        "SHOP_KEY looks like a secret: expected a reference",
        "'1A' cannot be the name of a variable",
        "PROT: the project has no such variable. Did you mean PORT?",
        "'two words' cannot be a server's name",
        "both: expected either a command or a url",
        "open: token: expected a reference",
    ):
        assert part in said
    assert "sk-verysecret" not in said


def test_each_setting_has_an_origin() -> None:
    shared, own = McpServer("shared"), McpServer("own")
    settings = Settings(turn_limit=7, mcp_servers={"a": shared, "b": shared})
    wishes = ProjectSettings(sandbox=Sandbox.READ_ONLY, mcp_servers={"b": own})
    shown = view(row_of(make.project()), wishes, settings)
    rows = {row.name: (row.value, row.origin) for row in shown.settings}
    assert rows["sandbox"] == ("read-only", "project")
    assert rows["concurrency"] == ("7", "global")
    assert rows["memory_cap"] == ("", "global")
    servers = [(row.name, row.server, row.origin) for row in shown.mcp_servers]
    assert servers == [("a", shared, "global"), ("b", own, "project")]
