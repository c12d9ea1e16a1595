"""The agents, by role, in the order of the default workflow."""

from __future__ import annotations

from foredeck.services.agents.builder import BUILDER
from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.planner import PLANNER
from foredeck.services.agents.prod_ready import PROD_READY
from foredeck.services.agents.qa_qc import QA_QC
from foredeck.services.domain.errors import NotFound

AGENTS: dict[str, AgentSpec] = {spec.role: spec for spec in (PLANNER, BUILDER, QA_QC, PROD_READY)}


def agent(role: str) -> AgentSpec:
    """Return the declaration of a role; raises `NotFound`."""
    try:
        return AGENTS[role]
    except KeyError:
        roles = ", ".join(AGENTS)
        raise NotFound(
            f"There is no agent with the role {role!r}.", f"Use one of {roles}."
        ) from None
