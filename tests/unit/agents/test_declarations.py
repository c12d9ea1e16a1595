import pytest

from foredeck.services.agents.declaration import PLAN_SECTIONS
from foredeck.services.agents.registry import AGENTS, agent
from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.domain.errors import NotFound
from foredeck.services.workflow.builtin import four_agents


def test_the_agents_stand_in_the_order_of_the_workflow() -> None:
    assert list(AGENTS) == [step.role for step in four_agents().steps]


@pytest.mark.parametrize("role", list(AGENTS))
def test_every_declaration_is_whole(role: str) -> None:
    spec = agent(role)
    assert spec.role == role
    assert set(spec.allowed_tools) <= set(TOOLS)
    assert spec.codex_prompt_template.count("{context}") == 1
    for text in (spec.instructions, spec.codex_prompt_template):
        assert "{{" not in text
        assert "}}" not in text
    assert spec.name in spec.instructions
    assert spec.handoff_description
    assert "run_codex" in spec.allowed_tools


def test_only_the_planner_saves_the_plan_and_only_the_last_one_judges() -> None:
    assert [role for role, spec in AGENTS.items() if spec.plans] == ["planner"]
    assert [role for role, spec in AGENTS.items() if spec.judges] == ["prod_ready"]


def test_the_planner_is_told_every_section_in_both_modes() -> None:
    for text in (agent("planner").instructions, agent("planner").codex_prompt_template):
        places = [text.index(f"## {title}\n") for title in PLAN_SECTIONS]
        assert places == sorted(places)


def test_an_unknown_role_is_not_found() -> None:
    with pytest.raises(NotFound):
        agent("gardener")
