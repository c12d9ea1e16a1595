"""What Foredeck looks for in commands before it runs them, and what it does then."""

from __future__ import annotations

from enum import StrEnum


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
