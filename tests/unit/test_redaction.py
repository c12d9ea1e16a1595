"""Secrets do not get through, however the text that holds them is cut into pieces."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.redaction import Redactor

SECRETS = (
    "Sup3r/S3cret+V4lue=",
    'quote"back\\slash-9',
    "pass wörd with spaces 1",
    "abcdabcdabcd7",
    "aaaabaaaabaaaab1c2d3",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7v0\nxyzKCAQEA7v0zzzzzzzzz\n-----END--",
)
REDACTOR = Redactor(SECRETS)
TOKENS = (
    b"sk-proj-" + b"Ab1_" * 12,
    b"ghp_" + b"a1B2" * 9,
    b"github_pat_" + b"a1B2_" * 9,
    b"AKIAABCDEFGHIJKLMNOP",
    b"xoxb-123456789012-abcdef",
    b"glpat-" + b"Zy9-" * 6,
)


def base64_within(raw: bytes, before: int) -> bytes:
    return base64.b64encode(b"q" * before + raw + b"zz")


FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda value: value.encode(),
    "json": lambda value: json.dumps(value)[1:-1].encode(),
    "json unicode": lambda value: json.dumps(value, ensure_ascii=False)[1:-1].encode(),
    "json slash": lambda value: json.dumps(value)[1:-1].replace("/", "\\/").encode(),
    "url": lambda value: quote(value, safe="").encode(),
    "form": lambda value: quote_plus(value).encode(),
    "base64": lambda value: base64.b64encode(value.encode()),
    "base64 url": lambda value: base64.urlsafe_b64encode(value.encode()),
    "base64 + 1": lambda value: base64_within(value.encode(), 1),
    "base64 + 2": lambda value: base64_within(value.encode(), 2),
}
texts = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"sk-", b"task-", b"Bearer ", b"://", b"-----BEGIN ", b"AKIA", b"abcd", b"\n"]
    ),
    st.sampled_from(TOKENS),
    st.sampled_from([form(value) for form in FORMS.values() for value in SECRETS]),
)
cuts = st.lists(st.integers(1, 40), min_size=1)


def in_pieces(redactor: Redactor, data: bytes, sizes: list[int]) -> bytes:
    stream, out, at = redactor.stream(), b"", 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        out += stream.feed(data[at : at + size])
        at += size
    return out + stream.finish()


@given(st.lists(texts, max_size=12), cuts)
def test_pieces_give_what_the_whole_gives(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts)
    assert in_pieces(REDACTOR, data, sizes) == REDACTOR.data(data)


@given(st.sampled_from(SECRETS), st.sampled_from(sorted(FORMS)), st.binary(), st.binary(), cuts)
def test_no_form_of_a_known_value_gets_through(
    value: str, form: str, before: bytes, after: bytes, sizes: list[int]
) -> None:
    written = FORMS[form](value)
    out = in_pieces(REDACTOR, before + written + after, sizes)
    assert b"[redacted]" in out
    if written not in before + after:
        assert value.encode() not in out
        # Of base64 only what the neighbours share is left: less than one group at each end.
        assert written[4:-4] not in out


@given(st.sampled_from(TOKENS), st.sampled_from([b" ", b"\n", b'"', b"=", b"("]), cuts)
def test_tokens_are_known_by_their_shape(token: bytes, edge: bytes, sizes: list[int]) -> None:
    out = in_pieces(Redactor(), b"x" + edge + token + b"\nafter", sizes)
    assert out == b"x" + edge + b"[redacted]\nafter"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a: Bearer abcDEF0123456789.abc-DEF end", "a: Bearer [redacted] end"),
        ("bearer token: a bearer of news", "bearer token: a bearer of news"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
        ("postgres://bob:hunt@er2@db/x", "postgres://bob:[redacted]@db/x"),
        ("see http://localhost:8080/a@b", "see http://localhost:8080/a@b"),
        ("aws_secret_access_key = " + "aB3/" * 10, "aws_secret_access_key = [redacted]"),
        ("task-abcdefghijklmnopqrstuvwxyz0", "task-abcdefghijklmnopqrstuvwxyz0"),
        ("sk-short", "sk-short"),
        ("no -----BEGIN PRIVATE KEY----- in files", "no -----BEGIN PRIVATE KEY----- in files"),
    ],
)
def test_shapes(text: str, clean: str) -> None:
    assert Redactor().text(text) == clean


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\\n"])
@pytest.mark.parametrize("header", ["", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0AB1\n\n"])
def test_a_private_key(line_end: str, header: str) -> None:
    body = "MIIEpAIBAAKCAQEA7v0+xyz/abcdefgh0123456789ABCDEF\n" * 30
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{header}{body}-----END RSA PRIVATE KEY-----\nafter"
    data = key.replace("\n", line_end).encode()
    out = in_pieces(Redactor(), data, [7])
    assert b"MIIE" not in out
    assert b"CAQEA" not in out
    assert out.endswith(b"after")


def test_short_and_common_values_are_left_alone() -> None:
    redactor = Redactor(
        ["", "short7", "password", "production", "12345678", "aaaaaaaaaaaa", "true"]
    )
    text = "a password in production: short7 12345678 aaaaaaaaaaaa true"
    assert redactor.text(text) == text


def test_a_stream_learns_meanwhile() -> None:
    redactor = Redactor()
    stream = redactor.stream()
    assert stream.feed(b"before ") == b"before "
    redactor.learn(["l4te-secret-value"])
    assert stream.feed(b"l4te-secret-value.") + stream.finish() == b"[redacted]."


def test_only_what_may_become_a_secret_waits() -> None:
    stream = REDACTOR.stream()
    assert stream.feed(b"42 tests passed") == b"42 tests passed"
    assert stream.feed(b" Sup3r/S3") == b" "
    assert stream.feed(b"nsation\n") == b"Sup3r/S3nsation\n"


def test_json_stays_json() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7v0xyz" * 9
    text = json.dumps({"a": [SECRETS[0], 1, None], "b": key, SECRETS[1]: "c"})
    found = json.loads(REDACTOR.json_text(text))
    assert found["a"] == ["[redacted]", 1, None]
    assert found["b"] == "-----BEGIN PRIVATE KEY-----\n[redacted]"
    assert found["[redacted]"] == "c"
    untouched = '{ "a" : 1 }'
    assert REDACTOR.json_text(untouched) is untouched
    assert REDACTOR.json_text(f"no json: {SECRETS[0]}") == "no json: [redacted]"


def test_every_line_of_a_secret_with_lines_counts() -> None:
    assert REDACTOR.text("a xyzKCAQEA7v0zzzzzzzzz b") == "a [redacted] b"


def test_a_lone_surrogate_survives() -> None:
    assert REDACTOR.text(f"\udce9 {SECRETS[0]}") == "\udce9 [redacted]"


@pytest.mark.parametrize(
    "line",
    [
        b"x" * 6_000_000,
        b"sk-" * 1_000_000,
        b"Bearer " * 400_000,
        b"://a:b" * 500_000,
        b"-----BEGIN " * 300_000,
        b"abcdabcdabcd" * 200_000,
        base64.b64encode(bytes(range(256)) * 9_000),
    ],
    ids=["plain", "sk", "bearer", "address", "key", "own period", "base64"],
)
def test_the_time_grows_with_the_size_only(line: bytes) -> None:
    def seconds(data: bytes) -> float:
        begin = time.process_time()
        REDACTOR.data(data)
        return time.process_time() - begin

    small = min(seconds(line[: len(line) // 8]) for _ in range(3))
    # A quadratic search would take 64 times as long.
    assert seconds(line) < 24 * max(small, 0.005)
