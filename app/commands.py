"""The command palette: every action of the workbench, and the runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.markup import escape
from textual.types import IgnoreReturnCallbackType

from foredeck.app.screens.actions import ACTIONS, Action, label_of, why_not, words
from foredeck.app.screens.shell import shell_of
from foredeck.app.screens.workbench import Workbench
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.views import RunRow


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the palette; both texts may be untrusted, and the palette reads help as markup."""

    text: str
    help: str
    run: IgnoreReturnCallbackType


class ForedeckCommands(Provider):
    """Actions with their keys (and why one does not apply now), themes, and runs to go to."""

    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(Text(entry.text), entry.run, entry.text, escape(entry.help))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._entries():
            score = matcher.match(entry.text)
            if score > 0:
                yield Hit(score, Text(entry.text), entry.run, entry.text, escape(entry.help))

    def _entries(self) -> Iterator[_Entry]:
        workbench = self.app.screen_stack[0]
        if not isinstance(workbench, Workbench):
            return
        for action in ACTIONS:
            yield _action_entry(workbench, action)
        for name in self.app.available_themes:
            if name.startswith("foredeck"):
                yield _Entry(
                    f"Theme: {name}", "Change the colours", partial(_theme, self.app, name)
                )
        for node in workbench.desk.reader.sidebar.projects if workbench.desk.reader.sidebar else ():
            for run in node.runs:
                yield _run_entry(workbench, run)


def _action_entry(workbench: Workbench, action: Action) -> _Entry:
    reason = why_not(action.name, workbench.situation)
    label = label_of(action, workbench.situation) or action.description
    text = f"{label} ({action.key_text})"
    if reason:
        text = f"{text}: not now"
    # Without a label the description is the name already.
    help_text = action.description if action.label else ""
    return _Entry(text, reason or help_text, partial(_act, workbench, action))


async def _act(workbench: Workbench, action: Action) -> None:
    """Do an action as its key does, or say why it does not apply."""
    reason = why_not(action.name, workbench.situation)
    if reason:
        shell_of(workbench).notice(reason, "warning")
        return
    while workbench.app.screen is not workbench:
        await workbench.app.pop_screen()
    await workbench.run_action(action.action)


def _run_entry(workbench: Workbench, run: RunRow) -> _Entry:
    title = safe_line(run.title, limit=80)
    text = f"Run: {title} ({words(run.state)})"
    help_text = f"{safe_line(run.project_name, limit=40)}, {run.done} of {run.total} stages"
    return _Entry(text, help_text, partial(workbench.select_run, run.id))


def _theme(app: Any, name: str) -> None:
    app.theme = name
