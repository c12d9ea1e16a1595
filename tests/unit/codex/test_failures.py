import pytest

from foredeck.services.codex import failures
from foredeck.services.codex.failures import classify, classify_http
from foredeck.services.codex.protocol import TurnError
from foredeck.services.domain.errors import (
    CodexLoggedOut,
    CodexMissing,
    CodexUnreachable,
    StorageFull,
)
from foredeck.services.domain.records import FailureClass as Class

USAGE_LIMIT = "You’ve hit your usage limit. Upgrade to Pro or try again at Nov 21st, 2026 12:00 AM."


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (TurnError(USAGE_LIMIT, "usageLimitExceeded"), Class.USAGE_LIMIT, "Nov 21st, 2026"),
        (TurnError(USAGE_LIMIT), Class.USAGE_LIMIT, "usage limit"),
        (
            TurnError("Quota exceeded. Check your plan and billing details.", "other"),
            Class.USAGE_LIMIT,
            "quota",
        ),
        (TurnError("unexpected status 401 Unauthorized: no"), Class.AUTHENTICATION, "login"),
        (TurnError("x", "responseTooManyFailedAttempts", 401), Class.AUTHENTICATION, "login"),
        (TurnError("unexpected status 403 Forbidden: no"), Class.AUTHENTICATION, "403"),
        (
            TurnError("Missing environment variable: `STUB_KEY`."),
            Class.AUTHENTICATION,
            "STUB_KEY",
        ),
        (
            TurnError("Connection failed: error sending request", "httpConnectionFailed"),
            Class.NETWORK,
            "reached",
        ),
        (
            TurnError("stream error", details="dns error: failed to lookup address information"),
            Class.NETWORK,
            "reached",
        ),
        (TurnError("The model `gpt-9` does not exist", "other"), Class.MODEL, "gpt-9"),
        (
            TurnError("Selected model is at capacity. Try another.", "serverOverloaded"),
            Class.NETWORK,
            "capacity",
        ),
        (
            TurnError("exceeded retry limit, last status: 429 Too Many Requests"),
            Class.NETWORK,
            "429",
        ),
        (
            TurnError("We’re currently experiencing high demand.", "internalServerError"),
            Class.NETWORK,
            "fault",
        ),
        (
            TurnError("Codex ran out of room in the model's context window. Start a new thread"),
            Class.CONTEXT_LENGTH,
            "longer",
        ),
        (TurnError("boom", "contextWindowExceeded"), Class.CONTEXT_LENGTH, "longer"),
        (
            TurnError("Input exceeds the maximum length of 1048576 characters"),
            Class.CONTEXT_LENGTH,
            "longer",
        ),
        (
            TurnError("Incomplete response returned, reason: max_output_tokens"),
            Class.MODEL,
            "cut off",
        ),
        (TurnError("no landlock here", "sandboxError"), Class.SANDBOX, "no landlock here"),
        (
            TurnError(
                "stream disconnected before completion: stream closed before response.completed",
                "responseStreamDisconnected",
            ),
            Class.NETWORK,
            "broke off",
        ),
        (TurnError("idle timeout waiting for SSE"), Class.NETWORK, "broke off"),
        (
            TurnError('{"error": {"message": "bad request", "type": "invalid_request_error"}}'),
            Class.MODEL,
            "refused the request: bad request",
        ),
        (TurnError("something new", "brandNew"), Class.CODEX, "something new"),
        (TurnError(""), Class.CODEX, "no reason given"),
    ],
)
def test_what_codex_says(error: TurnError, expected: Class, words: str) -> None:
    failure = classify(error)
    assert failure.failure_class is expected
    assert words in failure.message
    assert failure.advice
    assert error.message in failure.detail
    assert "{" not in failure.message


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"error": {"message": "Incorrect API key provided"}}, Class.AUTHENTICATION),
        (403, "forbidden", Class.AUTHENTICATION),
        (404, {"error": {"code": "model_not_found", "message": "no"}}, Class.MODEL),
        (429, {"error": {"code": "insufficient_quota"}}, Class.USAGE_LIMIT),
        (429, {"error": {"message": "Rate limit reached for gpt"}}, Class.NETWORK),
        (429, {"error": {"type": "usage_limit_reached"}}, Class.USAGE_LIMIT),
        (400, {"error": {"code": "context_length_exceeded"}}, Class.CONTEXT_LENGTH),
        (400, "nonsense", Class.MODEL),
        (500, "<html>oops</html>", Class.NETWORK),
        (503, "", Class.NETWORK),
        (None, "Connection error.", Class.NETWORK),
        (None, "Request timed out.", Class.NETWORK),
        (None, "strange", Class.MODEL),
    ],
)
def test_what_a_model_service_answers(
    status: int | None, body: str | dict[str, object], expected: Class
) -> None:
    failure = classify_http(status, body)
    assert failure.failure_class is expected
    assert failure.advice


def test_long_words_are_shortened_but_kept_in_the_detail() -> None:
    failure = classify(TurnError("x" * 5000))
    assert len(failure.message) < 400
    assert failure.detail == "x" * 5000


def test_braces_in_what_was_said_do_no_harm() -> None:
    assert "{0} {words}" in classify(TurnError("{0} {words}")).message


def test_errors_of_our_own() -> None:
    assert failures.from_error(CodexUnreachable("gone")).failure_class is Class.CRASH
    assert (
        failures.from_error(CodexLoggedOut("out", "log in")).failure_class is Class.AUTHENTICATION
    )
    assert failures.from_error(CodexMissing("none", "install")).advice == "install"
    assert failures.from_error(StorageFull("full")).failure_class is Class.DISK
    assert "600 s" in failures.timed_out(600).message
    assert "300 s" in failures.stalled(300.0).message
