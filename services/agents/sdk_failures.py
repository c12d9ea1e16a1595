"""What the exceptions of the Agents SDK and of the model client mean (imports both)."""

from __future__ import annotations

import json

import httpx2
import openai
from agents.exceptions import MaxTurnsExceeded, ModelBehaviorError, ModelRefusalError

from foredeck.services.agents.endpoint import Endpoint
from foredeck.services.domain.records import Failure


class IncompleteAnswer(ValueError):
    """A stream ended in order, but without saying that the answer is complete."""


def failure_of(error: Exception, endpoint: Endpoint, max_turns: int) -> Failure:
    """Return the failure that an exception of the SDK or of the client stands for."""
    if isinstance(error, openai.OpenAIError | httpx2.HTTPError | ValueError):
        return _of_the_service(error, endpoint)
    detail = f"{type(error).__name__}: {error}"
    match error:
        case MaxTurnsExceeded():
            return endpoint.misbehaved(f"did not finish within {max_turns} turns", detail)
        case ModelRefusalError():
            return endpoint.misbehaved("refused to do this", detail)
        case ModelBehaviorError():
            return endpoint.reported(str(error))
    return endpoint.misbehaved(f"could not be used: {error}", detail)


def _of_the_service(error: Exception, endpoint: Endpoint) -> Failure:
    detail = f"{type(error).__name__}: {error}"
    match error:
        case openai.APIStatusError():
            return endpoint.refused(error.status_code, _body(error))
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return endpoint.silent(detail)
        case openai.APIConnectionError() if isinstance(error.__cause__, httpx2.TransportError):
            return _of_the_service(error.__cause__, endpoint)
        case openai.APIConnectionError() | httpx2.ConnectError():
            return endpoint.unreachable(detail)
        case httpx2.TransportError():
            return endpoint.broken_off(detail)
        case openai.APIResponseValidationError():
            return endpoint.nonsense(detail)
        case openai.APIError():
            return endpoint.reported(error.message)
    return endpoint.nonsense(detail)


def _body(error: openai.APIStatusError) -> str:
    if error.body is None:
        return error.message
    return error.body if isinstance(error.body, str) else json.dumps(error.body, default=str)
