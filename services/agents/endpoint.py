"""Where an agent's model answers, and what its failures mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from foredeck.services.codex.failures import classify_http
from foredeck.services.domain.records import Failure, FailureClass

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_DETAIL_LIMIT = 4_000
_KEY_ADVICE = "Check the API key and what it is allowed to (setting `api_key`), then retry."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Responses-compatible service; `patience` is how long it may be silent, in seconds.

    `base_url` None is the model library's own default. The key is never shown.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    patience: float = 300.0

    @property
    def name(self) -> str:
        """How a sentence calls it, without any credentials that the address may carry."""
        if not self.base_url:
            return "api.openai.com"
        parts = urlsplit(self.base_url)
        return parts.netloc.rpartition("@")[2] or self.base_url

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where no proxy may come between."""
        return (urlsplit(self.base_url or "").hostname or "") in _LOOPBACK

    def refused(self, status: int, message: str) -> Failure:
        """Return the failure of a request that was answered with an HTTP error."""
        failure = classify_http(status, self._without_key(message))
        if failure.failure_class is FailureClass.AUTHENTICATION:
            failure = replace(failure, advice=_KEY_ADVICE)
        return self._named(failure, f"HTTP {status}: {message}")

    def reported(self, message: str) -> Failure:
        """Return the failure that the service reported within its answer."""
        return self._named(classify_http(None, self._without_key(message)), message)

    def unreachable(self, detail: str) -> Failure:
        """Return the failure of a connection that could not be made."""
        return self._failure(
            FailureClass.NETWORK,
            f"The model service at {self.name} cannot be reached.",
            "Check the network and the setting `base_url`, then retry.",
            detail,
        )

    def silent(self, detail: str) -> Failure:
        """Return the failure of a service that stopped answering."""
        return self._failure(
            FailureClass.NETWORK,
            f"The model service at {self.name} was silent for {self.patience:g} s.",
            "Retry; raise stall_timeout in the settings if the model just thinks that long.",
            detail,
        )

    def broken_off(self, detail: str) -> Failure:
        """Return the failure of an answer that ended before it was complete."""
        return self._failure(
            FailureClass.NETWORK,
            f"The answer of the model service at {self.name} broke off on its way.",
            "Retry; if it happens again, check the network and any proxy.",
            detail,
        )

    def nonsense(self, detail: str) -> Failure:
        """Return the failure of an answer that is not of the Responses API."""
        return self._failure(
            FailureClass.MODEL,
            f"The model service at {self.name} sent an answer that cannot be understood.",
            "Check that the setting `base_url` is a Responses-compatible API (it usually ends "
            "in /v1), then retry.",
            detail,
        )

    def misbehaved(self, what: str, detail: str) -> Failure:
        """Return the failure of a model that did something it must not; `what` is a clause."""
        return self._failure(
            FailureClass.MODEL,
            f"The model {self._without_key(what)}.",
            "Retry; if it happens again, ask for less at once or use another model.",
            detail,
        )

    def _named(self, failure: Failure, detail: str) -> Failure:
        message = f"{failure.message} ({self.name})"
        return replace(failure, message=message, detail=self._detail(detail))

    def _failure(
        self, failure_class: FailureClass, message: str, advice: str, detail: str
    ) -> Failure:
        return Failure(failure_class, message, advice, self._detail(detail))

    def _detail(self, text: str) -> str:
        return self._without_key(text)[:_DETAIL_LIMIT]

    def _without_key(self, text: str) -> str:
        """Take the key out of what a service echoes."""
        return text.replace(self.api_key, "[key]") if len(self.api_key) >= 8 else text
