"""Questions and queued prompts, within one transaction."""

from __future__ import annotations

from foredeck.services.domain.events import QuestionSaved
from foredeck.services.domain.questions import Question
from foredeck.services.domain.records import EntityKind, FollowUp
from foredeck.services.domain.states import QuestionState, check_transition
from foredeck.services.store import mapping
from foredeck.services.store.codecs import clean_text
from foredeck.services.store.repository import Repository
from foredeck.services.store.unit import Unit

_OF_AN_ATTEMPT = "job_id IN (SELECT id FROM job WHERE step_id = ? AND attempt = ?)"


class QuestionRepository(Repository[Question]):
    """Questions; the answer is stored with the transition that it makes."""

    map = mapping.QUESTIONS

    async def add(self, question: Question) -> None:
        """Store a new question and its first transition; its key is unique in the attempt."""
        await self._insert(question)
        await self._record(question, "", question.title)
        _publish(self._unit, question)

    async def move(self, old: Question, new: Question, reason: str) -> Question:
        """Store `new` in the place of `old` and the transition between their states."""
        check_transition(old.state, new.state)
        await self._update(old, new)
        await self._record(new, old.state, reason)
        _publish(self._unit, new, old.state)
        return new

    async def by_key(self, step_id: str | None, attempt: int, key: str) -> Question | None:
        """Return what was asked under this key in this attempt, None if nothing was."""
        found = await self._select(
            "coalesce(step_id, '') = ? AND attempt = ? AND \"key\" = ?",
            step_id or "",
            attempt,
            clean_text(key),
        )
        return found[0] if found else None

    async def all_open(self) -> tuple[Question, ...]:
        """Return everything that is asked just now, oldest first."""
        return await self._open()

    async def open_of_run(self, run_id: str) -> tuple[Question, ...]:
        """Return what a run asks just now, oldest first."""
        return await self._open(run_id=run_id)

    async def open_of_step(self, step_id: str) -> tuple[Question, ...]:
        """Return what a step asks just now, oldest first."""
        return await self._open(step_id=step_id)

    async def _open(self, **owner: str) -> tuple[Question, ...]:
        condition = " AND ".join(["state = ?", *(f"{column} = ?" for column in owner)])
        values = (QuestionState.OPEN.value, *owner.values())
        return await self._select(condition, *values, order="asked_at, id")

    async def _record(self, question: Question, old: str, reason: str) -> None:
        await self._unit.record(
            EntityKind.QUESTION, question.id, question.run_id, old, question.state, reason
        )


class FollowUpRepository(Repository[FollowUp]):
    """Prompts that a person has queued for a run's codex."""

    map = mapping.FOLLOW_UPS

    async def add(self, follow_up: FollowUp) -> None:
        """Store a new prompt behind the others."""
        await self._insert(follow_up)

    async def save(self, follow_up: FollowUp) -> None:
        """Store a prompt as it is now."""
        await self._update(await self.get(follow_up.id), follow_up)

    async def waiting(self, run_id: str) -> tuple[FollowUp, ...]:
        """Return the run's prompts that codex has not been given yet, oldest first."""
        return await self._select(
            "run_id = ? AND delivered_at IS NULL", run_id, order="created_at, id"
        )

    async def begun_by(self, step_id: str, attempt: int) -> tuple[FollowUp, ...]:
        """Return the prompts that became jobs of this attempt, oldest first."""
        return await self._select(_OF_AN_ATTEMPT, step_id, attempt, order="created_at, id")


def _publish(unit: Unit, question: Question, previous: QuestionState | None = None) -> None:
    unit.publish(
        QuestionSaved(
            question_id=question.id,
            run_id=question.run_id,
            kind=question.kind,
            title=question.title,
            state=question.state,
            previous=previous,
        )
    )
