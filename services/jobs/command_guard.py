"""Lets commands through or not by the command policy, and records what they match (SPEC J5)."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.command_rules import Match, PolicyAction, strictest, told
from foredeck.services.domain.errors import CommandDenied, CommandUnconfirmed
from foredeck.services.domain.records import Failure, FailureClass
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.jobs.command_policy import CommandPolicy
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store

_SEVERITY = {
    PolicyAction.DENY: Severity.ERROR,
    PolicyAction.CONFIRM: Severity.WARNING,
    PolicyAction.WARN: Severity.WARNING,
    PolicyAction.ALLOW: Severity.INFO,
}
_ENDING = {
    PolicyAction.DENY: "denied",
    PolicyAction.CONFIRM: "confirmed",
    PolicyAction.WARN: "warned of",
    PolicyAction.ALLOW: "allowed",
}
# Of a command in the audit trail, in characters.
_SHOWN = 500
# Of the first such command of a batch in a refusal, in characters.
_TOLD = 120
_ALLOW = (
    "If it is meant, write its beginning into command_allow in the settings, or the whole command "
    "if the rule is own; a host that is running has to be started anew."
)
_CONFIRM = "It runs once a person has confirmed it."


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that is to be run: `words` without a shell, or text; and the job it is for."""

    job_id: str
    command: str
    words: tuple[str, ...] = ()
    run_id: str = ""

    @property
    def text(self) -> str:
        """The command as a person reads it."""
        return shlex.join(self.words) if self.words else self.command


Judged = tuple[Asked, tuple[Match, ...]]


class CommandGuard:
    """Keeps to one policy; without any it warns of every risk that it knows."""

    def __init__(self, store: Store, policy: CommandPolicy | None = None) -> None:
        self._store = store
        self._policy = policy or CommandPolicy({})

    @classmethod
    def of(cls, store: Store, settings: Settings) -> Self:
        """Return one that keeps to the policy of the settings."""
        policy = CommandPolicy(
            settings.command_policy, settings.command_allow, settings.command_patterns
        )
        return cls(store, policy)

    async def matches(self, commands: Sequence[Asked]) -> tuple[Match, ...]:
        """Return what commands match, also what is allowed; nothing is recorded."""
        found = await self._judge(commands)
        return tuple(dict.fromkeys(match for _asked, some in found for match in some))

    async def _judge(self, commands: Sequence[Asked]) -> list[Judged]:
        """Return those that match anything, with all that they match."""

        def judge() -> list[Judged]:
            found = ((one, self._policy.judge(one.command, one.words)) for one in commands)
            return [(one, some) for one, some in found if some]

        # A long command, and a long batch, take half a second, and nobody else waits for that.
        return await asyncio.to_thread(judge)

    async def admit(
        self, commands: Sequence[Asked], *, confirmed: bool, actor: str = "user"
    ) -> None:
        """Record all that the commands match, and return if every one of them may run.

        Raises `CommandDenied`, and `CommandUnconfirmed` unless a person has `confirmed` them;
        then none of them may run. `actor` is that of the audit trail.
        """
        found = await self._judge(commands)
        if not found:
            return
        action = strictest(match for _asked, some in found for match in some)
        waits = action is PolicyAction.CONFIRM and not confirmed
        runs = action is not PolicyAction.DENY and not waits
        async with self._store.transaction(actor) as tx:
            for asked, some in found:
                told = safe_line(self._store.redactor.text(asked.text), limit=_SHOWN)
                for match in some:
                    tx.audit(_entry(asked, told, match, runs=runs, confirmed=confirmed))
        if not runs:
            raise _refusal(action, found, len(commands))

    async def admit_step(self, asked: Asked) -> None:
        """Record what a command of a run matches, and return unless it is forbidden.

        It counts as confirmed: a person has started the run, and has trusted its workflow where
        that lies in reach of codex. Raises `CommandDenied`. A full disk is waited out.
        """

        async def judge() -> None:
            await self.admit((asked,), confirmed=True, actor="host")

        await self._store.durably(judge)


def denial_of(error: CommandDenied) -> Failure:
    """Return the failure of a step whose command is forbidden; it is not retried by itself."""
    return Failure(FailureClass.REJECTED, error.message, error.advice)


def _entry(asked: Asked, told: str, match: Match, *, runs: bool, confirmed: bool) -> AuditEntry:
    """Return the record of a match, of which `told` is the command in short.

    A command that does not run belongs to no job.
    """
    ending = _ENDING[match.action]
    if match.action is PolicyAction.CONFIRM and not confirmed:
        ending = "not confirmed"
    said = {"command": told, "rule": match.rule, "why": match.why}
    return AuditEntry(
        action=f"command_policy.{match.action.value}",
        resource="job",
        resource_id=asked.job_id if runs or asked.run_id else "",
        description=f"a command matches {match.rule}, {ending}: {match.why}",
        severity=_SEVERITY[match.action],
        after=json.dumps({**said, "confirmed": confirmed, "runs": runs}),
        run_id=asked.run_id,
    )


def _refusal(
    action: PolicyAction, found: Sequence[Judged], total: int
) -> CommandDenied | CommandUnconfirmed:
    """Return what is to be raised where `action` is the strictest of what was found."""
    matches = tuple(dict.fromkeys(match for _asked, some in found for match in some))
    meant = [one for one, some in found if any(match.action is action for match in some)]
    which = "this command" if total == 1 else f"{len(meant):,} of {total:,} commands"
    reasons = told(matches, action)
    first = "" if total == 1 else f" The first is: {safe_line(meant[0].text, limit=_TOLD)}"
    if action is PolicyAction.DENY:
        message = f"The command policy denies {which}: {reasons}.{first}"
        return CommandDenied(message, _ALLOW, matches)
    message = f"The command policy wants a person's word for {which}: {reasons}.{first}"
    return CommandUnconfirmed(message, _CONFIRM, matches)
