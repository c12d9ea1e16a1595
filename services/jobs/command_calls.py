"""Which programs a command runs, through the wrappers and shells that it runs them with: pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath

from foredeck.services.jobs.shell_words import Kind, Pipeline, Token, read_shell

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "mksh"})
DOWNLOADERS = frozenset({"curl", "wget", "fetch", "aria2c", "http", "https", "lynx"})
GIVES_TEXT = re.compile(r"-[A-Zabd-z]*+c[A-Za-z]*+")
"""The option of a shell behind which its text stands: `-c`, also among other letters (`-lc`)."""
# Deeper than any command that somebody means: texts within texts, wrappers around wrappers.
_DEEPEST = 12

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_RESERVED = frozenset(
    [
        "!",
        "{",
        "}",
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "while",
        "until",
        "for",
        "do",
        "done",
        "time",
        "coproc",
    ]
)


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """A program that runs another one; `valued` are its options that take a word of their own."""

    valued: str = ""
    words: int = 0  # that stand before the program
    long: frozenset[str] = frozenset()


_SUDO_LONG = "--user --group --host --prompt --chdir --chroot --role --type --close-from"
_WRAPPERS = {
    "sudo": _Wrapper("ughpCDRTrtU", long=frozenset(_SUDO_LONG.split())),
    "doas": _Wrapper("uC"),
    "pkexec": _Wrapper(long=frozenset({"--user"})),
    "run0": _Wrapper("ugD", long=frozenset({"--user", "--unit", "--property", "--chdir"})),
    "env": _Wrapper("uCP", long=frozenset({"--unset", "--chdir"})),
    "nohup": _Wrapper(),
    "setsid": _Wrapper(),
    "nice": _Wrapper("n", long=frozenset({"--adjustment"})),
    "ionice": _Wrapper("cn", long=frozenset({"--class", "--classdata"})),
    "time": _Wrapper("fo", long=frozenset({"--format", "--output"})),
    "timeout": _Wrapper("ks", 1, frozenset({"--kill-after", "--signal"})),
    "stdbuf": _Wrapper("ioe", long=frozenset({"--input", "--output", "--error"})),
    "xargs": _Wrapper("nIPLdaEs", long=frozenset({"--max-args", "--max-procs", "--delimiter"})),
    "chroot": _Wrapper("", 1),
    "flock": _Wrapper("wE", 1, frozenset({"--timeout", "--wait"})),
    "exec": _Wrapper("a"),
    "command": _Wrapper(),
    "builtin": _Wrapper(),
    "busybox": _Wrapper(),
}
_WATCH = _Wrapper("n", long=frozenset({"--interval"}))
RAISING = frozenset({"sudo", "doas", "pkexec", "run0", "su"})
"""What runs a program with another user's rights."""


@dataclass(frozen=True, slots=True)
class Call:
    """A program with its arguments, at `start` among the tokens of its pipeline.

    `places` tells where each argument stands there. `download` names the program before it in
    its pipeline that fetches something. `stdin` is text that it is handed.
    """

    name: str
    arguments: tuple[Token, ...]
    places: tuple[int, ...]
    redirects: tuple[tuple[int, str, Token], ...]
    stdin: str
    pipeline: Pipeline
    start: int
    download: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """Its arguments as it gets them."""
        return tuple(token.text for token in self.arguments)


def calls_of(pipelines: tuple[Pipeline, ...], depth: int = 0) -> Iterator[Call]:
    """Yield every program that is run, outer ones first."""
    download = ""
    for pipeline in pipelines:
        # A pipeline that begins with its pipe reads what the group before it has printed.
        source = download if pipeline[0].kind is Kind.PIPE else ""
        for start, end in _parts(pipeline):
            for call in _of_part(pipeline, start, end, depth, source):
                yield call
                source = source or (call.name if call.name in DOWNLOADERS else "")
        download = download or source


def _parts(pipeline: Pipeline) -> Iterator[tuple[int, int]]:
    """Yield from where to where the commands of a pipeline go."""
    pipes = [at for at, token in enumerate(pipeline) if token.kind is Kind.PIPE]
    yield from ((a + 1, b) for a, b in pairwise([-1, *pipes, len(pipeline)]) if b > a + 1)


def _of_part(pipeline: Pipeline, start: int, end: int, depth: int, download: str) -> Iterator[Call]:
    call = _simple_call(pipeline, start, end)
    if call is not None:
        yield from _with_inner(replace(call, download=download), depth)
    for token in pipeline[start:end]:
        for script in token.scripts:
            yield from _inner(script, depth)


