import json
from typing import Any

import pytest

from foredeck.services.agents.verdict import (
    SUMMARY_SCHEMA,
    VERDICT_SCHEMA,
    consistent,
    describe,
    parse_summary,
    parse_verdict,
)
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import FailureClass, Requirement, Verdict


def verdict(**changes: Any) -> dict[str, Any]:
    return {
        "requirements": [{"id": "FR-1", "status": "pass", "evidence": "ran it"}],
        "tests": {"passed": 5, "failed": 0, "skipped": 1},
        "security": [],
        "blocking": [],
        "recommendations": ["a man page"],
        "deployment_checklist": ["install it"],
        "verdict": "APPROVED",
        "items": [],
        **changes,
    }


def test_a_whole_verdict_is_read() -> None:
    parsed = parse_verdict(json.dumps(verdict()))
    assert parsed == Verdict(
        "APPROVED",
        (Requirement("FR-1", "pass", "ran it"),),
        tests_passed=5,
        tests_skipped=1,
        recommendations=("a man page",),
        deployment_checklist=("install it",),
    )


def test_a_code_fence_around_it_does_no_harm() -> None:
    assert parse_verdict(f"```json\n{json.dumps(verdict())}\n```").approved


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("I think it is fine.", "JSON"),
        ("", "JSON"),
        ("[]", "object"),
        (json.dumps(verdict(verdict="MAYBE")), "verdict"),
        (json.dumps(verdict(tests={"passed": -1, "failed": 0, "skipped": 0})), "tests.passed"),
        (json.dumps(verdict(tests={"passed": "5", "failed": 0, "skipped": 0})), "tests.passed"),
        (json.dumps(verdict(requirements=[{"id": "FR-1", "status": "ok"}])), "requirements.0"),
    ],
)
def test_nonsense_fails_the_stage_with_a_sentence(text: str, where: str) -> None:
    with pytest.raises(StepFailed) as caught:
        parse_verdict(text)
    failure = caught.value.failure
    assert failure.failure_class is FailureClass.MODEL
    assert failure.message.startswith("The verdict cannot be read")
    assert where in failure.message
    assert failure.advice
    assert failure.detail == text


@pytest.mark.parametrize(
    ("changes", "item"),
    [
        ({"tests": {"passed": 4, "failed": 1, "skipped": 0}}, "1 tests fail."),
        ({"blocking": ["no licence"]}, "no licence"),
        (
            {"requirements": [{"id": "FR-2", "status": "fail", "evidence": "crashes"}]},
            "FR-2 is not met: crashes",
        ),
    ],
)
def test_an_approval_that_contradicts_itself_is_none(changes: dict[str, Any], item: str) -> None:
    parsed = parse_verdict(json.dumps(verdict(**changes)))
    assert parsed.verdict == "NEEDS_WORK"
    assert parsed.items == (item,)


def test_work_without_items_gets_one() -> None:
    parsed = consistent(Verdict("NEEDS_WORK"))
    assert len(parsed.items) == 1
    assert parse_verdict(json.dumps(verdict(verdict="NEEDS_WORK", items=["x"]))).items == ("x",)


def test_a_person_can_read_it() -> None:
    text = describe(parse_verdict(json.dumps(verdict(blocking=["no licence"]))))
    assert text.startswith("NEEDS_WORK: 1 of 1 requirements met; tests: 5 passed")
    assert "Blocking:\n- no licence" in text


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ('{"summary": " Built it. "}', "Built it."),
        ("Built it.", "Built it."),
        ('```json\n{"summary": "Built it."}\n```', "Built it."),
        ("42", "42"),
    ],
)
def test_summaries_are_read_generously(text: str, summary: str) -> None:
    assert parse_summary(text) == summary


@pytest.mark.parametrize("text", ["", "  ", '{"summary": ""}', '{"summary": 3}', "{}"])
def test_a_missing_summary_fails_the_stage(text: str) -> None:
    with pytest.raises(StepFailed) as caught:
        parse_summary(text)
    assert caught.value.failure.failure_class is FailureClass.MODEL


def objects(schema: Any) -> list[dict[str, Any]]:
    found = [schema] if schema.get("type") == "object" else []
    children = list(schema.get("properties", {}).values())
    children += [schema["items"]] if "items" in schema else []
    return found + [each for child in children for each in objects(child)]


@pytest.mark.parametrize("schema", [VERDICT_SCHEMA, SUMMARY_SCHEMA])
def test_the_schemas_are_strict(schema: dict[str, Any]) -> None:
    for each in objects(schema):
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
