from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.agents import prompts
from foredeck.services.agents.registry import AGENTS, agent
from tests.support.agent_stage import open_stage


async def test_a_stage_is_told_everything_that_was_handed_on(tmp_path: Path) -> None:
    summaries = (("planner", "Plan it"), ("builder", "Built it"))
    async with open_stage(
        tmp_path, "qa_qc", summaries=summaries, rework_items=("mend A", "mend B")
    ) as stage:
        text = prompts.stage_input(agent("qa_qc"), stage.task, "## Overview\nA counter {x}")
    assert "# Request\nBuild a word counter" in text
    assert f"demo, in the directory {stage.workspace}\nA small project" in text
    assert "# AGENTS.md as it stands\n## Overview\nA counter {x}" in text
    assert "## planner\nPlan it\n\n## builder\nBuilt it" in text
    assert "1. mend A\n2. mend B" in text


async def test_what_there_is_not_has_no_heading(tmp_path: Path) -> None:
    async with open_stage(tmp_path, "planner") as stage:
        text = prompts.context(stage.task, "  \n")
    assert text.count("# ") == 2
    assert "AGENTS.md" not in text


async def test_long_plans_and_summaries_are_cut(tmp_path: Path) -> None:
    summaries = (("planner", "s" * 20_000),)
    async with open_stage(tmp_path, summaries=summaries) as stage:
        text = prompts.context(stage.task, "p" * 50_000)
    assert text.count("p" * 1000) == prompts.PLAN_LIMIT // 1000
    assert "[cut here: 10000 more characters]" in text
    assert "[cut here: 12000 more characters]" in text


@pytest.mark.parametrize("role", list(AGENTS))
async def test_the_direct_prompt_takes_braces_as_they_are(role: str, tmp_path: Path) -> None:
    async with open_stage(tmp_path, role, summaries=(("planner", "{context} {0}"),)) as stage:
        text = prompts.direct_prompt(agent(role), stage.task, "")
    assert "## planner\n{context} {0}" in text
    assert text.count("# Request") == 1


@pytest.mark.parametrize("role", list(AGENTS))
async def test_what_the_definition_asks_of_a_stage_is_added_to_its_task(
    role: str, tmp_path: Path
) -> None:
    async with open_stage(tmp_path, role) as stage:
        spec = replace(stage.task.spec, prompt="Mind the {{odd}} {context}.")
        task = replace(stage.task, spec=spec)
        for tell in (prompts.stage_input, prompts.direct_prompt):
            text = tell(agent(role), task, "")
            asked = "# What this stage is asked for in particular\nMind the {{odd}} {context}."
            assert asked in text
            assert "in particular" not in tell(agent(role), stage.task, "")
