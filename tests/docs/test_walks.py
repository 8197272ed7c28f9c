"""How far a request goes through the code: counted in a running server, and as the page says it."""

import asyncio
import http.client
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sessiongate.app.server import Server
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.secret import Secret
from tests.app.test_server import port_of, settings
from tests.docs import pages
from tests.end_to_end.serving import Body, Headers, Reply
from tests.security.dialects import DIALECTS, Dialect
from tests.until import PATIENCE
from tests.walk import room_of, walked

NAME, PASSWORD = "ada", "correct horse battery"
ROOMS = {
    "zerto-appliance": "openid",
    "vi-json": "vim",
    "soap": "vim",
    "api": "automation",
    "rest": "automation",
    "json-rpc": "automation",
}


class Client:
    """Asks the server, over a connection of its own each time."""

    def __init__(self, address: str) -> None:
        self.host, self.port = port_of(address)

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        pairs = dict(headers)
        data = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        try:
            connection.request(verb, path, data, pairs)
            answer = connection.getresponse()
            return Reply(answer.status, tuple(answer.getheaders()), answer.read())
        finally:
            connection.close()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    folder = tmp_path / "data"
    folder.mkdir()
    hasher = PasswordHasher(1, 10)
    roles = ["administrator"]
    add_user(folder / "users.toml", NAME, Secret(PASSWORD), roles[0], hasher=hasher, roles=roles)
    hasher.close()
    server = Server(settings(folder))
    started = await server.start()
    yield Client(started.addresses[0])
    await server.stop()


def page() -> str:
    return pages.page("overview.md").read_text(encoding="utf-8")


def told(walk: str) -> list[str]:
    """What the page says of a walk: the names in its row of the table of hops."""
    (row,) = re.findall(rf"^\| {walk} \| (.*?) \| \d+", page(), re.MULTILINE)
    return re.findall(r"`([\w.]+)`", row)


async def worked(dialect: Dialect, what: str, to: Client, token: str = "") -> Reply:
    if what == "login":
        reply = await asyncio.to_thread(dialect.login, to, NAME, PASSWORD)
    else:
        reply = await asyncio.to_thread(dialect.check, to, dialect.carry(token))
    assert dialect.worked(reply), reply
    return reply


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
async def test_a_login_takes_eight_hops_and_a_check_four(client: Client, dialect: Dialect) -> None:
    own = f"dialects.{ROOMS.get(dialect.name, dialect.name)}"
    with walked() as login:
        reply = await worked(dialect, "login", client)
    with walked() as check:
        await worked(dialect, "check", client, dialect.token_of(reply) or "")
    for walk, name, most in ((login, "a login", 8), (check, "a check", 6)):
        assert walk.hops == [one.replace("dialects.NAME", own) for one in told(name)]
        assert len(walk.hops) <= most
    assert len(check.hops) >= 4


async def test_a_soap_call_has_ten_stays_at_most_and_climbs_twice(client: Client) -> None:
    (soap,) = [one for one in DIALECTS if one.name == "soap"]
    token = soap.token_of(await worked(soap, "login", client)) or ""
    with walked() as walk:
        await worked(soap, "check", client, token)
    with walked() as again:  # recognised by its bytes, so that the codec only writes
        await worked(soap, "check", client, token)
    assert walk.stays == told("a SOAP call")
    assert set(again.stays) == set(walk.stays)
    assert len(walk.stays) <= 10
    assert (walk.climbs, again.climbs) == (2, 2)


def test_the_numbers_of_the_page_are_those_of_its_lists() -> None:
    for walk, number in (("a login", 8), ("a check", 4), ("a SOAP call", 10)):
        (said,) = re.findall(rf"^\| {walk} \| .* \| (\d+)", page(), re.MULTILINE)
        assert len(told(walk)) == int(said) == number


def test_rooms_are_folders() -> None:
    assert room_of("dialects.request") == "dialects"
    assert room_of("dialects.zerto.endpoint") == "dialects.zerto"
    assert room_of("identity.guard.guard") == "identity.guard"
    assert room_of("identity.routing") == "identity"
    assert room_of("store.embedded.sqlite") == "store"
