"""A token in, a clone ticket out: what each answer says, and what is counted and written down."""

from datetime import timedelta

import pytest

from sessiongate import errors
from sessiongate.audit import event
from sessiongate.audit.clone_tickets import TicketJournal
from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal
from sessiongate.dialects.session_manager.endpoint import PREFIX, SessionManagerEndpoint, refuse
from sessiongate.errors import ForeignOrigin, Malformed
from sessiongate.gateway.accounts import Accounts
from sessiongate.http.message import Reply, Request
from sessiongate.identity.tokens.service_accounts import ServiceAccounts
from sessiongate.rules.lockout import Policy
from sessiongate.rules.pace import Rate
from sessiongate.secret import Secret
from sessiongate.service.manager_clients import ManagerClients
from sessiongate.store.embedded.audit import MemoryAudit
from sessiongate.store.embedded.manager_tokens import MemoryManagerTokens
from sessiongate.store.manager_port import StoredToken
from sessiongate.testing import T0, FakeClock
from tests.gateway.test_accounts import House, Make, clock, house, make, rows_of, server

__all__ = ["clock", "house", "make", "rows_of", "server"]

TOKEN = "sgm_the-stored-token-of-the-cloud-provider"
ATTEMPTS = 4


class Case:
    """An endpoint over a real parent at a vCenter of the tests."""

    def __init__(self, accounts: Accounts, tokens: MemoryManagerTokens) -> None:
        self.lines: list[bytes] = []
        now = FakeClock()
        clients = ManagerClients(
            tokens,
            dict,
            ServiceAccounts([]),
            {},
            now,
            lambda: 0.0,
            Rate(5, 60),
            Policy(ATTEMPTS, timedelta(minutes=3), timedelta(minutes=5)),
        )
        self.accounts = accounts
        journal = Journal(now, MemoryAudit(), self.lines.append)
        upstreams = {"vc1": accounts, "vc2": accounts}
        self.endpoint = SessionManagerEndpoint(clients, upstreams, TicketJournal(journal, now), 300)

    async def ask(self, token: str | None = TOKEN, name: str = "vc1", verb: str = "GET") -> Reply:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        return await self.endpoint(
            Request(verb, PREFIX + name, "", headers, b"", "192.0.2.7", secure=True)
        )

    def events(self) -> list[Event]:
        return [event.read(line) for line in self.lines]


@pytest.fixture
async def case(make: Make) -> Case:
    tokens = MemoryManagerTokens()
    await tokens.add(StoredToken(Secret(TOKEN).digest(), "cpi-prod", ("vc1", "vc3"), T0))
    return Case(make(service=True), tokens)


async def test_a_ticket_and_its_event(case: Case, house: House) -> None:
    reply = await case.ask()
    assert (reply.status, reply.close) == (200, True)
    assert reply.body == b'{"token":"cst-VCT-1-000000000"}'
    (issued,) = case.events()
    assert (issued.event, issued.user, issued.how) == ("clone ticket issued", "cpi-prod", "vc1")
    assert issued.dialect == "session-manager"
    assert b"cst-" not in case.lines[0]
    assert TOKEN.encode() not in case.lines[0]
    assert case.accounts.meters.tickets == {"issued": 1}


async def test_a_ticket_that_nobody_got_is_counted(case: Case) -> None:
    reply = await case.ask()
    assert reply.undelivered is not None
    reply.undelivered()
    assert case.accounts.meters.tickets == {"issued": 1, "undelivered": 1}


async def test_sec_69_every_refusal_has_its_status_and_one_event(case: Case, house: House) -> None:
    asked = {
        (None, "vc1", "GET"): 401,
        ("sgm_one-that-nobody-has-ever-given-out-to-anybody", "vc1", "GET"): 401,
        (TOKEN, "vc2", "GET"): 403,
        (TOKEN, "vc3", "GET"): 404,
        (TOKEN, "vc1", "DELETE"): 405,
        (TOKEN, "vc1", "HEAD"): 405,
    }
    for (token, name, verb), status in asked.items():
        reply = await case.ask(token, name, verb)
        headers = dict(reply.headers)
        assert (reply.status, reply.close) == (status, True)
        assert headers["cache-control"] == "no-store"
        assert headers["content-type"] == "application/json"
        assert (headers.get("www-authenticate") == "Bearer") is (status == 401)
        assert (headers.get("allow") == "GET") is (status == 405)
    assert [one.event for one in case.events()] == ["clone ticket refused"] * len(asked)
    assert house.made == 0, "nothing was asked of the vCenter"


async def test_beyond_its_rate_a_client_is_told_when_to_come_back(case: Case) -> None:
    replies = [await case.ask() for _ in range(6)]
    assert [one.status for one in replies] == [200] * 5 + [429]
    assert dict(replies[-1].headers)["retry-after"] == "12"
    assert case.accounts.meters.tickets["limited"] == 1
    assert case.events()[-1].reason == "QuotaReached"


async def test_sec_22_wrong_tokens_lock_an_address_but_not_a_known_token_there(case: Case) -> None:
    for _ in range(ATTEMPTS):
        assert (await case.ask("a.b.c")).status == 401
    locked = await case.ask("a.b.c")
    assert locked.status == 429
    assert dict(locked.headers)["retry-after"] == "300"
    assert (await case.ask()).status == 200


async def test_a_parent_that_cannot_be_had_is_503(case: Case, house: House) -> None:
    house.password = "another"
    for _ in range(3):
        reply = await case.ask()
        assert reply.status == 503
        assert int(dict(reply.headers)["retry-after"]) >= 1
    assert house.refused == 1
    assert case.accounts.meters.tickets == {"unavailable": 3}


async def test_an_upstream_without_a_parent_has_no_tickets(make: Make) -> None:
    tokens = MemoryManagerTokens()
    await tokens.add(StoredToken(Secret(TOKEN).digest(), "cpi-prod", ("vc1",), T0))
    assert (await Case(make(service=True, size=1), tokens).ask()).status == 404


def test_refusals_before_anybody_is_asked() -> None:
    request = Request("GET", f"{PREFIX}vc1", "", [], b"", "192.0.2.7", secure=True)
    forms: dict[errors.SessionGateError | None, int] = {
        None: 500,
        ForeignOrigin("x"): 403,
        Malformed("x"): 400,
        errors.StoreUnavailable("x"): 503,
    }
    for error, status in forms.items():
        reply = refuse(request, error)
        assert (reply.status, reply.close) == (status, True)
        assert b'"error"' in reply.body
