"""Every action of the audit screen, once: its key, its words, and when it applies."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.app.screens.actions import Action

AUDIT_ACTIONS = (
    Action("search", "slash", "Filter", "Filter: words, severity:error, actor:ada, since:2h", "/"),
    Action("severity", "s", "Severity", "List all, or only rows of one severity"),
    Action("same_trace", "t", "Same trace", "List only what belongs to the same command or run"),
    Action("verify", "v", "Verify", "Compute all seals anew: was anything changed?"),
    Action("follow", "f", "Follow", "List new rows as they come, or hold the list still"),
    Action("focus_list", "1", "", "Go to the list"),
    Action("focus_row", "2", "", "Go to the whole row"),
    Action("reload", "ctrl+r", "", "Read everything again from the host"),
    Action("help", "question_mark", "Help", "Explain this screen", "?"),
    Action("close", "escape", "Back", "Back to where you came from (so does A)", "esc"),
    Action("leave", "A", "", "Back to where you came from"),
    Action("ask_quit", "q", "", "Leave Foredeck"),
)


@dataclass(frozen=True, slots=True)
class AuditSituation:
    """What decides which actions apply; `row` says that one is under the cursor.

    `traced` says that it belongs to a command or a run, `typing` that a filter is being typed,
    `listed` that the list is on screen.
    """

    connected: bool = False
    row: bool = False
    traced: bool = False
    verifying: bool = False
    following: bool = True
    typing: bool = False
    listed: bool = True


def why_not_audit(action: str, situation: AuditSituation) -> str:
    """Return why an action does not apply now, as a sentence, or an empty string if it does."""
    if action in {"verify", "severity", "same_trace", "follow"} and not situation.connected:
        return "The data is not open."
    if action in {"same_trace", "focus_row"} and not situation.row:
        return "Select a row first."
    if action == "same_trace" and not situation.traced:
        return "The row belongs to no command and no run."
    if action == "verify" and situation.verifying:
        return "The seals are being computed already."
    if action in {"severity", "follow"} and not situation.listed:
        return "The list is not on screen: escape goes there."
    return ""


def label_of_audit(action: Action, situation: AuditSituation) -> str:
    """Return the word of an action in the footer."""
    if action.name == "follow" and situation.following:
        return "Hold"
    return action.label
