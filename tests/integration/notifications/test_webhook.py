"""The webhook against a real server: what arrives, what is final, and where nothing goes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from socket import gaierror, socket
from ssl import SSLCertVerificationError
from typing import Any

import pytest

from foredeck.services.domain import clock
from foredeck.services.notifications.webhook import Webhook
from foredeck.services.notifications.wording import Telling
from foredeck.services.redaction import Redactor
from tests.support.web_server import Answer, Posted, WebServer

TELLING = Telling(
    id="0123456789ab",
    cause="failure",
    run_id="r1",
    project="demo",
    title="Baue ein Ding ✓",
    text="demo: failed: no compiler",
    state="failed",
    task="nightly",
    at=datetime(2026, 11, 29, 2, 30, tzinfo=UTC),
)


def to(url: str | None, **options: Any) -> Webhook:
    options.setdefault("redactor", Redactor())
    return Webhook("env:HOOK", resolve=lambda _reference: url, **options)


async def test_it_posts_one_flat_object_with_the_notifications_id() -> None:
    with WebServer() as server:
        outcome = await to(f"{server.url}/hook?key=secret")(TELLING)
    assert outcome.error == ""
    (posted,) = server.posted
    assert posted.path == "/hook?key=secret"
    assert posted.body == {
        "id": "0123456789ab",
        "event": "failure",
        "run_id": "r1",
        "project": "demo",
        "title": "Baue ein Ding ✓",
        "text": "demo: failed: no compiler",
        "state": "failed",
        "task": "nightly",
        "at": "2026-11-29T02:30:00+00:00",
    }
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.headers["Idempotency-Key"] == "0123456789ab"
    assert posted.headers["User-Agent"].startswith("foredeck/")


@pytest.mark.parametrize(
    ("status", "final"),
    [(400, True), (404, True), (410, True), (408, False), (429, False), (500, False), (503, False)],
)
async def test_what_the_client_did_wrong_is_final(status: int, final: bool) -> None:
    with WebServer(lambda _: Answer(status)) as server:
        outcome = await to(server.url)(TELLING)
    assert outcome.error == f"It answered {status}."
    assert outcome.final is final
    assert outcome.wait is None


FAR = "Mon, 01 Jan 99999999999 00:00:00 GMT"


@pytest.mark.parametrize("asked", ["7", "date", "soon", "-1", FAR])
async def test_retry_after_is_honoured(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now().replace(microsecond=0)
    monkeypatch.setattr(clock, "now", lambda: now)
    text = format_datetime(now + timedelta(seconds=7), usegmt=True) if asked == "date" else asked
    with WebServer(lambda _: Answer(503, {"Retry-After": text})) as server:
        outcome = await to(server.url)(TELLING)
    assert outcome.wait == (7 if asked in ("7", "date") else None)
    assert not outcome.final


async def test_retry_after_is_bounded() -> None:
    with WebServer(lambda _: Answer(429, {"Retry-After": "99999999999"})) as server:
        assert (await to(server.url)(TELLING)).wait == 86_400


async def test_a_server_that_hangs_is_left() -> None:
    with WebServer(lambda _: Answer(hangs=True)) as server:
        outcome = await to(server.url, time_limit=0.3)(TELLING)
    assert outcome.error == "There was no answer within 0.3 seconds."
    assert not outcome.final


async def test_nobody_there_is_tried_again() -> None:
    with socket() as held:  # bound, so that nobody else listens there meanwhile
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        outcome = await to(url)(TELLING)
    assert outcome.error == "Nobody listens there (ConnectError)."
    assert not outcome.final
    assert url not in outcome.error


@pytest.mark.parametrize(
    ("hindrance", "said"),
    [
        (gaierror(-2, "hook.example is not known"), "The name of its host cannot be found"),
        (SSLCertVerificationError(1, "not for hook.example"), "Its TLS certificate is not trusted"),
        (OSError(101, "Network is unreachable"), "There is no connection"),
    ],
)
async def test_what_keeps_it_from_arriving_is_said_and_tried_again(
    hindrance: OSError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_args: object, **_options: object) -> None:
        raise hindrance

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fails)
    monkeypatch.setenv("NO_PROXY", "*")
    outcome = await to("https://hook.example/key")(TELLING)
    assert outcome.error == f"{said} (ConnectError)."
    assert not outcome.final


async def test_a_server_without_tls_is_said() -> None:
    def plainly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await to(f"https://127.0.0.1:{port}/key")(TELLING)
    assert outcome.error == "It does not speak TLS as it should (ConnectError)."
    assert not outcome.final


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "nonsense://127.0.0.1"])
async def test_a_proxy_that_cannot_be_used_is_said(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    outcome = await to("https://hook.example/key")(TELLING)
    assert outcome.error.startswith("The proxy that the environment names")
    assert outcome.final


async def test_a_redirect_at_the_same_place_is_followed() -> None:
    def moved(posted: Posted) -> Answer:
        return Answer() if posted.path == "/new" else Answer(308, {"Location": "/new"})

    with WebServer(moved) as server:
        outcome = await to(f"{server.url}/old")(TELLING)
    assert outcome.error == ""
    assert [posted.path for posted in server.posted] == ["/old", "/new"]
    assert server.posted[1].body["id"] == TELLING.id


async def test_nothing_is_sent_to_another_place() -> None:
    with (
        WebServer() as other,
        WebServer(lambda _: Answer(307, {"Location": f"{other.url}/x"})) as server,
    ):
        outcome = await to(server.url)(TELLING)
    assert outcome.final
    assert outcome.error == "It redirects to another place, to which nothing is sent."
    assert not other.posted


async def test_redirects_end() -> None:
    with WebServer(lambda _: Answer(302, {"Location": "/again"})) as server:
        outcome = await to(server.url)(TELLING)
    assert outcome.final
    assert len(server.posted) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "http://10.0.0.1/",
        "ftp://localhost/",
        "https://local host/",
        "https://localhost/\x1b[2J",
        "localhost:80",
        "",
        None,
    ],
)
async def test_an_address_that_is_none_or_not_safe_is_refused(url: str | None) -> None:
    outcome = await to(url)(TELLING)
    assert outcome.final
    assert "webhook" in outcome.error
    assert not url or url not in outcome.error


async def test_plain_http_to_another_machine_can_be_allowed() -> None:
    # Nobody is at that address (RFC 5737), so it is not refused but not reached.
    outcome = await to("http://192.0.2.1:9/", plain_http=True, time_limit=0.2)(TELLING)
    assert not outcome.final


async def test_the_address_is_a_secret_from_then_on() -> None:
    redactor = Redactor()
    with WebServer() as server:
        await to(f"{server.url}/T0/B0/verysecret", redactor=redactor)(TELLING)
        assert "verysecret" not in redactor.text(f"I post to {server.url}/T0/B0/verysecret now")


async def test_proxies_are_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with WebServer() as server:
        assert (await to(server.url)(TELLING)).error == ""
