"""Codex's wishes as questions to a person, as the policy has it."""

from __future__ import annotations

from collections.abc import Callable

from foredeck.services.codex.approvals import Asked, Decision, Ruling
from foredeck.services.codex.forms import WordsWanted
from foredeck.services.codex.protocol import PatchedFile
from foredeck.services.domain.questions import Leave, Question, QuestionKind
from foredeck.services.domain.records import ApprovalPolicy, Job, Project, Unattended
from foredeck.services.domain.states import QuestionState
from foredeck.services.questions.presence import Presence
from foredeck.services.questions.service import QuestionService, Wish
from foredeck.services.settings import Settings

NOBODY = "nobody is there to answer"
_POLICY = "the approval policy of this project is deny"
_RESOLVED = "codex needs no answer any more"
# A patch is shown, not kept for ever: the workspace has the files.
_DETAILS_LIMIT = 100_000

_DECISIONS = {
    Leave.ONCE: Decision.ACCEPT,
    Leave.SESSION: Decision.SESSION,
    Leave.DENY: Decision.DECLINE,
    Leave.STOP: Decision.CANCEL,
}


class CodexApprovals:
    """Hands out who answers for a job (the supervisor's `Approvals`)."""

    def __init__(self, questions: QuestionService, presence: Presence, settings: Settings) -> None:
        self._questions = questions
        self._presence = presence
        self._settings = settings

    def may_ask(self, project: Project) -> bool:
        """Whether codex may ask for more than its sandbox lets it."""
        return self._policy(project) is not ApprovalPolicy.NEVER

    def of_job(self, job: Job, project: Project) -> JobApprover:
        """Return who answers for a job."""
        deny = self._policy(project) is ApprovalPolicy.DENY
        return JobApprover(self._questions, job, lambda: self.attended(job.run_id), deny=deny)

    def attended(self, run_id: str | None) -> bool:
        """Whether a question of this run may be asked now."""
        waits = self._settings.unattended is Unattended.WAIT
        return waits or self._presence.attends(run_id)

    def _policy(self, project: Project) -> ApprovalPolicy:
        return project.settings.approval_policy or self._settings.approval_policy


class JobApprover:
    """Answers what one job asks: by a person if one is there, else as the policy has it."""

    def __init__(
        self,
        questions: QuestionService,
        job: Job,
        attended: Callable[[], bool],
        *,
        deny: bool,
    ) -> None:
        self._questions = questions
        self._job = job
        self._attended = attended
        self._deny = deny

    async def decide(self, asked: Asked) -> Ruling:
        """Decide whether codex may do that."""
        if self._deny:
            return Ruling(Decision.DECLINE, _POLICY)
        choices = tuple(leave for leave in Leave if asked.for_session or leave is not Leave.SESSION)
        question = await self._ask(
            asked.key,
            QuestionKind.APPROVAL,
            asked.wish,
            place=asked.cwd or self._job.workspace,
            reason=asked.reason,
            details=(asked.command or _patch(asked.files))[:_DETAILS_LIMIT],
            choices=choices,
        )
        return _ruling(question)

    async def words(self, wanted: WordsWanted) -> str | None:
        """Answer a question; None if nobody does."""
        question = await self._ask(
            wanted.key,
            QuestionKind.QUESTION,
            wanted.question,
            place=self._job.workspace,
            reason=f"{wanted.who} asks",
            choices=wanted.choices,
        )
        answered = question is not None and question.state is QuestionState.ANSWERED
        return question.answer if question is not None and answered else None

    async def withdraw(self, key: str) -> None:
        """Nobody need answer any more."""
        await self._questions.withdraw(self._job.step_id, self._job.attempt, key, _RESOLVED)

    async def _ask(
        self,
        key: str,
        kind: QuestionKind,
        title: str,
        *,
        place: str,
        reason: str,
        details: str = "",
        choices: tuple[str, ...] = (),
    ) -> Question | None:
        job = self._job
        wish = Wish(
            key=key,
            kind=kind,
            title=title,
            run_id=job.run_id,
            step_id=job.step_id,
            attempt=job.attempt,
            job_id=job.id,
            place=place,
            reason=reason,
            details=details,
            choices=choices,
        )
        return await self._questions.ask(wish, attended=self._attended())


def _ruling(question: Question | None) -> Ruling:
    if question is None:
        return Ruling(Decision.DECLINE, NOBODY)
    if question.state is not QuestionState.ANSWERED:
        return Ruling(Decision.DECLINE, "the question was withdrawn")
    decision = _DECISIONS[Leave(question.answer)]
    comment = question.comment
    why = f"said {question.answered_by}" + (f": {comment}" if comment else "")
    return Ruling(decision, why, _for_codex(decision, question) if comment else "")


def _for_codex(decision: Decision, question: Question) -> str:
    """Put a comment into words that the model understands without having been asked."""
    verdict = "declined" if decision is Decision.DECLINE else "allowed"
    return f"The person {verdict} your request to {question.title}, and says: {question.comment}"


def _patch(files: tuple[PatchedFile, ...]) -> str:
    """Return a patch as a person reads it: each file, then what changes in it."""
    parts = []
    for file in files:
        moved = f" → {file.moved_to}" if file.moved_to else ""
        parts.append(f"{file.kind} {file.path}{moved}\n{file.diff}".rstrip())
    return "\n\n".join(parts)
