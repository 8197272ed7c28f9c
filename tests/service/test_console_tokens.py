"""Whose script asks the console, how it is told from others' tokens, and what the audit has."""

from datetime import timedelta

import pytest

from sessiongate.audit.event import Event, read
from sessiongate.errors import BadCredentials, LockedOut, StoreUnavailable
from sessiongate.rules.lockout import Policy
from sessiongate.rules.scopes import console_scope
from sessiongate.rules.token import manager_token, script_token
from sessiongate.secret import Secret
from sessiongate.service.console_tokens import ConsoleTokens, ScriptCaller
from sessiongate.service.wrong_tokens import WrongTokens
from sessiongate.session import CONSOLE, Client
from sessiongate.store.embedded.manager_tokens import MemoryManagerTokens
from sessiongate.store.manager_port import StoredToken
from sessiongate.testing import T0
from tests.gate import Gate

TOKEN, UNKNOWN = (Secret(script_token(bytes([number]) * 32)) for number in (1, 2))
HERE = Client("192.0.2.7", "curl/8", CONSOLE)
THERE = Client("192.0.2.8", "curl/8", CONSOLE)


class Tokens(MemoryManagerTokens):
    """A store that may not answer."""

    away = False

    async def find(self, digest: bytes) -> StoredToken | None:
        if self.away:
            raise StoreUnavailable("the disk is gone")
        return await super().find(digest)


class Case:
    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.tokens = Tokens()
        policy = Policy(3, timedelta(minutes=3), timedelta(minutes=5))
        wrong = WrongTokens(policy, gate.clock)
        self.scripts = ConsoleTokens(self.tokens, wrong, gate.clock, gate.journal)

    async def identify(self, token: Secret, client: Client = HERE) -> ScriptCaller:
        return await self.scripts.identify(token, client)

    def events(self) -> list[Event]:
        return [read(line) for line in self.gate.store.audit.payloads]


@pytest.fixture
async def case(gate: Gate) -> Case:
    made = Case(gate)
    scopes = (console_scope("operator"),)
    await made.tokens.add(StoredToken(TOKEN.digest(), "nightly", scopes, T0))
    return made


async def test_a_token_says_who_with_which_role_and_was_used(case: Case) -> None:
    found = await case.identify(TOKEN)
    assert (found.name, found.role) == ("token:nightly", "operator")
    assert await case.tokens.uses() == {TOKEN.digest(): T0}


async def test_sec_69_the_audit_has_the_first_use_from_an_address_in_an_hour(case: Case) -> None:
    for client in (HERE, HERE, THERE):
        await case.identify(TOKEN, client)
    case.gate.clock.tick(timedelta(hours=1))
    await case.identify(TOKEN)
    told = [(one.event, one.user, one.ip, one.token) for one in case.events()]
    short = TOKEN.digest()[:4].hex()
    assert told == [
        ("console token used", "token:nightly", ip, short)
        for ip in (HERE.ip_address, THERE.ip_address, HERE.ip_address)
    ]
    assert not any(TOKEN.reveal().encode() in line for line in case.gate.store.audit.payloads)


async def test_sec_08_a_token_that_was_revoked_is_as_an_unknown_one(case: Case) -> None:
    await case.identify(TOKEN)
    await case.tokens.remove(TOKEN.digest())
    for token in (TOKEN, UNKNOWN):
        with pytest.raises(BadCredentials, match="none of the console, or was revoked"):
            await case.identify(token)
    assert await case.tokens.uses() == {}


async def test_a_token_of_the_session_manager_is_none_of_the_console(case: Case) -> None:
    other = Secret(manager_token(bytes(32)))
    await case.tokens.add(StoredToken(other.digest(), "csi", (console_scope("operator"),), T0))
    odd = Secret(script_token(bytes(32)))
    await case.tokens.add(StoredToken(odd.digest(), "csi", ("vc1",), T0))
    for token in (other, odd):
        with pytest.raises(BadCredentials):
            await case.identify(token)
    assert await case.tokens.uses() == {}


async def test_sec_22_wrong_tokens_lock_an_address_but_no_known_token_there(case: Case) -> None:
    for _ in range(3):
        with pytest.raises(BadCredentials):
            await case.identify(UNKNOWN)
    with pytest.raises(LockedOut):
        await case.identify(UNKNOWN)
    await case.identify(TOKEN)
    with pytest.raises(BadCredentials):
        await case.identify(UNKNOWN, THERE)
    case.gate.clock.tick(timedelta(minutes=5))
    with pytest.raises(BadCredentials):
        await case.identify(UNKNOWN)


async def test_an_outage_is_no_refusal(case: Case) -> None:
    case.tokens.away = True
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await case.identify(TOKEN)
    case.tokens.away = False
    await case.identify(TOKEN)
