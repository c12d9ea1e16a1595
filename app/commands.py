"""The command palette: every action of the screen that one is on, and the runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, TypeGuard

from rich.text import Text
from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.markup import escape
from textual.types import IgnoreReturnCallbackType

from foredeck.app.screens.actions import Action, words
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
        screen: Acting = self.screen if is_acting(self.screen) else workbench
        for action in screen.actions:
            yield _action_entry(screen, action)
        for name in self.app.available_themes:
            if name.startswith("foredeck"):
                yield _Entry(
                    f"Theme: {name}", "Change the colours", partial(_theme, self.app, name)
                )
        if not isinstance(screen, Workbench):
            return
        for node in workbench.desk.reader.sidebar.projects if workbench.desk.reader.sidebar else ():
            for run in node.runs:
                yield _run_entry(workbench, run)


class Acting(Protocol):
    """A screen with actions of its own in the palette."""

    actions: ClassVar[tuple[Action, ...]]

    @property
    def app(self) -> App[Any]: ...

    def why_not(self, action: Action) -> str:
        """Return why an action does not apply now, or an empty string."""
        ...

    def label_of(self, action: Action) -> str:
        """Return its word in the footer, empty if it does not stand there."""
        ...

    async def run_action(self, action: str) -> None:
        """Do it."""
        ...


def is_acting(screen: object) -> TypeGuard[Acting]:
    """Whether a screen has actions of its own."""
    return all(hasattr(screen, name) for name in ("actions", "why_not", "label_of"))


def _action_entry(screen: Acting, action: Action) -> _Entry:
    reason = screen.why_not(action)
    label = screen.label_of(action) or action.description
    text = f"{label} ({action.key_text})"
    if reason:
        text = f"{text}: not now"
    # Without a label the description is the name already.
    help_text = action.description if action.label else ""
    return _Entry(text, reason or help_text, partial(_act, screen, action))


async def _act(screen: Acting, action: Action) -> None:
    """Do an action as its key does, or say why it does not apply."""
    reason = screen.why_not(action)
    if reason:
        shell_of(screen.app).notice(reason, "warning")
        return
    above: object = screen
    while screen.app.screen is not above:
        await screen.app.pop_screen()
    await screen.run_action(action.action)


def _run_entry(workbench: Workbench, run: RunRow) -> _Entry:
    title = safe_line(run.title, limit=80)
    text = f"Run: {title} ({words(run.state)})"
    help_text = f"{safe_line(run.project_name, limit=40)}, {run.done} of {run.total} stages"
    return _Entry(text, help_text, partial(workbench.select_run, run.id))


def _theme(app: Any, name: str) -> None:
    app.theme = name
