"""However its last word to the host goes, a dashboard lets go of it."""

from typing import Any

import pytest

from foredeck.app.application import ForedeckApp
from foredeck.app.attendance import Attendance
from foredeck.app.connection import Connection
from foredeck.services.domain.errors import InvalidInput


class _Forgetful:
    """A host of another version, which knows no command."""

    async def do(self, command: object) -> Any:
        raise InvalidInput(f"The host knows no {type(command).__name__}.")


async def test_a_host_that_does_not_understand_the_last_word_is_closed_all_the_same() -> None:
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    async def connect() -> Connection:
        return connection

    host: Any = _Forgetful()
    connection = Connection(host, close)
    app = ForedeckApp(connect)
    app._connection, app._attendance = connection, Attendance(app, None)
    app._attendance._welcomed = True
    with pytest.raises(InvalidInput):
        await app.disconnect()
    assert closed == [True]
