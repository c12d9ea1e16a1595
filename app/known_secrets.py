"""The host's redactor: it knows the secrets of this machine, and so does Foredeck's own log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foredeck.app import error_log
from foredeck.services import secrets_in_use
from foredeck.services.codex.environment import codex_home
from foredeck.services.redaction import Redactor
from foredeck.services.settings import Settings


@asynccontextmanager
async def open_redactor(settings: Settings) -> AsyncIterator[Redactor]:
    """Yield the redactor; what a program must be asked for, it learns a moment later."""
    redactor = Redactor(secrets_in_use.at_hand(settings, codex_home(settings), os.environ))
    error_log.hide_secrets(redactor)

    def ask() -> None:
        redactor.learn(secrets_in_use.of_references(references, os.environ, commands=True))

    references = secrets_in_use.references_of(settings)
    if not any(reference.startswith("command:") for reference in references):
        yield redactor
        return
    asking = asyncio.create_task(asyncio.to_thread(ask), name="ask for secrets")
    try:
        yield redactor
    finally:
        await asyncio.wait({asking})
