"""Whom the steps of a file need: names made out, cycles found, steps put in an order that holds."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foredeck.services.workflow.file.drafts import Draft
from foredeck.services.workflow.file.problems import Findings


@dataclass
class Links:
    """The drafts of a file by every id that names one of them, and what each needs.

    `needs` maps the id of a draft to ids of steps: an id with a matrix stands for all of its
    instances, the id of an instance for that one.
    """

    drafts: Sequence[Draft]
    owner: Mapping[str, Draft]
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, drafts: Sequence[Draft], findings: Findings) -> Links:
        """Return the links; note needs that nothing answers to, or that are there twice."""
        owner = {draft.id: draft for draft in drafts}
        owner |= {instance.id: draft for draft in drafts for instance in draft.instances}
        links = cls(drafts, owner)
        links.needs = {draft.id: links._made_out(draft, findings) for draft in drafts}
        return links

    def expanded(self, name: str) -> tuple[str, ...]:
        """Return the ids of the instances that a name stands for."""
        draft = self.owner[name]
        if name == draft.id:
            return tuple(instance.id for instance in draft.instances)
        return (name,)

    def steps_needed(self, draft: Draft) -> tuple[str, ...]:
        """Return the ids of the steps that each instance of the draft needs."""
        names = (one for need in self.needs[draft.id] for one in self.expanded(need))
        return tuple(dict.fromkeys(names))

    def behind(self, draft: Draft) -> frozenset[str]:
        """Return the ids of the drafts that the draft needs directly."""
        return frozenset(self.owner[need].id for need in self.needs[draft.id])

    def _made_out(self, draft: Draft, findings: Findings) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for need, node in draft.needs:
            key = f"{draft.at.path}.needs"
            if need not in self.owner:
                hint = findings.did_you_mean(need, self.owner)
                message = f"{draft.id} needs {need}, and there is no such step."
                findings.error(node, key, message, hint)
            elif self.owner[need] is draft:
                findings.error(node, key, f"{draft.id} needs itself.", "Take this need away.")
            elif need in found:
                findings.warning(node, key, f"{draft.id} needs {need} twice.")
            else:
                found[need] = None
        return tuple(found)


def sorted_drafts(links: Links, findings: Findings) -> list[Draft]:
    """Return the drafts in file order, but each behind what it needs; note every cycle.

    The engine relies on it (`graph.downstream` passes over the steps once). Empty if there
    is a cycle.
    """
    waits = {draft.id: len(links.behind(draft)) for draft in links.drafts}
    followers: dict[str, list[int]] = {draft.id: [] for draft in links.drafts}
    for position, draft in enumerate(links.drafts):
        for need in links.behind(draft):
            followers[need].append(position)
    free = [position for position, draft in enumerate(links.drafts) if not waits[draft.id]]
    found: list[Draft] = []
    while free:
        draft = links.drafts[heapq.heappop(free)]
        found.append(draft)
        for position in followers[draft.id]:
            waits[links.drafts[position].id] -= 1
            if not waits[links.drafts[position].id]:
                heapq.heappush(free, position)
    if len(found) == len(links.drafts):
        return found
    _note_cycles(links, {name for name, count in waits.items() if count}, findings)
    return []


def upstream(links: Links, ordered: Sequence[Draft]) -> dict[str, frozenset[str]]:
    """Return for each draft the ids of all steps before it, those of whole matrices included."""
    found: dict[str, frozenset[str]] = {}
    for draft in ordered:
        before: set[str] = set()
        for need in links.needs[draft.id]:
            before.update([need, *links.expanded(need)], found[links.owner[need].id])
        found[draft.id] = frozenset(before)
    return found


def _note_cycles(links: Links, stuck: set[str], findings: Findings) -> None:
    """Note one cycle for each group of steps that need each other, with its path."""
    left = dict.fromkeys(draft.id for draft in links.drafts if draft.id in stuck)
    while left:
        path = _walk(links, next(iter(left)), left)
        if cycle := _cycle(path):
            _note(links, cycle, findings)
        for name in path:
            left.pop(name, None)


def _walk(links: Links, start: str, left: Mapping[str, None]) -> list[str]:
    """Follow needs among those left from `start`, until one comes again or there is none."""
    path, seen = [start], {start}
    while True:
        ahead = sorted(links.behind(links.owner[path[-1]]) & left.keys())
        if not ahead:
            return path
        path.append(ahead[0])
        if ahead[0] in seen:
            return path
        seen.add(ahead[0])


def _cycle(path: list[str]) -> list[str]:
    first = path.index(path[-1])
    return path[first:] if first < len(path) - 1 else []


def _note(links: Links, cycle: list[str], findings: Findings) -> None:
    """Note a cycle at the need of the step that is first in the file."""
    order = {draft.id: number for number, draft in enumerate(links.drafts)}
    ring = cycle[:-1]
    turn = ring.index(min(ring, key=order.__getitem__))
    ring = ring[turn:] + ring[:turn]
    first = links.owner[ring[0]]
    node = next(node for need, node in first.needs if links.owner.get(need) is links.owner[ring[1]])
    shown = ring if len(ring) <= 12 else [*ring[:10], "…", ring[-1]]
    path = " → ".join([*shown, ring[0]])
    hint = "Take one of these needs away."
    findings.error(node, f"{first.at.path}.needs", f"These steps need each other: {path}.", hint)
