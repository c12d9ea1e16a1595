"""What has changed from one text to another."""

import difflib


def unified_diff(before: str, after: str) -> str:
    """Return a unified diff of two texts, by lines; empty when they are the same."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "before", "after", lineterm=""
    )
    return "\n".join(lines)
