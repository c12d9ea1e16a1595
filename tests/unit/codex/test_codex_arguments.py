from pathlib import Path

import pytest

from foredeck.services.codex.codex_arguments import CodexArguments, parse_arguments, parse_config
from foredeck.services.codex.exec_command import exec_command
from foredeck.services.codex.live_turn import thread_params
from foredeck.services.codex.orders import TurnOrder
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import Sandbox
from foredeck.services.jobs.output import OutputWriter


def test_options_in_every_spelling() -> None:
    words = ["-m", "gpt-5.5", "--sandbox=read-only", "-c", "a.b=1", "--config", 'x="y"']
    assert parse_arguments(words) == CodexArguments(
        "gpt-5.5", Sandbox.READ_ONLY, ("a.b=1", 'x="y"')
    )
    assert parse_arguments(["--skip-git-repo-check"]) == CodexArguments()


def test_values_are_toml_or_else_text() -> None:
    pairs = ["a=1", "b=true", 'c="x = y"', "d=[1, 2]", "e=plain words", 'f={"g" = 1}']
    assert parse_config(pairs) == {
        "a": 1,
        "b": True,
        "c": "x = y",
        "d": [1, 2],
        "e": "plain words",
        "f": {"g": 1},
    }


@pytest.mark.parametrize(
    "words",
    [
        ["--search"],
        ["prompt"],
        ["-m"],
        ["-s", "everything"],
        ["-c", "=1"],
        ["-c", "key"],
        ["-c", "shell_environment_policy.inherit=all"],
        ["-c", "features.unbounded_connection_retries=true"],
        ["-c", 'sandbox_mode="danger-full-access"'],
    ],
)
def test_what_cannot_be_passed_on_is_named(words: list[str]) -> None:
    with pytest.raises(InvalidInput) as wrong:
        parse_arguments(words)
    assert words[-1].split("=")[0] in wrong.value.message or words[-1] in wrong.value.message


def test_the_marks_of_a_turn_cannot_be_overridden(writer: OutputWriter) -> None:
    config = {"allow_login_shell": True, "web_search": "live", "mcp_servers.x": {"command": "y"}}
    order = TurnOrder("job-1", "/repo", "p", writer, config=config, thread_id="t")
    assert thread_params(order)["config"]["allow_login_shell"] is False
    assert thread_params(order)["config"]["web_search"] == "live"
    words = exec_command(Path("codex"), order, None)
    assert words[-3:] == ["resume", "t", "-"]
    assert "allow_login_shell=false" in words
    assert 'web_search="live"' in words
    assert 'mcp_servers.x={"command" = "y"}' in words
    assert any('"FOREDECK_JOB_ID" = "job-1"' in word for word in words)
