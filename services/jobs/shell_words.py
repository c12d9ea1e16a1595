"""Reads a command as a shell does, as far as that tells which programs it runs: pure.

It expands nothing and follows no variables; what it cannot make out it takes as it stands.
Every text is read to its end, however broken it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto


class Kind(Enum):
    """What a token is; `STDIN` is text that a here-document or here-string hands in."""

    WORD = auto()
    PIPE = auto()
    REDIRECT = auto()
    STDIN = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A word without its quotes, an operator, or handed-in text.

    In `live` the characters that quotes have taken the power from are `_`. `scripts` are the
    commands whose output is put in.
    """

    text: str
    live: str
    kind: Kind = Kind.WORD
    scripts: tuple[str, ...] = ()


Pipeline = tuple[Token, ...]

_POWER = re.compile(r"[~*?\[\]{}$]")
_REDIRECT = re.compile(r"(?:\d*(?:<<<|<<-?|<>|<&|>>|>\||>&|<|>)|&>>?)(?!\()")
_HERE = re.compile(r"\d*<<-?$")
_PLAIN = re.compile(r"[^\s;&|()<>'\"\\$`#\d]+")
_DOLLAR_NAME = re.compile(r"\$(?:\{[^}$`]*\}?|\w+|.?)", re.DOTALL)
_ANSI = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f"}
_ENDS = frozenset(";&\n()")


def read_shell(text: str) -> tuple[Pipeline, ...]:
    """Return the pipelines of a text, those in subshells and groups one after the other.

    One that is fed by a group begins with its pipe.
    """
    return _Reader(text).read()


def plain(words: tuple[str, ...]) -> Pipeline:
    """Return a program and its arguments that no shell reads."""
    return tuple(Token(word, _without_power(word)) for word in words)


def _without_power(text: str) -> str:
    return _POWER.sub("_", text)


@dataclass(slots=True)
class _Word:
    text: list[str] = field(default_factory=list)
    live: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    begun: bool = False

    def add(self, text: str, live: str | None = None) -> None:
        self.text.append(text)
        self.live.append(text if live is None else live)
        self.begun = True


