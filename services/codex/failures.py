"""Turns what codex and model services say into a class, a sentence and advice (SPEC C10).

The rules follow what codex was observed to say. A transient trouble of the service
(overload, 5xx, request rate) counts as `network`: it passes by itself, and that class is
tried again automatically.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foredeck.services.codex.protocol import TurnError
from foredeck.services.codex.reset_times import reset_time
from foredeck.services.domain import clock
from foredeck.services.domain.errors import (
    CodexLoggedOut,
    CodexUnreachable,
    ForedeckError,
    StoreError,
)
from foredeck.services.domain.records import Failure, FailureClass

_SENTENCE_LIMIT = 300
_STATUS = re.compile(r"(?:unexpected status|last status:|status code:?|HTTP)\s+([45]\d\d)\b")
_RESET = re.compile(r"(?i)try again (?:at|in|after) [^\n]{1,80}")
# What codex says of a thread that none of its session files tells of.
_NO_RECORD = "no rollout found"
_RETRIES = "It is tried again by itself; if it stays so, retry later."


@dataclass(frozen=True)
class _Rule:
    """Fits an error by codexErrorInfo, by HTTP status or by a pattern in its words."""

    failure_class: FailureClass
    message: str
    advice: str
    kinds: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    pattern: re.Pattern[str] | None = None

    def fits(self, kind: str, status: int, words: str) -> bool:
        if kind in self.kinds or status in self.statuses:
            return True
        return self.pattern is not None and self.pattern.search(words) is not None


def _rule(
    failure_class: FailureClass,
    message: str,
    advice: str,
    *,
    kinds: str = "",
    statuses: tuple[int, ...] = (),
    pattern: str = "",
) -> _Rule:
    compiled = re.compile(pattern, re.IGNORECASE) if pattern else None
    return _Rule(
        failure_class, message, advice, frozenset(kinds.split()), frozenset(statuses), compiled
    )


_REFUSED = _rule(
    FailureClass.MODEL,
    "The model service refused the request: {words}",
    "The request itself is not acceptable: change it, the model or the settings.",
    kinds="badRequest",
    statuses=(400, 409, 413, 422),
    pattern=r"invalid_request_error",
)

# The first rule that fits decides. `{words}` is what the service said, in one line.
_RULES = (
    _rule(
        FailureClass.USAGE_LIMIT,
        "The account has used up its quota: {words}",
        "Check the plan and the billing of the account, or use another one, then retry.",
        pattern=r"quota exceeded|exceeded your current quota|insufficient_quota",
    ),
    _rule(
        FailureClass.USAGE_LIMIT,
        "The account's usage limit is reached{reset}.",
        "Wait for the reset and retry, or use another account or model.",
        kinds="usageLimitExceeded sessionBudgetExceeded",
        pattern=r"usage limit|usage_limit_reached",
    ),
    _rule(
        FailureClass.CONTEXT_LENGTH,
        "The conversation has grown longer than the model can read.",
        "Start a new run with a smaller request, or use a model with a larger context.",
        kinds="contextWindowExceeded",
        pattern=r"context window|context_length_exceeded|maximum context length"
        r"|exceeds the maximum length",
    ),
    _rule(
        FailureClass.AUTHENTICATION,
        "The key of the model service is not set: {words}",
        "Set that environment variable where Foredeck is started, then retry.",
        pattern=r"missing environment variable",
    ),
    _rule(
        FailureClass.AUTHENTICATION,
        "The account may not use this model service or model (403).",
        "Check what the account is allowed to, or use another account or model, then retry.",
        statuses=(403,),
    ),
    _rule(
        FailureClass.AUTHENTICATION,
        "The model service did not accept the login or the key.",
        "Log in again (`codex login`) or check the API key in the settings, then retry.",
        kinds="unauthorized",
        statuses=(401,),
        pattern=r"invalid_api_key|incorrect api key|not logged in|authentication required"
        r"|refresh token|log ?in again|sign in again",
    ),
    _rule(
        FailureClass.MODEL,
        "The model service does not know the model: {words}",
        "Choose another model in the settings or for the project, then retry.",
        statuses=(404,),
        pattern=r"model_not_found|model .{0,120}(?:does not exist|not found|is not supported)",
    ),
    _rule(
        FailureClass.MODEL,
        "The answer of the model was cut off: {words}",
        "Ask for less at once, or use another model, then retry.",
        pattern=r"incomplete response|max_output_tokens",
    ),
    _rule(
        FailureClass.MODEL,
        "The model service refused to go on for reasons of policy: {words}",
        "Word the request differently, then start a new run.",
        kinds="cyberPolicy misalignmentPolicyViolation tooManyDenials",
        pattern=r"content_policy|policy violation",
    ),
    _rule(
        FailureClass.NETWORK,
        "The model is at capacity.",
        _RETRIES,
        kinds="serverOverloaded flexUnavailable",
        statuses=(503, 529),
        pattern=r"at capacity|server_is_overloaded|overloaded_error",
    ),
    _rule(
        FailureClass.NETWORK,
        "The model service got too many requests in a short time (429).",
        _RETRIES,
        kinds="rateLimitExceeded",
        statuses=(429,),
        pattern=r"rate.?limit",
    ),
    _rule(
        FailureClass.SANDBOX,
        "The sandbox did not work: {words}",
        "`foredeck doctor` tests the sandbox; a project can also be given another sandbox mode.",
        kinds="sandboxError",
        pattern=r"\bsandbox|bubblewrap|bwrap|landlock",
    ),
    _rule(
        FailureClass.NETWORK,
        "The model service has a fault of its own.",
        _RETRIES,
        kinds="internalServerError",
        statuses=tuple(range(500, 600)),
        pattern=r"high demand|internal server error|server_error",
    ),
    _rule(
        FailureClass.NETWORK,
        "The model service cannot be reached.",
        "Check the network, the proxy and the address of the model service, then retry.",
        kinds="httpConnectionFailed",
        pattern=r"connection failed|connection error|error sending request|connection refused"
        r"|waiting for network|dns error|failed to lookup|name resolution|name or service"
        r"|network is unreachable",
    ),
    _rule(
        FailureClass.NETWORK,
        "The answer of the model broke off on its way.",
        _RETRIES,
        kinds="responseStreamDisconnected responseStreamConnectionFailed "
        "responseTooManyFailedAttempts",
        pattern=r"stream disconnected|stream closed|idle timeout|timed out|connection reset",
    ),
    _REFUSED,
)


def classify(error: TurnError) -> Failure:
    """Return the failure of a turn that codex ended with that error."""
    return _classify(
        error.message,
        error.details,
        error.kind,
        error.http_status,
        _rule(
            FailureClass.CODEX,
            "Codex ended the turn with an error: {words}",
            "Read the end of the output, then retry.",
        ),
    )


def classify_http(status: int | None, body: str | Mapping[str, Any]) -> Failure:
    """Return the failure of a request to a model service.

    `status` is the HTTP status, None if there was no answer at all; `body` the answer's
    body or the client's error message.
    """
    message = body if isinstance(body, str) else json.dumps(dict(body), default=str)
    return _classify(
        message,
        "",
        "",
        status or 0,
        _rule(
            FailureClass.MODEL,
            "The model service answered with an error: {words}",
            "Read the details, then retry.",
        ),
    )


def from_error(error: ForedeckError) -> Failure:
    """Return the failure of a turn that could not be run because of that error."""
    if isinstance(error, CodexUnreachable):
        return crashed(error.message)
    if isinstance(error, CodexLoggedOut):
        return Failure(FailureClass.AUTHENTICATION, error.message, error.advice)
    if isinstance(error, StoreError):
        return Failure(FailureClass.DISK, error.message, error.advice)
    return Failure(
        FailureClass.CODEX, error.message, error.advice or "Retry; `foredeck doctor` checks codex."
    )


def crashed(detail: str = "") -> Failure:
    """Return the failure of a turn whose app-server went away."""
    return Failure(
        FailureClass.CRASH,
        "Codex stopped in the middle of the turn.",
        "It is started anew at the next turn: retry. What it had changed so far is kept.",
        detail,
    )


def lost() -> Failure:
    """Return the failure of a turn that vanished with its app-server."""
    return Failure(
        FailureClass.CRASH,
        "Codex ended in the middle of this turn, and the turn with it.",
        "What it had changed so far is kept in the workspace: resume the run to go on from "
        "there, or retry the stage from its beginning.",
    )


def internal(error: BaseException) -> Failure:
    """Return the failure for an error of Foredeck's own; its traceback is the detail."""
    return Failure(
        FailureClass.INTERNAL,
        f"Foredeck itself failed here: {type(error).__name__}: {error}",
        "Retry; if it happens again, report it with the run's history.",
        "".join(traceback.format_exception(error)),
    )


