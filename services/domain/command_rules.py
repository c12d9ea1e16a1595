"""What Foredeck looks for in commands before it runs them, and what it does then (SPEC J5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# How many matches a sentence names; a batch can have thousands.
_TOLD = 4


class Rule(StrEnum):
    """What a command may match; `own` are the patterns of the settings."""

    ROOT_DELETE = "root_delete"
    SUDO = "sudo"
    WORLD_WRITABLE = "world_writable"
    ETC_WRITE = "etc_write"
    PIPED_DOWNLOAD = "piped_download"
    OWN = "own"


class PolicyAction(StrEnum):
    """What becomes of a command that matches a rule, mildest last."""

    DENY = "deny"
    CONFIRM = "confirm"
    WARN = "warn"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Match:
    """That a command matches a rule, why in a few words, and what is to be done."""

    rule: str
    why: str
    action: PolicyAction


def strictest(matches: Iterable[Match]) -> PolicyAction:
    """Return what is to be done about all of them together."""
    actions = {match.action for match in matches}
    return next((action for action in PolicyAction if action in actions), PolicyAction.ALLOW)


def told(matches: Iterable[Match], action: PolicyAction) -> str:
    """Return in words what is matched whose action is this: rules, and why."""
    reasons = [*dict.fromkeys(f"{m.rule} ({m.why})" for m in matches if m.action is action)]
    more = f" and {len(reasons) - _TOLD} more" if len(reasons) > _TOLD else ""
    return ", ".join(reasons[:_TOLD]) + more
