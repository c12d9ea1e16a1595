"""What codex asks of us and how it is answered; nobody being there means no.

A request without an answer would hold its turn for ever, so there always is one in the end.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from foredeck.services.codex.forms import (
    ELICITATION,
    USER_INPUT,
    WordsWanted,
    asker,
    form_of,
    key_of,
    text,
)
from foredeck.services.codex.protocol import FileChangeItem, Item, PatchedFile, ServerRequest

_log = logging.getLogger(__name__)

_REFUSED = -32601

_COMMAND = "item/commandExecution/requestApproval"
_FILES = "item/fileChange/requestApproval"
# The same questions as older versions of codex ask them, with other words for an answer.
_OLD_COMMAND, _OLD_FILES = "execCommandApproval", "applyPatchApproval"
_MORE_PERMISSIONS = "additionalPermissions"
_APPROVALS = frozenset({_COMMAND, _FILES, _OLD_COMMAND, _OLD_FILES})


class Decision(StrEnum):
    """What codex is answered; the words are its own.

    `decline` lets the turn go on without; `cancel` ends the turn.
    """

    ACCEPT = "accept"
    SESSION = "acceptForSession"
    DECLINE = "decline"
    CANCEL = "cancel"


_OLD_WORDS = {
    Decision.ACCEPT: "approved",
    Decision.SESSION: "approved_for_session",
    Decision.DECLINE: "denied",
    Decision.CANCEL: "abort",
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision and, for the output, why it is so; `comment` is for codex itself."""

    decision: Decision
    why: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back, a sentence about it for the output, and words for codex.

    `denied` is what codex wanted when the answer ends the turn, else empty.
    """

    body: dict[str, Any]
    note: str
    comment: str = ""
    denied: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Leave that codex asks for: to run `command`, or, without one, to change `files`.

    `key` is the same however often codex asks it again. What the files of a patch are, codex
    says before it asks and not again: they may be missing. `for_session` says whether leave
    can be given once and for all of the conversation.
    """

    key: str
    thread_id: str
    command: str = ""
    cwd: str = ""
    reason: str = ""
    files: tuple[PatchedFile, ...] = ()
    for_session: bool = True

    @property
    def wish(self) -> str:
        """What codex wants, to go on after "codex asked to"."""
        if self.command:
            return f"run {self.command}"
        if not self.files:
            return "change files outside the sandbox"
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"change {self.files[0].path}{more}"


class Approver(Protocol):
    """Answers what a thread and its sub-agents ask."""

    async def decide(self, asked: Asked) -> Ruling:
        """Decide whether codex may do that."""
        ...

    async def words(self, wanted: WordsWanted) -> str | None:
        """Answer a question; None if nobody does."""
        ...

    async def withdraw(self, key: str) -> None:
        """The question is none any more: codex goes on, or ended, without an answer."""
        ...


class DeclineAll:
    """Nobody is there: never yes."""

    async def decide(self, asked: Asked) -> Ruling:
        """Decline."""
        return Ruling(Decision.DECLINE)

    async def words(self, wanted: WordsWanted) -> str | None:
        """Say nothing."""
        return None

    async def withdraw(self, key: str) -> None:
        """Do nothing: nothing was asked."""


async def answer(approver: Approver, request: ServerRequest, item: Item | None = None) -> Reply:
    """Return what a request is answered.

    `item` is what codex said of the request's item before. Never raises but when it is
    cancelled: an approver that breaks declines.
    """
    if request.method in _APPROVALS:
        return await _approve(approver, request, asked_of(request, item))
    if request.method in (ELICITATION, USER_INPUT):
        return await _ask_words(approver, request)
    message = f"Foredeck does not answer {request.method}"
    error = {"error": {"code": _REFUSED, "message": message}}
    return Reply(error, f"Not answered: {request.method}")


def asked_of(request: ServerRequest, item: Item | None = None) -> Asked:
    """Return the leave that a request asks for."""
    params = request.params
    command = params.get("command")
    if isinstance(command, list):
        command = " ".join(map(str, command))
    return Asked(
        key=key_of(request),
        thread_id=request.thread_id,
        command=text(command),
        cwd=text(params.get("cwd")),
        reason=text(params.get("reason")),
        files=item.changes if isinstance(item, FileChangeItem) else (),
        # codex 0.169 takes this answer for commands although it does not list it; for what
        # concerns more than the command it wants its own words.
        for_session=not (params.get("networkApprovalContext") or params.get(_MORE_PERMISSIONS)),
    )


async def _approve(approver: Approver, request: ServerRequest, asked: Asked) -> Reply:
    try:
        ruling = await approver.decide(asked)
    except Exception:
        _log.exception("the approver broke on %s", request.method)
        ruling = Ruling(Decision.DECLINE, "Foredeck itself failed")
    old = request.method in (_OLD_COMMAND, _OLD_FILES)
    decision = _OLD_WORDS[ruling.decision] if old else ruling.decision.value
    # There is nobody left to tell once the turn is ended.
    ends = ruling.decision is Decision.CANCEL
    comment, denied = ("", asked.wish) if ends else (ruling.comment, "")
    return Reply({"result": {"decision": decision}}, _note(ruling, asked), comment, denied)


def _note(ruling: Ruling, asked: Asked) -> str:
    reason = f" ({asked.reason})" if asked.reason else ""
    why = f": {ruling.why}" if ruling.why else ""
    return f"{_VERBS[ruling.decision]}: codex asked to {asked.wish}{reason}{why}"


_VERBS = {
    Decision.ACCEPT: "Allowed",
    Decision.SESSION: "Allowed for this session",
    Decision.DECLINE: "Declined",
    Decision.CANCEL: "Declined, and the turn stopped",
}


async def _ask_words(approver: Approver, request: ServerRequest) -> Reply:
    """Ask what can be said in a few words; decline a form that needs more."""
    form = form_of(request)
    if form is None:
        return Reply(_no_words(request), f"Declined: {asker(request)} wants a form filled in")
    try:
        said = await approver.words(form.wanted)
    except Exception:
        _log.exception("the approver broke on %s", request.method)
        said = None
    question = f"{form.wanted.who} asked: {form.wanted.question}"
    if said is None:
        return Reply(_no_words(request), f"Declined: {question}")
    return Reply({"result": form.reply(said)}, f"Answered “{said}”: {question}")


def _no_words(request: ServerRequest) -> dict[str, Any]:
    if request.method == ELICITATION:
        return {"result": {"action": "decline"}}
    return {"result": {"answers": {}}}
