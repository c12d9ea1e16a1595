"""Records every command: who asked for what, and what came of it.

What a command changes is recorded with the change itself (`store.audit`), under the same
trace id. So is everything that the command sets going.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from foredeck.services.domain.audit import AuditEntry, Severity
from foredeck.services.domain.errors import ForedeckError, StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.host.client_name import CLIENT
from foredeck.services.host.interface import Command
from foredeck.services.host.notice_requests import MarkSeen
from foredeck.services.host.service import Handler
from foredeck.services.store.audit import TRACE, Trace
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

# What a dashboard does by itself, again and again, and what changes nothing but that.
UNRECORDED: frozenset[type] = frozenset({MarkSeen})
_LONGEST = 500
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def audited(handlers: dict[type, Handler], store: Store, origin: str) -> dict[type, Handler]:
    """Return the handlers such that each call of a command is recorded; queries are not.

    `origin` says what the commands come from that no client asks for.
    """
    return {
        kind: _audited(handler, store, origin) if _is_recorded(kind) else handler
        for kind, handler in handlers.items()
    }


def _is_recorded(kind: type) -> bool:
    return issubclass(kind, Command) and kind not in UNRECORDED


def _audited(handler: Handler, store: Store, origin: str) -> Handler:
    async def handle(command: Any) -> Any:
        token = TRACE.set(Trace(new_id(), CLIENT.get() or origin))
        try:
            result = await handler(command)
        except ForedeckError as error:
            await _record(store, command, None, f"refused: {error}", Severity.WARNING)
            raise
        except Exception as error:
            await _record(store, command, None, f"broke: {error}", Severity.CRITICAL)
            raise
        else:
            await _record(store, command, result, "done", Severity.INFO)
            return result
        finally:
            TRACE.reset(token)

    return handle


async def _record(store: Store, command: Any, result: Any, ending: str, severity: Severity) -> None:
    """Add the command's own row; that a full disk has no room for it undoes nothing."""
    name = _WORD.sub("_", type(command).__name__).lower()
    redacted = store.redactor.text
    given = {
        field.name: _shown(getattr(command, field.name), redacted) for field in fields(command)
    }
    resource, identity = _resource(command, result)
    entry = AuditEntry(
        action=f"command.{name}",
        resource=resource,
        resource_id=identity,
        description=f"{name.replace('_', ' ')} {identity} {ending}".replace("  ", " "),
        severity=severity,
        after=json.dumps({name: value for name, value in given.items() if value is not None}),
    )
    try:
        async with store.transaction("user") as tx:
            tx.audit(entry)
    except StoreError as error:
        _log.warning("a command could not be recorded: %s", error)


def _resource(command: Any, result: Any) -> tuple[str, str]:
    """Return what the command was about: what came back, else what it names."""
    name = type(command).__name__
    kind = _WORD.split(name)[-1].lower()
    identity = getattr(result, "id", None) if is_dataclass(result) else None
    named = identity or getattr(command, "ref", None) or getattr(command, "project", None)
    return kind, str(named or "")


def _shown(value: Any, redacted: Callable[[str], str]) -> Any:
    """Return a value as it is told: without secrets, of which no part is left by the cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = redacted(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