def timed_out(seconds: float) -> Failure:
    """Return the failure of a turn that took longer than it may."""
    return Failure(
        FailureClass.TIMEOUT,
        f"The codex turn did not finish within {seconds:g} s and was stopped.",
        "Raise turn_timeout in the settings, or ask for less at once, then retry.",
    )


def stalled(seconds: float) -> Failure:
    """Return the failure of a turn that gave no sign of life."""
    return Failure(
        FailureClass.TIMEOUT,
        f"Codex gave no sign of life for {seconds:g} s and was stopped.",
        "Retry; raise stall_timeout in the settings if the model just thinks that long.",
    )


def interrupted() -> Failure:
    """Return the failure of a turn that somebody else interrupted."""
    return Failure(
        FailureClass.CODEX,
        "The codex turn was interrupted from outside.",
        "Retry when nobody else works on that codex thread.",
    )


def denied(wish: str) -> Failure:
    """Return the failure of a turn that ended because a person denied what it asked for."""
    return Failure(
        FailureClass.CODEX,
        f"Codex was denied leave to {_in_one_line(wish)}, and its turn was stopped.",
        "Retry to be asked again, or change first what the stage is told.",
    )


def unknown_thread(asked: str, detail: str) -> Failure:
    """Return the failure of a thread that codex cannot resume."""
    is_gone = _NO_RECORD in detail
    return Failure(
        FailureClass.CODEX,
        f"Codex cannot continue the conversation {asked}: {_in_one_line(detail)}",
        "Start a new run: codex has no record of that conversation."
        if is_gone
        else "Retry when nobody else works on it, or start a new run.",
        detail,
        retry_helps=not is_gone,
    )


