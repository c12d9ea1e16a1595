"""A look at how SQLite carries statements out."""

from __future__ import annotations

import re
from typing import Any

from foredeck.services.store.engine import Link


class Watched:
    """A link that writes down how each statement would be carried out."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.plans: list[str] = []

    async def rows(self, sql: str, values: Any = ()) -> list[Any]:
        plan = await self._link.rows(f"EXPLAIN QUERY PLAN {sql}", values)
        self.plans += [row[3] for row in plan]
        return await self._link.rows(sql, values)

    def scans(self) -> list[str]:
        return [step for step in self.plans if re.match(r"SCAN (?!CONSTANT)", step)]
