"""What a client gets of a ZVM's answers: none of the gateway's own tokens there."""

import asyncio
import time
from typing import Self, cast

import pytest

from sessiongate.errors import NotSupported, OutcomeUnknown
from sessiongate.gateway.calls.zerto_calls import ZertoCall
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.renewals import Renewals
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.rules.relay_zerto import judge_zerto
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.wire.http import Answer, Headers
from sessiongate.wire.vim.client import UpstreamSession
from sessiongate.wire.zerto_client import Flavor, Renewal, zvm_session
from sessiongate.wire.zerto_relayed import Addresses, read_zerto
from tests.each import each
from tests.gateway.test_accounts import session_of

OWN = "11111111-aaaa-bbbb-cccc-000000000001"
OTHER = "22222222-aaaa-bbbb-cccc-000000000002"
ACCESS, REFRESH = "eyJhbGciOi.access-of-eve.x", "eyJhbGciOi.refresh-of-eve.x"
ADDRESSES = Addresses("https://zvm.example", "https://gate.example")
ADA = Person("zvm", "ada")


def known() -> TokensInUse:
    found = TokensInUse()
    found.put("a", zvm_session(Flavor.CLASSIC, Secret(OWN), "ada"))
    found.put("b", zvm_session(Flavor.CLASSIC, Secret(OTHER), "bob"))
    renewal = Renewal(Secret(REFRESH), 60.0, 60.0, 1800.0)
    found.put("c", zvm_session(Flavor.APPLIANCE, Secret(ACCESS), "eve", renewal))
    return found


async def told(in_use: TokensInUse, body: str, *more: tuple[str, str], verb: str = "GET") -> Answer:
    request = read_zerto(verb, "/v1/alerts", "", b"", None)
    verdict = judge_zerto(verb, "/v1/alerts", "")
    nobody = cast("Renewals", None)  # asked for the request, and not for the reply
    call = ZertoCall(request, verdict, (), nobody, in_use, ADDRESSES)
    lease = Lease("a", zvm_session(Flavor.CLASSIC, Secret(OWN), "ada"), 0.0)
    headers: Headers = (("content-type", "application/json"), *more)
    return await call.reply(lease, session_of(ADA), Answer(200, headers, body.encode()))


@each("shown", [OWN, OWN.upper(), OTHER, OTHER.upper(), ACCESS, REFRESH])
async def test_sec_92_a_token_of_any_session_at_a_zvm_is_held_back(shown: str) -> None:
    in_use = known()
    with pytest.raises(NotSupported, match="shows a token of the ZVM"):
        await told(in_use, f'{{"a":"{shown}"}}')
    with pytest.raises(NotSupported, match="shows a token of the ZVM"):
        await told(in_use, "{}", ("etag", f'"{shown}"'))
    with pytest.raises(OutcomeUnknown, match="shows a token of the ZVM"):
        await told(in_use, f'{{"a":"{shown}"}}', verb="POST")
    in_use.drop("b")
    in_use.drop("c")
    if shown.upper() != OWN.upper():
        answer = await told(in_use, f'{{"a":"{shown}"}}')
        assert answer.body == f'{{"a":"{shown}"}}'.encode()


async def test_addresses_of_the_zvm_become_ours() -> None:
    answer = await told(known(), '{"href":"https://zvm.example/v1/vpgs/1"}')
    assert answer.body == b'{"href":"https://gate.example/v1/vpgs/1"}'


class Others:
    """What has its turns of the event loop meanwhile."""

    def __init__(self) -> None:
        self.turns, self.longest = 0, 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._turn())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _turn(self) -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            self.turns, self.longest = self.turns + 1, max(self.longest, time.thread_time() - began)


async def test_sec_73_others_have_turns_while_a_large_reply_is_looked_through() -> None:
    """Of 32 MiB of addresses, that took more than two seconds of the event loop."""
    one = '{"href":"https://zvm.example/v1/vpgs/1"}'
    count = (1 << 22) // len(one)
    async with Others() as others:
        answer = await told(known(), one * count)
    assert answer.body == b'{"href":"https://gate.example/v1/vpgs/1"}' * count
    assert others.turns > 50
    assert others.longest < 0.25


async def test_sec_73_others_have_turns_while_a_large_request_is_turned() -> None:
    one = b"<a>https://gate.example/v1/vpgs/1</a>"
    count = (1 << 22) // len(one)
    request = read_zerto("POST", "/v1/vpgs", "", one * count, "application/xml")
    renewals = cast("Renewals", Usable())
    verdict = judge_zerto("POST", "/v1/vpgs", "")
    call = ZertoCall(request, verdict, (), renewals, known(), ADDRESSES)
    async with Others() as others:
        await call.require_read()
    ask = await call.ask(Lease("a", zvm_session(Flavor.CLASSIC, Secret(OWN), "ada"), 0.0))
    assert ask.body == b"<a>https://zvm.example/v1/vpgs/1</a>" * count
    assert others.turns > 50
    assert others.longest < 0.25


class Usable:
    """Sessions at ZVMs whose tokens are good."""

    async def usable(self, lease: Lease) -> UpstreamSession:
        return lease.session
