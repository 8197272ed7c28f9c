"""Whose request it is that is still on its way: every carrier, and the session is not touched."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.openid.access_tokens import AccessTokens
from sessiongate.rules.token import PERSON
from sessiongate.session import CONSOLE, Client, Ended
from tests.gate import Gate
from tests.http.requests import request

KEY = RSAKey.generate_key(2048, private=True)

CARRIERS: dict[str, Callable[[str], dict[str, str]]] = {
    "vmware header": lambda token: {"vmware_api_session_id": token},
    "zerto header": lambda token: {"x_zerto_session": token},
    "soap cookie": lambda token: {"cookie": f'a=b; vmware_soap_session="{token}"; Path=/'},
    "rest cookie": lambda token: {"cookie": f"vmware-api-session-id={token}"},
    "bearer": lambda token: {"authorization": f"Bearer {token}"},
}


class House:
    def __init__(self, folder: Path) -> None:
        self.gate = Gate(folder)
        self.tokens = AccessTokens(KEY, self.gate.clock, timedelta(minutes=1))
        self.callers = KnownCallers(
            self.gate.sessions,
            self.gate.bearers_over(self.gate.store, self.tokens),
            takes_assertions=True,
        )

    async def known(self, **headers: Any) -> bool:
        named: dict[str, Any] = {
            name.replace("vmware_api", "vmware-api"): value for name, value in headers.items()
        }
        return await self.callers.known(request("POST", "/sdk", **named))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_sec_75_a_live_session_is_known_by_every_carrier(carrier: str, house: House) -> None:
    sessions = house.gate.sessions
    opened = await house.gate.login("bob")
    headers = CARRIERS[carrier](opened.token.reveal())
    assert await house.known(**headers)
    found = await sessions.find(opened.session.key)
    assert found is not None
    assert found.call_count == opened.session.call_count
    assert not await house.known(**CARRIERS[carrier](opened.session.key))
    assert not await house.known(**CARRIERS[carrier]("x" * 300))
    await sessions.end(opened.session.key, Ended.LOGOUT)
    assert not await house.known(**headers)


async def test_sec_75_a_signed_token_is_known_while_its_session_lives(house: House) -> None:
    sessions = house.gate.sessions
    opened = await house.gate.login("bob")
    signed = house.tokens.access(opened.session, "https://x", "zerto-client", "profile")
    assert await house.known(authorization=f"Bearer {signed}")
    assert not await house.known(authorization=f"Bearer {signed[:-3]}AAA")
    house.gate.clock.tick(timedelta(minutes=2))
    assert not await house.known(authorization=f"Bearer {signed}")
    fresh = house.tokens.access(opened.session, "https://x", "zerto-client", "profile")
    await sessions.end(opened.session.key, Ended.LOGOUT)
    assert not await house.known(authorization=f"Bearer {fresh}")


async def test_sec_75_nobody_and_two_at_once_are_not_known(house: House) -> None:
    one, two = [await house.gate.login(name) for name in ("bob", "ada")]
    assert not await house.known()
    assert not await house.known(authorization="Basic Ym9iOmJvYg==")
    assert not await house.known(
        vmware_api_session_id=one.token.reveal(), x_zerto_session=two.token.reveal()
    )


@pytest.mark.parametrize(
    ("path", "begun", "excused"),
    [
        ("/sdk", b"<Envelope><Header><wsse:Security><saml2:Assertion ID=", True),
        ("/sdk/", b"<Envelope><Header><Security><Assertion>", True),
        ("/sdk", b"<Envelope><Body><Login>", False),
        ("/sdk/vim25/8.0.3.0/SessionManager/SessionManager/Login", b"SecurityAssertion", False),
        ("/v1/session/add", b"SecurityAssertion", False),
    ],
)
def test_sec_75_a_login_by_saml_token_is_excused(
    path: str, begun: bytes, excused: bool, house: House
) -> None:
    callers = house.callers
    assert (callers.may_be_excused(path) and callers.excused(begun)) == excused


def test_sec_73_where_no_assertion_can_be_verified_none_is_excused(house: House) -> None:
    """Two words in a document were enough for a megabyte of dear XML."""
    bearers = house.gate.bearers_over(house.gate.store, house.tokens)
    callers = KnownCallers(house.gate.sessions, bearers, takes_assertions=False)
    assert not callers.may_be_excused("/sdk")


async def test_sec_75_a_token_of_the_console_makes_nobody_known_to_a_dialect(house: House) -> None:
    client = Client("192.0.2.7", "Mozilla", CONSOLE)
    opened = await house.gate.login("ada", client, form=PERSON)
    for carrier in CARRIERS.values():
        assert not await house.known(**carrier(opened.token.reveal()))
