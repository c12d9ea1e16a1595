"""What a person may pass on to codex: its own options, as its command line takes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import Sandbox

_OPTIONS = {
    "-m": "model", "--model": "model",
    "-s": "sandbox", "--sandbox": "sandbox",
    "-c": "config", "--config": "config",
}  # fmt: skip
# What holds anyway: Foredeck works in directories that are no repository, too.
_ALWAYS = frozenset({"--skip-git-repo-check"})
# Settings that hold a run together: the mark of its processes, its limits, who is asked.
_OURS = ("shell_environment_policy", "allow_login_shell", "approval_policy", "sandbox_mode")
_OUR_FEATURES = frozenset({"features.unbounded_connection_retries", "features.shell_snapshot"})
_SUPPORTED = "Foredeck passes on -m MODEL, -s SANDBOX and -c KEY=VALUE."


@dataclass(frozen=True, slots=True)
class CodexArguments:
    """Options for codex; None leaves it to the project and the settings."""

    model: str | None = None
    sandbox: Sandbox | None = None
    config: tuple[str, ...] = ()


def parse_arguments(words: Sequence[str]) -> CodexArguments:
    """Return what the words ask for; raises `InvalidInput` for what cannot be passed on."""
    found: dict[str, list[str]] = {"model": [], "sandbox": [], "config": []}
    for name, value in _options(iter(words)):
        found[name].append(value)
    parse_config(found["config"])
    return CodexArguments(
        found["model"][-1] if found["model"] else None,
        _sandbox(found["sandbox"][-1]) if found["sandbox"] else None,
        tuple(found["config"]),
    )


def parse_config(pairs: Iterable[str]) -> dict[str, Any]:
    """Return settings of codex written as `key=value`; a value that is no TOML is a text.

    Raises `InvalidInput` for a pair without a key and for what Foredeck sets itself.
    """
    return dict(_setting(pair) for pair in pairs)


def _options(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        if word in _ALWAYS:
            continue
        option, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option not in _OPTIONS:
            raise InvalidInput(f"{word!r} cannot be passed on to codex.", _SUPPORTED)
        given = value if joined else next(words, None)
        if given is None:
            raise InvalidInput(f"{option} needs a value.", _SUPPORTED)
        yield _OPTIONS[option], given


def _sandbox(word: str) -> Sandbox:
    try:
        return Sandbox(word)
    except ValueError:
        known = ", ".join(Sandbox)
        raise InvalidInput(f"There is no sandbox {word!r}.", f"There are {known}.") from None


def _setting(pair: str) -> tuple[str, Any]:
    key, joined, text = (part.strip() for part in pair.partition("="))
    if not key or not joined:
        raise InvalidInput(
            f"{pair!r} is no setting of codex.", 'Write -c key=value, like -c web_search="live".'
        )
    if key in _OUR_FEATURES or key.split(".")[0] in _OURS:
        raise InvalidInput(f"{key} cannot be passed on to codex: Foredeck sets it itself.")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text