def wrong_thread(asked: str, answered: str) -> Failure:
    """Return the failure of a resumed thread that is not the one asked for."""
    return Failure(
        FailureClass.CODEX,
        f"Codex resumed another thread ({answered or 'none'}) than the one asked for ({asked}).",
        "Start a new run: this conversation cannot be continued.",
        retry_helps=False,
    )


def _classify(message: str, details: str, kind: str, status: int, otherwise: _Rule) -> Failure:
    evidence = "\n".join(filter(None, (message, details)))
    found = _STATUS.search(evidence)
    status = status or (int(found[1]) if found else 0)
    fitting = (rule for rule in _RULES if rule.fits(kind, status, evidence))
    # Codex hands the body of a refusal on as it is, without a status.
    rule = next(fitting, _REFUSED if _words_in_body(message) else otherwise)
    reset = _RESET.search(evidence)
    sentence = rule.message.format(
        words=_in_one_line(message), reset=f"; {reset[0].rstrip('. ')}" if reset else ""
    )
    limited = rule.failure_class is FailureClass.USAGE_LIMIT
    until = reset_time(evidence, clock.now()) if limited else None
    return Failure(rule.failure_class, sentence, rule.advice, evidence, until)


def _words_in_body(message: str) -> str:
    """Return the words in a JSON error body; empty if it is none."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return ""
    error = fields.get("error") if isinstance(fields, dict) else None
    words = error.get("message") if isinstance(error, dict) else error
    return words if isinstance(words, str) else ""


def _in_one_line(message: str) -> str:
    line = " ".join((_words_in_body(message) or message).split()) or "no reason given"
    return line if len(line) <= _SENTENCE_LIMIT else line[: _SENTENCE_LIMIT - 1] + "…"