def _with_inner(call: Call, depth: int) -> Iterator[Call]:
    inner: Call | None = call
    for _ in range(_DEEPEST):
        if inner is None:
            return
        yield inner
        for script in _scripts(inner):
            yield from _inner(script, depth)
        if inner.name == "find" and depth < _DEEPEST:
            for executed in _executed(inner):
                yield from _with_inner(executed, depth + 1)
        inner = _unwrapped(inner)


def _inner(script: str, depth: int) -> Iterator[Call]:
    if depth < _DEEPEST:
        yield from calls_of(read_shell(script), depth + 1)


def _simple_call(pipeline: Pipeline, start: int, end: int) -> Call | None:
    places: list[int] = []
    redirects: list[tuple[int, str, Token]] = []
    stdin = ""
    for at in range(start, end):
        token = pipeline[at]
        if token.kind is Kind.STDIN:
            stdin += token.text
        elif token.kind is Kind.WORD and at > start and pipeline[at - 1].kind is Kind.REDIRECT:
            redirects.append((at, pipeline[at - 1].text, token))
        elif token.kind is Kind.WORD:
            places.append(at)
    while places and _is_before_a_program(pipeline[places[0]]):
        places.pop(0)
    if places:
        call = _call(pipeline, tuple(places))
        return replace(call, redirects=tuple(redirects), stdin=stdin)
    return Call("", (), (), tuple(redirects), "", pipeline, start) if redirects else None


def _is_before_a_program(token: Token) -> bool:
    return token.text in _RESERVED or _ASSIGNMENT.match(token.text) is not None


def _call(pipeline: Pipeline, places: tuple[int, ...]) -> Call:
    words = tuple(pipeline[at] for at in places)
    name = PurePosixPath(words[0].text).name
    return Call(name, words[1:], places[1:], (), "", pipeline, places[0])


def _unwrapped(call: Call) -> Call | None:
    """Return what a wrapper runs, None where there is nothing or it is no wrapper."""
    wrapper = _WRAPPERS.get(call.name)
    if wrapper is None or any(_scripts(call)):
        return None
    at = _after_options(call.texts, wrapper)
    while at < len(call.texts) and _ASSIGNMENT.match(call.texts[at]):
        at += 1
    places = call.places[at + wrapper.words :]
    if not places:
        return None
    inner = _call(call.pipeline, places)
    inner = replace(inner, stdin=call.stdin, download=call.download)
    return _with_echoed(inner) if call.name == "xargs" else inner


def _after_options(words: tuple[str, ...], wrapper: _Wrapper) -> int:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        at += 1
        if word == "--":
            break
        if word in wrapper.long or (not word.startswith("--") and word[-1] in wrapper.valued):
            at += 1
    return at


def _with_echoed(call: Call) -> Call:
    """Give what xargs runs the words that an echo before it prints."""
    words = [at for at, token in enumerate(call.pipeline) if token.kind is Kind.WORD]
    if call.pipeline[words[0]].text not in {"echo", "printf"}:
        return call
    pipe = next(at for at, token in enumerate(call.pipeline) if token.kind is Kind.PIPE)
    told = tuple(call.pipeline[at] for at in words[1:] if at < pipe)
    places = (*call.places, *(call.start for _ in told))
    return replace(call, arguments=call.arguments + told, places=places)


def _executed(call: Call) -> Iterator[Call]:
    """Yield what a find runs on what it finds."""
    at, texts = 0, call.texts
    while at < len(texts):
        start, at = at + 1, at + 1
        if texts[start - 1] in {"-exec", "-execdir", "-ok", "-okdir"}:
            while at < len(texts) and texts[at] not in {";", "+"}:
                at += 1
            if start < at:
                yield _call(call.pipeline, call.places[start:at])


def _scripts(call: Call) -> Iterator[str]:
    """Yield the texts that it reads as a shell does."""
    texts = call.texts
    if call.name in SHELLS:
        yield from _told_to(texts)
        if call.stdin:
            yield call.stdin
    elif call.name in {"su", "script"}:
        yield from _told_to(texts)
    elif call.name == "flock":
        yield from _told_to(texts[1:3])
    elif call.name == "trap":
        yield from texts[:1]
    elif call.name == "eval":
        yield " ".join(texts)
    elif call.name == "watch":
        yield " ".join(texts[_after_options(texts, _WATCH) :])
    elif call.name == "env":
        yield from _split_by_env(texts)


def _told_to(texts: tuple[str, ...]) -> Iterator[str]:
    """Yield the text that is handed to a shell."""
    for option, text in pairwise(texts):
        if option == "--command" or GIVES_TEXT.fullmatch(option):
            yield text
            return


def _split_by_env(texts: tuple[str, ...]) -> Iterator[str]:
    for at, text in enumerate(texts):
        if text in {"-S", "--split-string"}:
            yield " ".join(texts[at + 1 :])
            return
        if text.startswith("--split-string="):
            yield text.partition("=")[2]
