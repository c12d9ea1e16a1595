"""SQL text that SQLAlchemy writes once and the driver then runs in one hop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect(paramstyle="qmark")


class Text(NamedTuple):
    """SQL with question marks, and the names that belong to them."""

    sql: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: ClauseElement, columns: list[str] | None = None) -> Text:
        """Compile a statement; `columns` are those that an insert or update sets."""
        compiled = statement.compile(dialect=_DIALECT, column_keys=columns)
        return cls(str(compiled), tuple(getattr(compiled, "positiontup", None) or ()))

    def values(self, by_name: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the parameters in the order of the question marks."""
        return tuple(by_name[name] for name in self.names)
