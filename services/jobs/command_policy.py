"""What is risky about a command, told before it runs: pure (SPEC J5).

It reads the command as a shell would and does not run it, so it sees what stands there: a seat
belt against mistakes, and no wall against somebody who hides what a command does.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile, pairwise, takewhile

from foredeck.services.domain.command_rules import Match, PolicyAction, Rule
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.jobs.command_calls import (
    DOWNLOADERS,
    GIVES_TEXT,
    RAISING,
    SHELLS,
    Call,
    calls_of,
)
from foredeck.services.jobs.shell_words import Pipeline, Token, plain, read_shell

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class _Finding:
    """`at` is the place in the pipeline of the word that makes the command risky."""

    rule: Rule
    why: str
    at: int


class CommandPolicy:
    """Judges commands by rules that warn where `actions` say nothing else.

    `allowed` are beginnings of commands, word by word: a match within such words is allowed.
    `patterns` are regular expressions that are looked for in the whole text.
    """

    def __init__(
        self,
        actions: Mapping[Rule, PolicyAction],
        allowed: Sequence[str] = (),
        patterns: Sequence[str] = (),
    ) -> None:
        self._actions = dict(actions)
        self._texts = {text.strip() for text in allowed}
        self._allowed = [_words(read[0]) for text in allowed if len(read := read_shell(text)) == 1]
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def judge(self, command: str, words: Sequence[str] = ()) -> tuple[Match, ...]:
        """Return what a command matches, also what is allowed.

        It is `words`, run without a shell, or else the text `command`, which a shell reads.
        """
        text = shlex.join(words) if words else command
        pipelines = (plain(tuple(words)),) if words else read_shell(command)
        found = [*self._by_call(pipelines), *self._by_pattern(text)]
        return tuple(dict.fromkeys(found))

    def _by_call(self, pipelines: tuple[Pipeline, ...]) -> Iterator[Match]:
        # By identity; each is kept here, so that no other can have its identity meanwhile.
        starts: dict[int, tuple[Pipeline, set[int]]] = {}
        for call in calls_of(pipelines):
            _, begun = starts.setdefault(id(call.pipeline), (call.pipeline, {0}))
            begun.add(call.start)
            for finding in _findings(call):
                allowed = self._allows(call.pipeline, begun, finding.at)
                yield self._match(finding.rule, finding.why, allowed=allowed)

    def _allows(self, pipeline: Pipeline, starts: set[int], at: int) -> bool:
        """Whether a beginning that is allowed reaches as far as the risky word."""
        if not self._allowed:
            return False
        return any(
            start <= at < start + len(allowed)
            and _words(pipeline[start : start + len(allowed)]) == allowed
            for start in starts
            for allowed in self._allowed
        )

    def _by_pattern(self, text: str) -> Iterator[Match]:
        for pattern in self._patterns:
            if pattern.search(text):
                why = f"it matches your pattern {_shown(pattern.pattern)}"
                yield self._match(Rule.OWN, why, allowed=text.strip() in self._texts)

    def _match(self, rule: Rule, why: str, *, allowed: bool) -> Match:
        action = self._actions.get(rule, PolicyAction.WARN)
        return Match(rule.value, why, PolicyAction.ALLOW if allowed else action)


def _words(pipeline: Pipeline) -> tuple[tuple[str, str], ...]:
    return tuple((token.kind.name, token.text) for token in pipeline)


def _shown(text: str) -> str:
    return safe_line(text, limit=_SHOWN)


def _findings(call: Call) -> Iterator[_Finding]:
    if call.name in RAISING:
        yield _Finding(Rule.SUDO, f"{call.name} runs it with another user's rights", call.start)
    yield from _root_deletes(call)
    yield from _world_writable(call)
    yield from _etc_writes(call)
    yield from _run_downloads(call)


# Recursive deletes.

_HOME = re.compile(r"~[\w.-]*|\$HOME|\$\{HOME\b[^}]*\}|/(?:home|Users)/[^/]+")
_DELETING = frozenset({"-delete", "rm", "/bin/rm", "/usr/bin/rm"})
_SYSTEM = re.compile(r"/[^/]*|/usr/[^/]+|/var/(?:lib|log)")


def _root_deletes(call: Call) -> Iterator[_Finding]:
    if call.name == "rm" and _has_option(call, "rR", "--recursive"):
        targets = _operands(call)
    elif call.name == "find" and set(call.texts) & _DELETING:
        targets = list(
            takewhile(lambda target: target[1].text[:1] not in {"-", "(", "!"}, _places(call))
        )
    else:
        return
    for at, token in targets:
        if _is_root(token.live):
            why = f"{call.name} deletes {_shown(token.text)} with all that is in it"
            yield _Finding(Rule.ROOT_DELETE, why, at)


def _places(call: Call) -> Iterator[tuple[int, Token]]:
    """Return what a find looks through, and all that comes behind it."""
    pairs = zip(call.places, call.arguments, strict=True)
    return dropwhile(lambda pair: pair[1].text in {"-H", "-L", "-P"}, pairs)


def _is_root(path: str) -> bool:
    inside = _without_everything(path)
    if _HOME.fullmatch(inside):
        return True
    return path.startswith("/") and _SYSTEM.fullmatch(_normal(inside)) is not None


def _without_everything(path: str) -> str:
    """Return what holds all that a path like `/x/*` or `/x/.` names: `/x`."""
    parts = path.split("/")
    while len(parts) > 1 and (parts[-1] in {"", ".", ".*"} or set(parts[-1]) == {"*"}):
        parts.pop()
    return "/".join(parts)


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(f"/{path}").lstrip("/")


# Modes.

_OCTAL = re.compile(r"[0-7]{1,5}")
_CLAUSE = re.compile(r"([-+=])([rwxXst]*)")
_WITH_MODE = frozenset({"mkdir", "install", "mkfifo"})


def _world_writable(call: Call) -> Iterator[_Finding]:
    modes = _operands(call)[:1] if call.name == "chmod" else []
    if call.name in _WITH_MODE:
        modes = _values(call, "m", "--mode")
    for at, token in modes:
        if _lets_others_write(token.text):
            why = f"{call.name} {_shown(token.text)} lets everybody write"
            yield _Finding(Rule.WORLD_WRITABLE, why, at)


def _lets_others_write(mode: str) -> bool:
    if _OCTAL.fullmatch(mode):
        return bool(int(mode, 8) & 0o002)
    lets = False
    for clause in mode.split(","):
        who = clause[: len(clause) - len(clause.lstrip("ugoa"))]
        for sign, rights in _CLAUSE.findall(clause) if set(who) & set("oa") else ():
            if "w" in rights:
                lets = sign != "-"
            elif sign == "=":
                lets = False
    return lets


# What writes to /etc.

_CHANGING = frozenset(
    [
        "rm",
        "rmdir",
        "unlink",
        "touch",
        "mkdir",
        "truncate",
        "chmod",
        "chown",
        "chgrp",
        "chattr",
        "shred",
        "tee",
        "mv",
    ]
)
_COPYING = frozenset({"cp", "ln", "install", "rsync", "scp"})
_VALUED = {"touch": "rdt", "truncate": "rs", "mkdir": "m", "install": "mogt", "cp": "t", "ln": "t"}
_IN_PLACE = {
    "sed": re.compile(r"-[nErsuz]*i.*|--in-place.*"),
    "perl": re.compile(r"-[plan0we]*i.*"),
}
_SAVING = {"curl": ("o", "--output"), "wget": ("OP", "--output-document")}


def _etc_writes(call: Call) -> Iterator[_Finding]:
    for at, token in _written(call):
        if _is_in_etc(token.live):
            name = call.name or "the shell"
            yield _Finding(Rule.ETC_WRITE, f"{name} writes to {_shown(token.text)}", at)


def _written(call: Call) -> Iterator[tuple[int, Token]]:
    for at, operator, token in call.redirects:
        if ">" in operator and call.name != "[[":  # there it compares
            yield at, token
    if call.name in _CHANGING or _changes_in_place(call):
        yield from _operands(call)
    elif call.name in _COPYING:
        operands = _operands(call)
        yield from operands[-1:] if len(operands) > 1 or call.name == "install" else []
        if call.name != "rsync":
            yield from _values(call, "t", "--target-directory")
    elif call.name in _SAVING:
        yield from _values(call, *_SAVING[call.name])
    elif call.name == "dd":
        for at, token in zip(call.places, call.arguments, strict=True):
            if token.text.startswith("of="):
                yield at, Token(token.text[3:], token.live[3:])


def _changes_in_place(call: Call) -> bool:
    option = _IN_PLACE.get(call.name)
    return option is not None and any(option.fullmatch(text) for text in call.texts)


def _is_in_etc(path: str) -> bool:
    if not path.startswith("/"):
        return False
    normal = _normal(path).removeprefix("/private")
    return normal == "/etc" or normal.startswith("/etc/")


# Downloads that are run.

_READING = re.compile(r"(?:python|perl|ruby|node|php)[\d.]*")
_SOURCING = frozenset({"eval", "source", "."})


def _run_downloads(call: Call) -> Iterator[_Finding]:
    download = call.download if _runs_its_input(call) else ""
    if not download and _runs_its_arguments(call):
        scripts = [script for token in call.arguments for script in token.scripts]
        scripts += [script for script in call.pipeline[call.start].scripts if not call.arguments]
        download = next((name for text in scripts if (name := _download_in(text))), "")
    if download:
        name = call.name if call.name != "$()" else "the shell"
        why = f"{_shown(name)} runs what {download} downloads"
        yield _Finding(Rule.PIPED_DOWNLOAD, why, call.start)


def _runs_its_input(call: Call) -> bool:
    if call.name in SHELLS:
        return not any(GIVES_TEXT.fullmatch(text) for text in call.texts)
    if call.name in _SOURCING:
        return "/dev/stdin" in call.texts
    return _READING.fullmatch(call.name) is not None and (
        not call.texts or call.texts[0] in {"-", "/dev/stdin"}
    )


def _runs_its_arguments(call: Call) -> bool:
    is_interpreter = call.name in SHELLS or _READING.fullmatch(call.name) is not None
    return is_interpreter or call.name in _SOURCING or call.name == "$()"


def _download_in(script: str) -> str:
    names = (call.name for call in calls_of(read_shell(script)))
    return next((name for name in names if name in DOWNLOADERS), "")


# Options and operands.


def _has_option(call: Call, letters: str, long: str) -> bool:
    for text in call.texts:
        if text == "--":
            return False
        if text.startswith("--"):
            if len(text) > 3 and long.startswith(text):
                return True
        elif text.startswith("-") and set(text) & set(letters):
            return True
    return False


def _operands(call: Call) -> list[tuple[int, Token]]:
    """Return the arguments that are no options, with their places."""
    valued = _VALUED.get(call.name, "")
    found: list[tuple[int, Token]] = []
    only_operands = is_value = False
    for at, token in zip(call.places, call.arguments, strict=True):
        text = token.text
        if is_value:
            is_value = False
        elif only_operands or not text.startswith("-") or text == "-":
            found.append((at, token))
        elif text == "--":
            only_operands = True
        else:
            is_value = not text.startswith("--") and text[-1] in valued
    return found


def _values(call: Call, letters: str, long: str) -> list[tuple[int, Token]]:
    """Return what stands behind an option, or in the same word with it."""
    pairs = list(zip(call.places, call.arguments, strict=True))
    found = [
        value
        for (_, option), value in pairwise(pairs)
        if option.text == long or re.fullmatch(rf"-[A-Za-z]*[{letters}]", option.text)
    ]
    for at, token in pairs:
        if joined := re.match(rf"(?:{long}=|-[{letters}](?=[^-]))", token.text):
            cut = joined.end()
            found.append((at, Token(token.text[cut:], token.live[cut:])))
    return found
