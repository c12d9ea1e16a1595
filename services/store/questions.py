"""Questions and queued prompts, within one transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select, true

from foredeck.services.domain.events import QuestionSaved
from foredeck.services.domain.questions import Question
from foredeck.services.domain.records import EntityKind, FollowUp
from foredeck.services.domain.states import QuestionState, check_transition
from foredeck.services.store import mapping
from foredeck.services.store.codecs import clean_text
from foredeck.services.store.repository import Repository
from foredeck.services.store.tables import FOLLOW_UP, JOB, QUESTION
from foredeck.services.store.unit import Unit


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
            (func.coalesce(QUESTION.c.step_id, "") == (step_id or ""))
            & (QUESTION.c.attempt == attempt)
            & (QUESTION.c.key == clean_text(key))
        )
        return found[0] if found else None

    async def all_open(self) -> tuple[Question, ...]:
        """Return everything that is asked just now, oldest first."""
        return await self._open(true())

    async def open_of_run(self, run_id: str) -> tuple[Question, ...]:
        """Return what a run asks just now, oldest first."""
        return await self._open(QUESTION.c.run_id == run_id)

    async def open_of_step(self, step_id: str) -> tuple[Question, ...]:
        """Return what a step asks just now, oldest first."""
        return await self._open(QUESTION.c.step_id == step_id)

    async def _open(self, whose: ColumnElement[bool]) -> tuple[Question, ...]:
        is_open = QUESTION.c.state == QuestionState.OPEN.value
        return await self._select(is_open & whose, QUESTION.c.asked_at, QUESTION.c.id)

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
        mine = (FOLLOW_UP.c.run_id == run_id) & FOLLOW_UP.c.delivered_at.is_(None)
        return await self._select(mine, FOLLOW_UP.c.created_at, FOLLOW_UP.c.id)

    async def begun_by(self, step_id: str, attempt: int) -> tuple[FollowUp, ...]:
        """Return the prompts that became jobs of this attempt, oldest first."""
        jobs = select(JOB.c.id).where(JOB.c.step_id == step_id, JOB.c.attempt == attempt)
        return await self._select(
            FOLLOW_UP.c.job_id.in_(jobs), FOLLOW_UP.c.created_at, FOLLOW_UP.c.id
        )


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
