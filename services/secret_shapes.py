"""What secrets look like: the forms a known value is written in, and tokens by their shape."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, quote_plus

# A known value is looked for by so many bytes of its beginning; none is shorter.
HEAD_SIZE = 8
# Longer values are looked for by this much of them, in characters.
_LONGEST = 4096
# A line of a value with several is secret by itself from this length on.
_SECRET_LINE = 16
_FEWEST_DIFFERENT = 4
_WORD = re.compile(r"[a-z]{1,11}|[A-Z]{1,11}|[A-Z]?[a-z]{1,10}|[0-9]{1,9}")
_COMMON = frozenset(
    {
        "password", "passw0rd", "password1", "changeme", "change-me", "localhost", "undefined",
        "disabled", "required", "1234567890", "qwertyuiop", "development", "production",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret from `start` to `end`; `undecided` if more data may still make it one.

    `open` is the shape of a token that reached the end of the data and may go on.
    """

    start: int
    end: int
    undecided: bool = False
    open: Shape | None = None


class Shape(Protocol):
    """A kind of token that is secret whatever its value."""

    heads: tuple[bytes, ...]

    def look(self, data: bytes, at: int, head: bytes, *, final: bool) -> Finding | None:
        """Return what begins with the head at `at`; `final` says that no more will come."""
        ...

    def run_end(self, data: bytes, at: int) -> int:
        """Return where the token that goes on at `at` ends."""
        ...


class Known:
    """One form of a value that is known to be secret."""

    def __init__(self, form: bytes) -> None:
        self._form = form

    def look(self, data: bytes, at: int, _head: bytes, *, final: bool) -> Finding | None:
        """Return the value, or that it may be one."""
        if data.startswith(self._form, at):
            return Finding(at, at + len(self._form))
        cut = len(data) - at < len(self._form) and self._form.startswith(data[at:])
        return Finding(at, len(data), undecided=True) if cut and not final else None


class Token:
    """A fixed head, perhaps something between, and a run of at least `least` characters.

    The head itself stays readable where `keeps_head`. `edge` are the characters that must
    not stand before the head; `wait` is how many bytes `between` needs to see.
    """

    def __init__(
        self,
        heads: tuple[bytes, ...],
        characters: bytes,
        least: int,
        *,
        between: bytes = b"",
        edge: bytes = rb"A-Za-z0-9_\-",
        keeps_head: bool = False,
        wait: int = 0,
    ) -> None:
        self.heads = heads
        self._least = least
        self._wait = wait
        self._keeps_head = keeps_head
        self._between = re.compile(between)
        self._run = re.compile(b"[" + characters + b"]*")
        self._edge = re.compile(b"(?<![" + edge + b"])" if edge else b"")

    def look(self, data: bytes, at: int, head: bytes, *, final: bool) -> Finding | None:
        """Return the token, or that it may be one."""
        if not self._edge.match(data, at):
            return None
        if not final and len(data) - at < self._wait:
            return Finding(at, len(data), undecided=True)
        between = self._between.match(data, at + len(head))
        if between is None:
            return None
        begin = between.end()
        end = self.run_end(data, begin)
        goes_on = end == len(data) and not final
        if end - begin < self._least:
            return Finding(at, end, undecided=True) if goes_on else None
        return Finding(begin if self._keeps_head else at, end, open=self if goes_on else None)

    def run_end(self, data: bytes, at: int) -> int:
        """Return where the run ends."""
        found = self._run.match(data, at)
        return found.end() if found else at


class AddressPassword:
    """The password in `scheme://user:password@host`."""

    heads: tuple[bytes, ...] = (b"://",)
    _LONGEST = 320
    _run = re.compile(rb"[^\s/\"'<>\\]{0,%d}" % _LONGEST)

    def look(self, data: bytes, at: int, head: bytes, *, final: bool) -> Finding | None:
        """Return the password, or that there may be one."""
        begin = at + len(head)
        found = self._run.match(data, begin)
        end = found.end() if found else begin
        if end == len(data) and end - begin < self._LONGEST and not final:
            return Finding(at, end, undecided=True)
        colon, sign = data.find(b":", begin, end), data.rfind(b"@", begin, end)
        return Finding(colon + 1, sign) if 0 <= colon < sign - 1 else None

    def run_end(self, data: bytes, at: int) -> int:
        """Return `at`: a password never goes on."""
        return at


