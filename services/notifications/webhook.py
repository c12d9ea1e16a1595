"""A POST with JSON to an address of the user's own."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from ipaddress import ip_address
from socket import gaierror
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from foredeck.services.domain import clock
from foredeck.services.domain.errors import SettingsError
from foredeck.services.notifications.channel import Outcome
from foredeck.services.notifications.wording import Telling, to_json
from foredeck.services.redaction import Redactor
from foredeck.services.settings import resolve_secret

if TYPE_CHECKING:
    import httpx2

TIME_LIMIT = 10.0
"""How long one attempt may take, in seconds."""
LONGEST_WAIT = 86_400.0
"""However long the other side wants us to wait, it is no longer than that, in seconds."""
_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 307, 308})
# What may be another answer later, though it is the client's fault by its number (RFC 9110).
_PASSING = frozenset({408, 425, 429})
# What keeps two machines apart, the most exact first; none of it repeats the address.
_HINDRANCES = (
    (gaierror, "The name of its host cannot be found"),
    (ConnectionRefusedError, "Nobody listens there"),
    (ssl.SSLCertVerificationError, "Its TLS certificate is not trusted"),
    (ssl.SSLError, "It does not speak TLS as it should"),
)


class _RefusedError(Exception):
    """What can never work, as a sentence."""


class Webhook:
    """Posts each notification; the address is a secret, so no error repeats it.

    `reference` says where the address is found. `plain_http` allows addresses without TLS on
    other machines.
    """

    def __init__(
        self,
        reference: str,
        redactor: Redactor,
        *,
        plain_http: bool = False,
        time_limit: float = TIME_LIMIT,
        resolve: Callable[[str], str | None] = resolve_secret,
    ) -> None:
        self._reference = reference
        self._redactor = redactor
        self._plain_http = plain_http
        self._time_limit = time_limit
        self._resolve = resolve
        self._url = ""

    async def __call__(self, telling: Telling) -> Outcome:
        """Post it once."""
        try:
            url = await self._address()
            async with asyncio.timeout(self._time_limit):
                return await self._post(url, telling)
        except (_RefusedError, SettingsError) as error:
            return Outcome(str(error), final=True)
        except TimeoutError:
            return Outcome(f"There was no answer within {self._time_limit:g} seconds.")

    async def _address(self) -> str:
        if not self._url:
            url = await asyncio.to_thread(self._resolve, self._reference)
            if not url:
                raise _RefusedError(
                    "The webhook has no address: what notify_webhook refers to is empty."
                )
            self._redactor.learn([url])
            self._check(url)
            self._url = url
        return self._url

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            _ = parts.port
        except ValueError:
            host = ""
        if any(char.isspace() or not char.isprintable() for char in url):
            host = ""
        if not host or parts.scheme not in ("http", "https"):
            raise _RefusedError(
                "The webhook's address is none: it begins with https:// and a host."
            )
        if parts.scheme == "http" and not (self._plain_http or _is_loopback(host)):
            raise _RefusedError(
                "The webhook's address is plain http to another machine, where everybody on the "
                "way can read it. Use https, or set notify_webhook_http = true."
            )

    async def _post(self, url: str, telling: Telling) -> Outcome:
        # Half a second of CPU, and most hosts never need it.
        httpx = await asyncio.to_thread(_load)
        content = json.dumps(to_json(telling)).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"foredeck/{version('foredeck')}",
            "Idempotency-Key": telling.id,
        }
        try:
            # A proxy is for other machines.
            proxied = not _is_loopback(urlsplit(url).hostname or "")
            async with _client(httpx, self._time_limit, proxied=proxied) as client:
                for _ in range(_MOST_REDIRECTS + 1):
                    status, answered = await _send(client, url, content, headers)
                    if status not in _REDIRECTS:
                        return _judge(status, answered)
                    url = _followed(url, answered.get("location", ""))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Outcome(f"{_hindrance(error)} ({type(error).__name__}).")
        return Outcome(f"It redirected more than {_MOST_REDIRECTS} times.", final=True)


def _load() -> ModuleType:
    import httpx2

    return httpx2


def _client(httpx: ModuleType, time_limit: float, *, proxied: bool) -> httpx2.AsyncClient:
    try:
        client: httpx2.AsyncClient = httpx.AsyncClient(timeout=time_limit, trust_env=proxied)
    except (ImportError, ValueError) as error:  # SOCKS, or no address at all
        raise _RefusedError(
            "The proxy that the environment names is none that can be used: http:// can."
        ) from error
    return client


def _hindrance(error: BaseException) -> str:
    """Return why nothing came through, without what the error says itself: it has the address."""
    for kind, words in _HINDRANCES:
        if any(isinstance(cause, kind) for cause in _causes(error)):
            return words
    return "There is no connection"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it comes from; of a host with several addresses, of each."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    if cause := error.__cause__ or error.__context__:
        yield from _causes(cause)


async def _send(
    client: httpx2.AsyncClient, url: str, content: bytes, headers: Mapping[str, str]
) -> tuple[int, Mapping[str, str]]:
    """Return the status and the headers of the answer; nobody reads what else it says."""
    async with client.stream(
        "POST", url, content=content, headers=dict(headers), follow_redirects=False
    ) as response:
        return response.status_code, response.headers


def _followed(url: str, location: str) -> str:
    """Return where a redirect leads, if that is at the same place."""
    target = urljoin(url, location)
    if not location or _origin(target) != _origin(url):
        raise _RefusedError("It redirects to another place, to which nothing is sent.")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or standard


def _judge(status: int, headers: Mapping[str, str]) -> Outcome:
    if 200 <= status < 300:
        return Outcome()
    final = status < 500 and status not in _PASSING
    return Outcome(f"It answered {status}.", final, _wait(headers.get("retry-after", "")))


def _wait(text: str) -> float | None:
    """Return how long `Retry-After` wants us to wait: seconds, or a date (RFC 9110)."""
    if not text:
        return None
    if text.strip().isdecimal():
        return min(float(text), LONGEST_WAIT)
    try:
        moment = _in_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError):  # also a year that no calendar has
        return None
    return min(max(0.0, (moment - clock.now()).total_seconds()), LONGEST_WAIT)


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
