"""What a person means by an abbreviated id or a name."""

from __future__ import annotations

from collections.abc import Sequence

from foredeck.services.domain.errors import Ambiguous, InvalidInput, NotFound
from foredeck.services.store.codecs import clean_text
from foredeck.services.store.engine import Link

_SHOWN = 4
# Names that a misspelt one is compared with; more would take too long.
_COMPARED = 1000


async def by_beginning(link: Link, noun: str, ref: str) -> str:
    """Return the id in the table `noun` that is `ref` or alone begins with it."""
    ref = _checked(noun, ref)
    ids = await _beginning_with(link, noun, ref)
    if len(ids) > 1 and ref.lower() not in ids:
        raise _ambiguous(noun, ref, ids)
    if not ids:
        raise _not_found(noun, ref)
    return ids[0]


async def project_id(link: Link, ref: str) -> str:
    """Return the id of the project with this id, else name, else beginning of an id.

    A name that a project in use shares with archived ones means the one in use.
    """
    ref = _checked("project", ref)
    ids = await _beginning_with(link, "project", ref)
    if ref.lower() in ids:
        return ref.lower()
    named = await link.rows("SELECT id, archived_at FROM project WHERE name = ? LIMIT 20", (ref,))
    found = [row[0] for row in named if row[1] is None] or [row[0] for row in named] or ids
    if len(found) > 1:
        raise _ambiguous("project", ref, found)
    if not found:
        raise _not_found("project", ref, await _near_names(link, ref))
    return str(found[0])


async def task_id(link: Link, ref: str) -> str:
    """Return the id of the task with this id, else name, else beginning of an id.

    A deleted one is found by its id alone.
    """
    ref = _checked("task", ref)
    ids = await _beginning_with(link, "task", ref)
    if ref.lower() in ids:
        return ref.lower()
    named = await link.rows("SELECT id FROM task WHERE name = ? AND deleted_at IS NULL", (ref,))
    found = [row[0] for row in named] or ids
    if len(found) > 1:
        raise _ambiguous("task", ref, found)
    if not found:
        raise await _no_task(link, ref)
    return str(found[0])


async def _no_task(link: Link, ref: str) -> NotFound:
    """Return the error; it says how the latest deleted task of that name comes back."""
    deleted = await link.rows(
        "SELECT id FROM task WHERE name = ? AND deleted_at IS NOT NULL "
        "ORDER BY deleted_at DESC LIMIT 1",
        (ref,),
    )
    if deleted:
        back = f"foredeck tasks restore {deleted[0][0]} brings it back."
        return NotFound(f"The task {ref!r} was deleted.", back)
    return _not_found("task", ref, await _near_names(link, ref, "task", "deleted_at IS NULL"))


async def _near_names(link: Link, ref: str, noun: str = "project", such: str = "true") -> list[str]:
    """Return the names that `ref` may have been meant to be, the nearest first."""
    from difflib import get_close_matches

    rows = await link.rows(
        f"SELECT name FROM {noun} WHERE {such} ORDER BY name LIMIT {_COMPARED}"  # noqa: S608
    )
    names = {str(row[0]).casefold(): str(row[0]) for row in rows}
    wanted = ref.casefold()
    near = get_close_matches(wanted, names, n=_SHOWN - 1)
    longer = [name for name in names if name.startswith(wanted) and name not in near]
    return [names[name] for name in [*near, *longer][: _SHOWN - 1]]


async def _beginning_with(link: Link, noun: str, ref: str) -> list[str]:
    """Return the ids that begin with `ref`, a few at most, the shortest first."""
    first = ref.lower()
    if not first.isascii() or not first.isalnum():
        return []
    after = first[:-1] + chr(ord(first[-1]) + 1)
    rows = await link.rows(
        f"SELECT id FROM {noun} WHERE id >= ? AND id < ? ORDER BY id LIMIT {_SHOWN}",  # noqa: S608
        (first, after),
    )
    return [str(row[0]) for row in rows]


def _checked(noun: str, ref: str) -> str:
    if not ref.strip():
        raise InvalidInput(f"Which {noun}? Nothing was given.", _advice(noun))
    return clean_text(ref.strip())


def _ambiguous(noun: str, ref: str, ids: list[str]) -> Ambiguous:
    shown = ", ".join(ids[: _SHOWN - 1]) + (", …" if len(ids) >= _SHOWN else "")
    return Ambiguous(f"{ref!r} fits several {noun}s: {shown}.", "Give more of the id.")


def _not_found(noun: str, ref: str, near: Sequence[str] = ()) -> NotFound:
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    return NotFound(f"There is no {noun} {ref!r}.", meant + _advice(noun))


def _advice(noun: str) -> str:
    return (
        f"`foredeck {noun}s list` shows them."
        if noun in ("project", "run", "job", "task", "report")
        else ""
    )