@dataclass(frozen=True, slots=True)
class _Document:
    """A here-document whose text is still to come, and which token is to have it."""

    delimiter: str
    tokens: list[Token]
    place: int


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._word = _Word()
        self._tokens: list[Token] = []
        self._pipelines: list[list[Token]] = []
        self._awaited: list[_Document] = []
        self._here = False  # the next word is such a delimiter

    def read(self) -> tuple[Pipeline, ...]:
        while self._at < len(self._text):
            self._step(self._text[self._at])
        self._end_pipeline()
        return tuple(tuple(tokens) for tokens in self._pipelines)

    def _step(self, char: str) -> None:
        may_redirect = char in "<>&" or (char.isdigit() and not self._word.begun)
        if may_redirect and (found := _REDIRECT.match(self._text, self._at)):
            self._redirect(found[0])
        elif char in _ENDS:
            self._end(char)
        elif char.isspace():
            self._end_word()
            self._at += 1
        elif char == "|":
            self._pipe()
        elif char == "#" and not self._word.begun:
            self._at = _before(self._text, "\n", self._at)
        else:
            self._part(char)

    def _part(self, char: str) -> None:
        """Take in more of a word."""
        if char == "'":
            self._single(self._at + 1)
        elif char == '"':
            self._double()
        elif char == "\\":
            self._escape()
        elif char == "`":
            self._backticks()
        elif char == "$":
            self._dollar(quoted=False)
        elif char in "<>":  # <( or >(
            self._substitute(self._at + 2)
        else:
            found = _PLAIN.match(self._text, self._at)
            self._take(found[0] if found else char)

    def _take(self, text: str) -> None:
        self._word.add(text)
        self._at += len(text)

    def _single(self, start: int) -> None:
        end = _before(self._text, "'", start)
        quoted = self._text[start:end]
        self._word.add(quoted, _without_power(quoted))
        self._at = end + 1

    def _double(self) -> None:
        self._word.add("")
        self._at += 1
        while self._at < len(self._text) and (char := self._text[self._at]) != '"':
            if char == "\\":
                self._escape(keeping=self._text[self._at + 1 : self._at + 2] not in '$`"\\\n')
            elif char == "`":
                self._backticks()
            elif char == "$":
                self._dollar(quoted=True)
            else:
                self._word.add(char, _without_power(char))
                self._at += 1
        self._at += 1

    def _escape(self, *, keeping: bool = False) -> None:
        char = self._text[self._at + 1 : self._at + 2]
        if keeping:
            self._word.add("\\")
        if char != "\n":
            self._word.add(char, _without_power(char))
        self._at += 2

    def _dollar(self, *, quoted: bool) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following == "(":
            self._substitute(self._at + 2)
        elif following == "'" and not quoted:
            self._ansi()
        elif following == '"':
            self._at += 1  # "$" before a quote: a translated text, or the end of this one
            if quoted:
                self._word.add("$")
        else:
            found = _DOLLAR_NAME.match(self._text, self._at)
            self._take(found[0] if found else "$")

    def _ansi(self) -> None:
        end = self._at + 2
        while end < len(self._text) and self._text[end] != "'":
            end += 2 if self._text[end] == "\\" else 1
        text = _ANSI.sub(_ansi_character, self._text[self._at + 2 : end])
        self._word.add(text, _without_power(text))
        self._at = end + 1

    def _substitute(self, start: int) -> None:
        end = _closing(self._text, start)
        self._word.scripts.append(self._text[start:end])
        self._word.add("$()")
        self._at = end + 1

    def _backticks(self) -> None:
        end = start = self._at + 1
        while end < len(self._text) and self._text[end] != "`":
            end += 2 if self._text[end] == "\\" else 1
        self._word.scripts.append(re.sub(r"\\([$`\\])", r"\1", self._text[start:end]))
        self._word.add("$()")
        self._at = end + 1

    def _redirect(self, operator: str) -> None:
        self._end_word()
        self._tokens.append(Token(operator, operator, Kind.REDIRECT))
        self._here = _HERE.match(operator) is not None
        self._at += len(operator)

    def _pipe(self) -> None:
        self._end_word()
        if self._text.startswith("||", self._at):
            self._end_pipeline()
            self._at += 2
            return
        self._tokens.append(Token("|", "|", Kind.PIPE))
        self._at += 2 if self._text.startswith("|&", self._at) else 1

    def _end(self, char: str) -> None:
        self._end_word()
        self._at += 1
        if char == "\n":
            self._read_documents()
            if self._tokens and self._tokens[-1].kind is Kind.PIPE:
                return  # it goes on in the next line
        self._end_pipeline()

    def _end_word(self) -> None:
        word, self._word = self._word, _Word()
        if not word.begun:
            return
        text, live = "".join(word.text), "".join(word.live)
        if self._here:
            self._here = False
            self._awaited.append(_Document(text, self._tokens, len(self._tokens)))
            self._tokens.append(Token("", "", Kind.STDIN))
            return
        after = self._tokens[-1] if self._tokens else None
        is_string = after is not None and after.text.endswith("<<<")
        kind = Kind.STDIN if is_string and after and after.kind is Kind.REDIRECT else Kind.WORD
        self._tokens.append(Token(text, live, kind, tuple(word.scripts)))

    def _read_documents(self) -> None:
        for document in self._awaited:
            end = re.compile(rf"^\t*{re.escape(document.delimiter)}$", re.MULTILINE)
            found = end.search(self._text, self._at)
            stop = found.start() if found else len(self._text)
            body = self._text[self._at : stop]
            document.tokens[document.place] = Token(body, body, Kind.STDIN)
            self._at = found.end() + 1 if found else stop
        self._awaited.clear()

    def _end_pipeline(self) -> None:
        self._end_word()
        if self._tokens:
            self._pipelines.append(self._tokens)
            self._tokens = []


def _before(text: str, char: str, start: int) -> int:
    found = text.find(char, start)
    return len(text) if found < 0 else found


def _closing(text: str, start: int) -> int:
    """Return where the parenthesis that was opened before `start` is closed, else the end."""
    opened, at = ["("], start
    while at < len(text):
        char, quoted = text[at], opened[-1] == '"'
        if char == "\\":
            at += 1
        elif char == "'" and not quoted:
            at = _before(text, "'", at + 1)
        elif char == '"':
            opened.pop() if quoted else opened.append(char)
        elif char == "(" and (not quoted or text[at - 1] == "$"):
            opened.append(char)
        elif char == ")" and not quoted:
            opened.pop()
            if not opened:
                return at
        at += 1
    return at


def _ansi_character(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2], 8) & 0xFF)
    return _ANSI_LETTERS.get(match[3], match[3])
