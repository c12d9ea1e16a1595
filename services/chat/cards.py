"""The agents as a person sees them."""

from __future__ import annotations

from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.registry import AGENTS
from foredeck.services.domain.chat import AgentCard


def agent_cards(model: str) -> tuple[AgentCard, ...]:
    """Return the agents in the order of the workflow; `model` is the one in the settings."""
    return tuple(_card(spec, model) for spec in AGENTS.values())


def _card(spec: AgentSpec, model: str) -> AgentCard:
    return AgentCard(
        role=spec.role,
        name=spec.name,
        description=spec.description,
        model=spec.model or model,
        tools=spec.allowed_tools,
        instructions=spec.instructions,
    )
