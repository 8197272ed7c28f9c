"""How often a login waits for Redis: twice, one after the other, on one server and on a Cluster."""

from pathlib import Path
from typing import Any

import pytest

from sessiongate.app.in_process import running
from sessiongate.app.supplied import Supplied
from sessiongate.config import load
from sessiongate.http.message import Handler, Request
from sessiongate.http.router import Routes
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.secret import Secret
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.testing.users import CHEAP
from tests.basic import basic
from tests.http.wires import turn

pytestmark = pytest.mark.peer

PASSWORD = "correct horse battery staple"

# Turns of the loop in which whatever waits for no answer is asked, too.
_AT_REST = 20


class Trips:
    """Holds back what is sent until the loop is at rest; counts what was sent after an answer."""

    def __init__(self) -> None:
        self.count = 0
        self._under_way = 0
        self._send = Pipeline._pipeline

    async def held(self, pipeline: Pipeline, commands: list[Any]) -> list[Any]:
        self.count += not self._under_way
        self._under_way += 1
        try:
            for _ in range(_AT_REST):
                await turn()
            return await self._send(pipeline, commands)
        finally:
            self._under_way -= 1


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
        trips = Trips()
        monkeypatch.setattr(Pipeline, "_pipeline", lambda *call: trips.held(*call))
        assert await log_in() == 201
        count = trips.count
        monkeypatch.undo()
    assert count == 2
