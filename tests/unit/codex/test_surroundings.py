"""What is put around a turn, as far as no process is needed to see it."""

from typing import Any

import pytest

from foredeck.services.codex.orders import TurnOrder
from foredeck.services.codex.surroundings import Surroundings
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits
from foredeck.services.jobs.output import OutputWriter

_SERVER = {"command": "run-it"}


@pytest.mark.parametrize(
    "config",
    [
        {"mcp_servers": {"own": _SERVER, "named": _SERVER}},
        {"mcp_servers.own": _SERVER, "mcp_servers.named": _SERVER},
        {"mcp_servers.own.command": "run-it", "mcp_servers.named.command": "run-it"},
        {'mcp_servers."own"': _SERVER, "mcp_servers.named": _SERVER},
    ],
)
def test_tool_servers_of_a_step_keep_to_the_limits(
    config: dict[str, Any], writer: OutputWriter
) -> None:
    limits = ToolLimits(("Read", "mcp__named__search"))
    order = TurnOrder("job", "/w", "Do it", writer, config={"model_verbosity": "low", **config})
    free = Surroundings(limits=EVERYTHING).around(order).config
    held = Surroundings(limits=limits).around(order).config

    assert free == order.config
    assert not [key for key in held if "own" in key]
    assert held["mcp_servers.named.enabled_tools"] == ["search"]
    assert held["model_verbosity"] == "low"
    assert held.get("mcp_servers.named", {}).get("command", "run-it") == "run-it"