_KEY_BREAK = rb"(?:\\[rn]|\s){0,8}"
_KEY_HEADER = rb"(?:(?:Proc-Type|DEK-Info|Version|Comment): [\w,. ()-]{0,80}" + _KEY_BREAK + rb")"
_ASSIGNED = rb"[\"']?\s{0,2}[=:]\s{0,2}[\"']?"

SHAPES: tuple[Shape, ...] = (
    Token((b"sk-",), rb"A-Za-z0-9_\-", 20),
    Token((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"A-Za-z0-9", 30),
    Token((b"github_pat_",), rb"A-Za-z0-9_", 22),
    Token((b"glpat-",), rb"A-Za-z0-9_\-", 20),
    Token((b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-", b"xoxs-"), rb"A-Za-z0-9\-", 10),
    Token((b"AIza",), rb"A-Za-z0-9_\-", 35),
    Token((b"AKIA", b"ASIA"), rb"A-Z0-9", 16, edge=rb"A-Za-z0-9_\-+/"),
    Token(
        (b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY"),
        rb"A-Za-z0-9/+=",
        30,
        between=_ASSIGNED,
        edge=b"",
        keeps_head=True,
        wait=60,
    ),
    Token(
        (b"Bearer ", b"bearer ", b"BEARER "),
        rb"A-Za-z0-9._~+/=\-",
        20,
        between=rb" {0,2}",
        keeps_head=True,
        wait=10,
    ),
    Token(
        (b"uthorization: Basic ", b"uthorization: basic "),
        rb"A-Za-z0-9+/=",
        8,
        edge=b"",
        keeps_head=True,
    ),
    Token(
        (b"-----BEGIN ",),
        rb"A-Za-z0-9+/=\s\\",
        24,
        between=rb"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        + _KEY_BREAK
        + _KEY_HEADER
        + rb"{0,2}(?=[A-Za-z0-9+/=]{24})",
        edge=b"",
        keeps_head=True,
        wait=360,
    ),
    AddressPassword(),
)


def forms_of(value: str) -> Iterator[bytes]:
    """Yield how a secret value is written: plain, in JSON, in an address, in base64.

    Nothing comes for a value that is too short, or so common that its redaction would hide
    more than it protects.
    """
    value = value.strip()[:_LONGEST]
    for text in (value, *_lines(value)):
        if not is_trivial(text):
            forms = (*_texts(text), *_base64(text.encode("utf-8", "replace")))
            yield from (form for form in forms if len(form) >= HEAD_SIZE)


def is_trivial(value: str) -> bool:
    """Whether a value is too short or too common to be looked for."""
    if len(value.encode("utf-8", "replace")) < HEAD_SIZE or value.lower() in _COMMON:
        return True
    return len(set(value)) < _FEWEST_DIFFERENT or _WORD.fullmatch(value) is not None


def _lines(value: str) -> list[str]:
    """Return the lines that are secret by themselves; the marks around a key are not."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) < 2:
        return []
    return [line for line in lines if len(line) >= _SECRET_LINE and not line.startswith("-----")]


def _texts(value: str) -> Iterator[bytes]:
    in_json = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    quoted = quote(value, safe=""), quote(value), quote_plus(value)
    lower = (re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), text) for text in quoted)
    for text in {value, *in_json, in_json[0].replace("/", r"\/"), *quoted, *lower}:
        yield text.encode("utf-8", "replace")


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield what is sure to stand in the base64 of any text that holds these bytes.

    A byte's place among three decides about its letters; those that its neighbours share
    are left out.
    """
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        shared = (0, 2, 3)[before]
        whole = (before + len(raw)) * 8 // 6
        yield coded[shared:whole]
        yield coded[shared:whole].replace(b"+", b"-").replace(b"/", b"_")
