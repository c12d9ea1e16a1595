"""The keys of the workbench: which apply now, and what they do with the run on display."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import ActiveBinding, BindingType

from foredeck.app.screens.actions import ACTIONS, Action, Situation, label_of, why_not
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.shell import Shell, shell_of
from foredeck.app.screens.step_reasons import can_retry, is_waiting_gate
from foredeck.services.domain.errors import ForedeckError, NotFound

if TYPE_CHECKING:
    from foredeck.app.screens.desk import Desk
    from foredeck.services.domain.job_views import JobRow
    from foredeck.services.domain.views import RunDetail, RunRow, StepRow


class WorkbenchOffers(PromptScreen[None]):
    """Has the keys of `ACTIONS`, and does what they say; a subclass shows the run.

    There is no `desk` until that one has furnished it; `failure` says why there is no host.
    """

    BINDINGS: ClassVar[list[BindingType]] = [action.to_binding() for action in ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = ACTIONS

    def __init__(self, frame_rate: float) -> None:
        """`frame_rate` bounds how often the output is repainted, in frames a second."""
        super().__init__()
        self._frame_rate = frame_rate
        self._desk: Desk | None = None
        self.failure: ForedeckError | None = None

    @property
    def desk(self) -> Desk:
        """The views and who fills them; there once `furnish` has returned."""
        if self._desk is None:
            raise NotFound("The screen is not ready yet.")
        return self._desk

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    # --- which actions apply ----------------------------------------------------------

    @property
    def situation(self) -> Situation:
        """What decides which actions apply."""
        desk = self._desk
        if desk is None:
            return Situation()
        return Situation(
            connected=self.shell.host is not None,
            failed=self.failure is not None,
            run=desk.view.detail,
            step=desk.view.step,
            cancelling=desk.selection.run_id in desk.run_actions.cancelling,
            asked=desk.asked,
            project_id=desk.selection.project_id,
            pane=desk.focused_pane,
        )

    def why_not(self, action: Action) -> str:
        """Return why an action does not apply now, or an empty string."""
        return why_not(action.name, self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of(action, self.situation)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that apply now, each with the word that fits the situation."""
        found, situation = super().active_bindings, self.situation
        for action in ACTIONS:
            label, active = label_of(action, situation), found.get(action.keys)
            if active is not None and active.node is self and label not in ("", action.label):
                binding = replace(active.binding, description=label, show=True)
                found[action.keys] = active._replace(binding=binding)
        return found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        if action == "search" and self._desk is not None and self._desk.search.has_focus_within:
            return False  # the slash is a letter there
        return not why_not(action, self.situation)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing now."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            reason = why_not(binding.action.partition("(")[0], self.situation)
            if reason:
                self.shell.notice(f"{binding.description}: {reason}", "warning")
                event.stop()

    # --- actions ----------------------------------------------------------------------

    def action_new_run(self) -> None:
        work = self.desk.run_actions.new_run(self.desk.selection.project_id)
        self.shell.start(self._begin(work), group="dialog")

    def action_jobs(self) -> None:
        from foredeck.app.screens.jobs import JobsScreen

        screen = JobsScreen(self._frame_rate, self.desk.selection.project_id)
        self.app.push_screen(screen, self._go_to_job)

    def action_audit(self) -> None:
        from foredeck.app.screens.audit import AuditScreen

        self.app.push_screen(AuditScreen())

    def _go_to_job(self, job: JobRow | None) -> None:
        """Go to the stage of the job that a person chose."""
        if job is not None and job.run_id is not None:
            self.desk.go_to(job.run_id, job.step_key)

    def action_tasks(self) -> None:
        from foredeck.app.screens.tasks import TasksScreen

        self.app.push_screen(TasksScreen(self.desk.selection.project_id), self._go_to_run)

    def action_report(self) -> None:
        self._open_reports(self._detail().run.id)

    def action_reports(self) -> None:
        self._open_reports(None)

    def _open_reports(self, run_id: str | None) -> None:
        from foredeck.app.screens.reports import ReportsScreen

        self.app.push_screen(ReportsScreen(run_id), self._go_to_run)

    def _go_to_run(self, run_id: str | None) -> None:
        """Go to the run that a person chose on another screen."""
        if run_id is not None:
            self.desk.go_to(run_id, "")

    def action_workflow(self) -> None:
        project_id = self.desk.selection.project_id
        if project_id is not None:
            work = self.desk.workflow_actions.start(project_id)
            self.shell.start(self._begin(work), group="dialog")

    async def _begin(self, work: Awaitable[RunRow | None]) -> None:
        """Show the new run that a dialog ends with, if it does."""
        run = await work
        if run is not None:
            self.desk.selection.choose_run(run.id, run.project_id)
            self.desk.reader.read_new(run.id)

    def action_retry(self) -> None:
        detail, step = self._detail(), self.desk.aimed(can_retry)
        actions = self.desk.run_actions
        work = actions.retry(detail) if step is None else actions.retry_step(detail, step)
        self.shell.start(self._repeat(work), group="dialog")

    async def _repeat(self, work: Awaitable[bool]) -> None:
        """Follow what runs again, unless the person left it."""
        if await work:
            self.desk.selection.follow()

    def action_cancel(self) -> None:
        detail = self._detail()
        self.shell.start(self.desk.run_actions.cancel(detail), group="dialog")

    def action_answer(self) -> None:
        detail, step = self.desk.view.detail, self.desk.aimed(is_waiting_gate)
        work = self.desk.question_actions.answer(detail.run if detail else None, step)
        self.shell.start(work, group="dialog")

    def action_steer(self) -> None:
        self.shell.start(self.desk.question_actions.steer(self._detail().run), group="dialog")

    def action_pause(self) -> None:
        work = self.desk.interventions.pause_or_resume(self._detail())
        self.shell.start(work, group="dialog")

    def action_prompt(self) -> None:
        work = self.desk.interventions.prompt(self._detail(), self._step())
        self.shell.start(work, group="dialog")

    def action_skip(self) -> None:
        work = self.desk.interventions.skip(self._detail(), self._step())
        self.shell.start(work, group="dialog")

    def action_rerun(self) -> None:
        work = self.desk.interventions.rerun(self._detail(), self._step())
        self.shell.start(self._repeat(work), group="dialog")

    def action_restart(self) -> None:
        work = self.desk.interventions.restart(self._detail())
        self.shell.start(self._begin(work), group="dialog")

    def action_budget(self) -> None:
        self.shell.start(self.desk.interventions.budget(self._detail()), group="dialog")

    def action_transcript(self) -> None:
        from foredeck.app.screens.transcript import TranscriptScreen

        step = self.desk.view.step
        self.app.push_screen(TranscriptScreen(self._detail(), step.key if step else None))

    def action_chat(self) -> None:
        from foredeck.app.screens.chat import ChatScreen, topic_of

        selection, sidebar = self.desk.selection, self.desk.reader.sidebar
        topic = topic_of(self.desk.view.detail, selection.project_id, sidebar)
        self.app.push_screen(ChatScreen(topic))

    def action_files(self) -> None:
        project_id = self.desk.selection.project_id
        if project_id is not None:
            self.shell.start(self.desk.project_actions.files(project_id), group="dialog")

    def action_project_settings(self) -> None:
        project_id = self.desk.selection.project_id
        if project_id is not None:
            self.shell.start(self.desk.project_actions.settings(project_id), group="dialog")

    def action_graph(self) -> None:
        self.toggle_class("-graph")
        self.desk.panes["graph" if self.graph_shown else "output"].focus()

    @property
    def graph_shown(self) -> bool:
        """Whether the graph is on screen; on a very wide one it is, unless it was hidden."""
        return self.has_class("-vast") != self.has_class("-graph")

    def action_follow(self) -> None:
        """Follow the running stage and the end of its output, or stop following."""
        output = self.desk.output
        follow = self.desk.selection.step_key is not None or not output.follow
        self.desk.selection.follow()
        output.follow = follow
        self.desk.view.show_step()

    def action_search(self) -> None:
        self._show_output()
        self.desk.search.open()

    def action_next_error(self) -> None:
        self._show_output()
        self.desk.output.next_error()

    def action_previous_error(self) -> None:
        self._show_output()
        self.desk.output.previous_error()

    def action_toggle_tree(self) -> None:
        """On a narrow screen the projects take the place of the run."""
        self.toggle_class("-tree" if self.has_class("-narrow") else "-no-tree")
        self.desk.panes["projects" if self.tree_shown else "stages"].focus()

    @property
    def tree_shown(self) -> bool:
        """Whether the projects are on screen."""
        return (
            self.has_class("-tree") if self.has_class("-narrow") else not self.has_class("-no-tree")
        )

    def action_focus_pane(self, name: str) -> None:
        if name == "projects" and not self.tree_shown:
            self.action_toggle_tree()
        elif name == "graph" and not self.graph_shown:
            self.action_graph()
        elif name == "output":
            self._show_output()
        self.desk.panes[name].focus()

    def action_reload(self) -> None:
        if self.failure is not None:
            self.shell.connect()
        else:
            self.desk.reader.read_all()

    def action_help(self) -> None:
        from foredeck.app.screens.modals.help import HelpDialog

        keys = [(action.key_text, action.description) for action in ACTIONS]
        pane = self._desk.focused_pane if self._desk else "projects"
        self.app.push_screen(HelpDialog(pane, keys))

    def action_ask_quit(self) -> None:
        self.shell.start(self._quit(), group="dialog")

    async def _quit(self) -> None:
        shell, code = self.shell, self.failure.exit_code if self.failure else 0
        asks = self._desk is not None and shell.is_host
        ending = await self._desk.reader.active_runs() if self._desk and asks else ()
        jobs = await self._desk.reader.working_jobs() if self._desk and asks else 0
        if self._desk is None or not (ending or jobs):
            shell.leave(code)
            return
        from foredeck.app.screens.modals.quit import Leaving

        can_leave = shell.can_let_work_on
        how = await self._desk.run_actions.how_to_quit(ending, can_leave=can_leave, jobs=jobs)
        if how is not Leaving.STAY:
            shell.leave(code, let_work_on=how is Leaving.LEAVE)

    def _detail(self) -> RunDetail:
        """Return the run on display; `check_action` has seen to it that there is one."""
        if self.desk.view.detail is None:
            raise NotFound("No run is selected.")
        return self.desk.view.detail

    def _step(self) -> StepRow:
        if self.desk.view.step is None:
            raise NotFound("No stage is selected.")
        return self.desk.view.step

    def _show_output(self) -> None:
        if self.graph_shown and not self.has_class("-vast"):
            self.toggle_class("-graph")
