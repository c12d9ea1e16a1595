"""A report as JSON: it fits its schema, and the schema fits the model."""

import json
from datetime import datetime

import pytest
from jsonschema import Draft202012Validator

from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.states import RunState
from foredeck.services.host import wire
from foredeck.services.host.report_requests import GetRunReport
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.json_report import render_json, schema_text
from foredeck.services.store.store import Store
from tests.support import reported
from tests.support.report_schema import schema_of_the_model

VALIDATOR = Draft202012Validator(
    json.loads(schema_text()), format_checker=Draft202012Validator.FORMAT_CHECKER
)


@pytest.mark.parametrize("state", list(RunState))
async def test_every_report_fits_the_schema(
    store: Store, collector: ReportCollector, state: RunState
) -> None:
    run = await reported.store_run(store, state)
    await reported.make_execution(store, run)
    found = json.loads(render_json(await collector.collect(run.id)))
    assert list(VALIDATOR.iter_errors(found)) == []
    assert (found["schema_version"], found["run"]["state"]) == (1, state.value)
    assert datetime.fromisoformat(found["run"]["created_at"]) == run.created_at
    assert found["run"]["task"]["variables"] == {"what": "it"}


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(schema_text()))


def test_the_schema_is_that_of_the_model() -> None:
    """Whoever changes the model changes a contract: see `SCHEMA_VERSION`."""
    assert json.loads(schema_text()) == schema_of_the_model()


async def test_the_schema_refuses_what_it_does_not_know(
    store: Store, collector: ReportCollector
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    found = json.loads(render_json(await collector.collect(run.id)))
    for change in ({"schema_version": 2}, {"more": 1}, {"steps": None}):
        assert list(VALIDATOR.iter_errors({**found, **change})) != []
    del found["run"]["state"]
    assert list(VALIDATOR.iter_errors(found)) != []


async def test_a_report_goes_over_the_socket(store: Store, collector: ReportCollector) -> None:
    run = await reported.store_run(store, RunState.PARTIAL_SUCCESS)
    await reported.make_execution(store, run)
    report = await collector.collect(run.id)
    line = wire.to_line({"answer": wire.encode(report, wire.answer_type(GetRunReport))})
    assert wire.decode(RunReport, wire.from_line(line)["answer"]) == report
