"""How often a login waits for Redis: twice, one after the other, on one server and on a Cluster."""

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Connection

from sessiongate.app.in_process import running
from sessiongate.app.supplied import Supplied
from sessiongate.config import load
from sessiongate.http.message import Handler, Request
from sessiongate.http.router import Routes
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.secret import Secret
from sessiongate.testing.users import CHEAP
from tests.basic import basic
from tests.http.wires import turn

pytestmark = pytest.mark.peer

PASSWORD = "correct horse battery staple"

# Turns of the loop in which whatever waits for no answer is asked, too.
_AT_REST = 20


class Trips:
    """Holds back what is sent until the loop is at rest; counts what was sent after an answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        unanswered: set[Connection] = set()
        send, read = Connection.send_packed_command, Connection.read_response

        async def held(line: Connection, *command: Any, **how: Any) -> None:
            self.count += not unanswered
            unanswered.add(line)
            for _ in range(_AT_REST):
                await turn()
            await send(line, *command, **how)

        async def answered(line: Connection, *how: Any, **more: Any) -> Any:
            try:
                return await read(line, *how, **more)
            finally:
                unanswered.discard(line)

        monkeypatch.setattr(Connection, "send_packed_command", held)
        monkeypatch.setattr(Connection, "read_response", answered)


async def test_a_login_waits_for_two_trips(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the name is locked; then place, session and audit event together."""
    handlers: list[Handler] = []

    def around(handler: Handler, _: Routes) -> Handler:
        handlers.append(handler)
        return handler

    own = {"server.data_dir": tmp_path, "server.listen": ["127.0.0.1:0"], "server.plain_http": True}
    shared = {"store.url": url, "store.prefix": "trips", "admin.listen": "off"}
    config = load(None, {}, {**own, **shared, "console.listen": "off"})
    hasher = PasswordHasher(1, **CHEAP)
    add_user(
        tmp_path / "users.toml",
        "ada",
        Secret(PASSWORD),
        "administrator",
        hasher=hasher,
        roles=("administrator",),
    )
    headers = [("host", "x"), ("authorization", basic("ada", PASSWORD))]
    async with running(config, supplied=Supplied(hasher=hasher, around=around)):

        async def log_in() -> int:
            asked = Request("POST", "/api/session", "", headers, b"", "127.0.0.1", secure=True)
            return (await handlers[0](asked)).status

        assert await log_in() == 201  # the password is verified, and the scripts become known
        trips = Trips(monkeypatch)
        assert await log_in() == 201
        count = trips.count
        monkeypatch.undo()
    assert count == 2
