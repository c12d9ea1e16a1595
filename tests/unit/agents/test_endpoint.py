import pytest

from foredeck.services.agents.endpoint import Endpoint
from foredeck.services.domain.records import FailureClass

KEY = "sk-very-secret-key"


@pytest.mark.parametrize(
    ("status", "body", "failure_class"),
    [
        (401, '{"error": {"message": "Incorrect API key"}}', FailureClass.AUTHENTICATION),
        (403, "no", FailureClass.AUTHENTICATION),
        (404, '{"error": {"message": "no such model"}}', FailureClass.MODEL),
        (429, "slow down", FailureClass.NETWORK),
        (429, '{"error": {"code": "insufficient_quota"}}', FailureClass.USAGE_LIMIT),
        (500, "oops", FailureClass.NETWORK),
    ],
)
def test_refusals_are_classified_and_name_the_service(
    status: int, body: str, failure_class: FailureClass
) -> None:
    failure = Endpoint(KEY, "http://models.example:8080/v1").refused(status, body)
    assert failure.failure_class is failure_class
    assert "models.example:8080" in failure.message
    assert failure.advice


def test_an_echoed_key_is_taken_out() -> None:
    failure = Endpoint(KEY).refused(404, f"wrong key {KEY}")
    assert KEY not in f"{failure.message}{failure.advice}{failure.detail}"
    assert KEY not in repr(Endpoint(KEY))


def test_credentials_in_the_address_are_not_shown() -> None:
    assert Endpoint(KEY, "https://user:pass@host.example/v1").name == "host.example"


@pytest.mark.parametrize(
    ("url", "local"),
    [("http://127.0.0.1:9/v1", True), ("http://localhost/v1", True), (None, False)],
)
def test_no_proxy_for_this_machine(url: str | None, local: bool) -> None:
    assert Endpoint(KEY, url).is_local is local
