"""Everything Foredeck raises on purpose.

    ForedeckError                 a sentence for a person, and an exit code (1)
    ├── UsageError                what was asked for has a mistake          (exit 2)
    │   ├── InvalidInput          a value is not acceptable
    │   │   ├── InvalidWorkflow   a workflow file is wrong (services.workflow.file)
    │   │   └── ConditionError    the `when` of a step is (services.workflow.conditions)
    │   ├── NotFound              nothing has that id or name
    │   └── Ambiguous             an abbreviation fits several things
    ├── Conflict                  it is sound, but what is there stands against it
    │   ├── IllegalTransition     the state table has no such arrow
    │   ├── HostBusy              another process holds the data directory
    │   ├── OtherVersion          the host is of another version of Foredeck
    │   ├── UntrustedWorkflow     nobody has said that this file may be run
    │   ├── CommandDenied         the command policy forbids the command
    │   └── CommandUnconfirmed    the command policy wants a person's word first
    ├── HostGone                  the host that was asked is no longer there
    ├── StoreError                the database cannot be used
    │   ├── NewerDatabase         written by a later version of Foredeck
    │   ├── DatabaseLocked        another program keeps it from being written
    │   └── StorageFull           the disk has no room
    ├── PlanError                 a Markdown plan cannot become a workflow
    ├── SettingsError             a setting is unknown or wrong             (exit 2)
    ├── CodexError                the codex program cannot be used
    │   ├── CodexMissing          there is none
    │   ├── CodexTooOld           it lacks what Foredeck needs
    │   ├── CodexLoggedOut        it has no account
    │   └── CodexUnreachable      its app-server does not answer
    └── StepFailed                a step ends with a classified failure
        └── TurnLost              a codex turn vanished without a recorded end

Every error carries what happened (`message`) and what to do next (`advice`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foredeck.services.domain.command_rules import Match

if TYPE_CHECKING:
    from foredeck.services.domain.records import Failure


class ForedeckError(Exception):
    """Something went wrong that a person can understand; `advice` says what to do."""

    exit_code = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class UsageError(ForedeckError):
    """The request itself is wrong."""

    exit_code = 2


class InvalidInput(UsageError):
    """A value is not acceptable."""


class NotFound(UsageError):
    """Nothing has that id or name."""


class Ambiguous(UsageError):
    """An abbreviated id or a name fits several things."""


class Conflict(ForedeckError):
    """It cannot be done in the present state."""


class IllegalTransition(Conflict):
    """The state table has no arrow from here to there."""


class HostBusy(Conflict):
    """Another process holds the data directory."""


class OtherVersion(Conflict):
    """The host is of another version of Foredeck."""


class UntrustedWorkflow(Conflict):
    """A workflow lies where codex can write, and nobody has said that it may be run."""


class CommandDenied(Conflict):
    """The command policy forbids a command; `matches` are all that it matches (SPEC J5)."""

    def __init__(self, message: str, advice: str = "", matches: tuple[Match, ...] = ()) -> None:
        super().__init__(message, advice)
        self.matches = matches


class CommandUnconfirmed(Conflict):
    """A command runs only once a person has confirmed it; `matches` are all that it matches."""

    def __init__(self, message: str, advice: str = "", matches: tuple[Match, ...] = ()) -> None:
        super().__init__(message, advice)
        self.matches = matches


class HostGone(ForedeckError):
    """The host that was asked is no longer there."""


class StoreError(ForedeckError):
    """The database cannot be used."""


class NewerDatabase(StoreError):
    """The database was written by a later version of Foredeck."""


class OlderDatabase(StoreError):
    """The database was written by an earlier version of Foredeck; only a host may change it."""


class DatabaseLocked(StoreError):
    """Another program keeps the database from being written."""


class StorageFull(StoreError):
    """The disk has no room."""


class PlanError(ForedeckError):
    """A Markdown plan cannot become a workflow; `line` says where, 0 for nowhere in it."""

    def __init__(self, message: str, advice: str = "", line: int = 0) -> None:
        super().__init__(message, advice)
        self.line = line


class SettingsError(ForedeckError):
    """A setting is unknown or its value is wrong."""

    exit_code = 2


class CodexError(ForedeckError):
    """The codex program cannot be used."""


class CodexMissing(CodexError):
    """There is no codex program."""


class CodexTooOld(CodexError):
    """The codex program lacks what Foredeck needs."""


class CodexLoggedOut(CodexError):
    """The codex program has no account to work with."""


class CodexUnreachable(CodexError):
    """The codex app-server does not answer."""


class StepFailed(ForedeckError):
    """A step ends with a classified failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, failure.advice)
        self.failure = failure


class TurnLost(StepFailed):
    """A codex turn vanished without a recorded end: nobody knows what it would have done."""
