"""A person's word for commands of agents that the command policy asks about (SPEC J5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from foredeck.services.domain.errors import CommandUnconfirmed
from foredeck.services.domain.safe_text import safe_line

T = TypeVar("T")
# Of a command in a question, in characters.
_SHOWN = 2_000
_RUN, _REFUSE = "Run it", "Do not run it"
_NOBODY = (
    "Nobody is there to be asked: do without it, or say in your summary that a person has to "
    "allow it (setting command_allow)."
)


class Person(Protocol):
    """Who is asked (`tools.Person`)."""

    async def ask(self, call_id: str, question: str, choices: tuple[str, ...]) -> str | None: ...


class JobLeave:
    """Asks for one agent, which `who` names; without a `person` nobody can ever be asked."""

    def __init__(self, who: str, person: Person | None) -> None:
        self._who = who
        self._person = person

    async def submit(
        self, call_id: str, commands: Sequence[str], submit: Callable[[bool], Awaitable[T]]
    ) -> T:
        """Return what `submit` returns; it is told whether a person has confirmed the commands.

        They are asked only where the policy wants it, once for each call. Raises
        `CommandUnconfirmed` unless they let it run, and what `submit` raises.
        """
        try:
            return await submit(False)
        except CommandUnconfirmed as error:
            await self._ask(call_id, commands, error)
        return await submit(True)

    async def _ask(self, call_id: str, commands: Sequence[str], error: CommandUnconfirmed) -> None:
        shown = "\n".join(safe_line(command, limit=_SHOWN) for command in commands)
        question = f"{error.message} May the {self._who} run it?\n\n{shown}"
        said = await self._person.ask(call_id, question, (_RUN, _REFUSE)) if self._person else None
        if said is None:
            raise CommandUnconfirmed(error.message, _NOBODY, error.matches)
        if said.splitlines()[:1] != [_RUN]:
            words = f"{error.message} It is not to run; the person said: {said}"
            raise CommandUnconfirmed(words, "", error.matches)
