"""Records that were read or written a moment ago, so that they need not be read again.

Only one connection writes, so what it has read stays true until it writes itself; `Repository`
forgets what it writes. Should another program write nevertheless, SQLite's `data_version` tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

# A run of 500 steps has as many attempts and jobs; the longest texts of a record are some 30 kB.
_LIMIT = 2048
# So many runs' steps are kept together.
_LISTS = 64


class _List:
    """What belongs to one record, in its order; `holes` are the places to be read anew."""

    def __init__(self, members: Sequence[Any]) -> None:
        self.ids = [member.id for member in members]
        self.members = list(members)
        self.holes: set[int] = set()


class Known:
    """Records by their ids, which are unique over all tables; the oldest go first."""

    def __init__(self) -> None:
        self._records: dict[str, Any] = {}
        self._lists: dict[str, _List] = {}
        self._places: dict[str, tuple[_List, int]] = {}
        self._version: int | None = None

    def check(self, version: int) -> None:
        """Forget everything if `version`, the file's `data_version` for us, is another one."""
        if version != self._version:
            self.clear()
            self._version = version

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._lists.clear()
        self._places.clear()

    def get(self, record_id: str) -> Any | None:
        """Return the record with this id, if it is known."""
        return self._records.get(record_id)

    def put(self, record_id: str, record: Any) -> None:
        """Take note of a record as it was read."""
        if len(self._records) >= _LIMIT:
            del self._records[next(iter(self._records))]
        self._records[record_id] = record

    def forget(self, record_id: str | None) -> None:
        """Forget a record, because it is written or a trigger changes it."""
        if record_id is None:
            return
        self._records.pop(record_id, None)
        if place := self._places.get(record_id):
            place[0].holes.add(place[1])

    def put_members(self, owner_id: str, members: Sequence[Any]) -> None:
        """Take note of all records that belong to that one, in their order."""
        if len(self._lists) >= _LISTS:
            self.forget_members(next(iter(self._lists)))
        self._lists[owner_id] = found = _List(members)
        self._places |= {id_: (found, at) for at, id_ in enumerate(found.ids)}

    def forget_members(self, owner_id: str) -> None:
        """Forget which records belong to that one."""
        if found := self._lists.pop(owner_id, None):
            for id_ in found.ids:
                self._places.pop(id_, None)

    async def members(
        self, owner_id: str, read: Callable[[str], Awaitable[Any]]
    ) -> tuple[Any, ...] | None:
        """Return what belongs to that one; `read` reads those by their ids that were written."""
        found = self._lists.get(owner_id)
        if found is None:
            return None
        for at in tuple(found.holes):
            found.members[at] = await read(found.ids[at])
            found.holes.discard(at)
        return tuple(found.members)
