"""The questions that agents ask with their tool `ask_user`."""

from __future__ import annotations

from collections.abc import Callable

from foredeck.services.agents.stage import StageTask
from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.states import QuestionState
from foredeck.services.questions.service import QuestionService, Wish

Attended = Callable[[str | None], bool]


class AgentQuestions:
    """Hands out who answers for a stage; `attended` says whether a run may ask now."""

    def __init__(self, questions: QuestionService, attended: Attended) -> None:
        self._questions = questions
        self._attended = attended

    def of_stage(self, task: StageTask) -> StagePerson:
        """Return who answers what one attempt of a stage asks."""
        return StagePerson(self._questions, self._attended, task)


class StagePerson:
    """Answers what the agent of one attempt of a stage asks."""

    def __init__(self, questions: QuestionService, attended: Attended, task: StageTask) -> None:
        self._questions = questions
        self._attended = attended
        self._task = task

    async def ask(self, call_id: str, question: str, choices: tuple[str, ...]) -> str | None:
        """Return the answer, None if nobody gives one; asked again, the same one."""
        task = self._task
        wish = Wish(
            key=call_id,
            kind=QuestionKind.QUESTION,
            title=question,
            run_id=task.run.id,
            step_id=task.step.id,
            attempt=task.attempt,
            place=task.project.workspace,
            details=question,
            choices=choices,
        )
        asked = await self._questions.ask(wish, attended=self._attended(task.run.id))
        if asked is None or asked.state is not QuestionState.ANSWERED:
            return None
        return f"{asked.answer}\n\n{asked.comment}" if asked.comment else asked.answer
