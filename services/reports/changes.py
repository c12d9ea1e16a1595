"""What a run did to the files of its workspace."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from foredeck.services.codex.written import owner_of, parts_of
from foredeck.services.domain.records import Attempt, ChangeKind
from foredeck.services.domain.report_model import (
    CONTENT_LIMIT,
    DIFF_BUDGET,
    FILE_LIMIT,
    Changes,
    ReportedFile,
    ReportedPatch,
)
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.reports.patches import Patch, patches_in
from foredeck.services.reports.words import Words
from foredeck.services.store.report_material import Material

_MOVED = " → "


@dataclass
class _Fate:
    """What became of a file: whether it was there before the run, what was done last, by whom."""

    new: bool
    last: ChangeKind
    steps: list[str] = field(default_factory=list)
    added: int | None = None
    removed: int | None = None

    @property
    def kind(self) -> ChangeKind | None:
        """What it comes to over the whole run; None for a file that came and went."""
        if self.last is ChangeKind.DELETED:
            return None if self.new else ChangeKind.DELETED
        return ChangeKind.CREATED if self.new else ChangeKind.MODIFIED


def commands_of(material: Material, jobs: Collection[str]) -> int:
    """Return how many commands codex ran in its turns; reads output files, so it blocks.

    Nothing but the output tells of them. None is counted of output that was removed, and none
    of a step's own command, which is one of the `jobs` by their ids.
    """
    outputs = dict.fromkeys(Path(attempt.output_path) for _, attempt in _attempts(material))
    begun = (part for output in outputs for part, _ in parts_of(output, SegmentKind.COMMAND))
    items = {part.of for part in begun if part.of}
    return sum(owner_of(item) not in jobs for item in items)


def changes_of(material: Material, words: Words) -> Changes:
    """Return what became of the workspace; reads output files, so it blocks."""
    fates = _fates(material)
    patches = _Patches(words)
    for step, attempt in _attempts(material):
        for patch in patches_in(Path(attempt.output_path)):
            patches.take(patch, step, attempt.number)
            _count(fates, patch)
    files = tuple(_files(fates, words))
    return Changes(
        files=files[:FILE_LIMIT],
        files_left_out=max(0, len(files) - FILE_LIMIT),
        patches=tuple(patches.kept),
        patches_left_out=patches.left_out,
        added=patches.added,
        removed=patches.removed,
        output_removed=material.output_removed,
    )


class _Patches:
    """Keeps patches as long as the budget lasts, and counts them all."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._budget = DIFF_BUDGET
        self.kept: list[ReportedPatch] = []
        self.left_out = self.added = self.removed = 0

    def take(self, patch: Patch, step: str, attempt: int) -> None:
        """Add a patch."""
        added, removed = patch.added, patch.removed
        self.added += added
        self.removed += removed
        if self._budget <= 0:
            self.left_out += 1
            return
        diff = self._words.excerpt(patch.diff, CONTENT_LIMIT)
        self._budget -= len(diff.text)
        path, step = self._words.line(patch.path, CONTENT_LIMIT), self._words.line(step)
        self.kept.append(ReportedPatch(path, step, attempt, patch.at, diff, added, removed))


def _attempts(material: Material) -> Iterator[tuple[str, Attempt]]:
    """Yield the attempts in the order in which they began, each with the key of its step."""
    keys = {step.id: step.key for step in material.steps}
    for attempt in sorted(material.attempts, key=lambda attempt: attempt.started_at):
        yield keys.get(attempt.step_id, ""), attempt


def _fates(material: Material) -> dict[str, _Fate]:
    fates: dict[str, _Fate] = {}
    for job in material.jobs:
        for change in job.files:
            new = change.kind is ChangeKind.CREATED
            fate = fates.setdefault(change.path, _Fate(new, change.kind))
            fate.last = change.kind
            if job.step not in fate.steps:
                fate.steps.append(job.step)
    return fates


def _count(fates: dict[str, _Fate], patch: Patch) -> None:
    """Add the lines of a patch to its file; one that was moved counts under its new name.

    Of a file that is new, the patches to it are not the whole: its first lines nobody counts.
    """
    fate = fates.get(patch.path) or fates.get(patch.path.rpartition(_MOVED)[2])
    if fate is not None and not fate.new:
        fate.added = (fate.added or 0) + patch.added
        fate.removed = (fate.removed or 0) + patch.removed


def _files(fates: dict[str, _Fate], words: Words) -> Iterator[ReportedFile]:
    for path, fate in sorted(fates.items()):
        if fate.kind is not None:
            steps = words.lines(tuple(fate.steps))
            line = words.line(path, CONTENT_LIMIT)
            yield ReportedFile(line, fate.kind, steps, fate.added, fate.removed)
