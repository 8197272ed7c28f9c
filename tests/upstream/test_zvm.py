"""A ZVM as whoever opens and ends sessions there sees it."""

import time
from datetime import timedelta

import pytest

from sessiongate.errors import UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.zvm import Zvm
from sessiongate.wire.zerto_client import Flavor, zvm_session
from tests.upstream.fakes import FakeServer, http

SESSION = zvm_session(Flavor.CLASSIC, Secret("a-session-at-a-classic-zvm"), "ada")


@pytest.mark.parametrize(
    ("status", "lives"), [(200, True), (401, False), (403, True), (500, None), (503, None)]
)
async def test_sec_63_only_a_401_says_that_a_session_is_over(
    status: int, lives: bool | None
) -> None:
    """An outage says nothing of it, neither yes nor no."""
    async with FakeServer(lambda _: http(status)) as server:
        exchange = Exchange(server.url, Trust(verify=False))
        zvm = Zvm("zvm1", exchange, timedelta(seconds=30), time.time, flavor=Flavor.CLASSIC)
        try:
            if lives is None:
                with pytest.raises(UpstreamUnavailable):
                    await zvm.lives(SESSION)
            else:
                assert await zvm.lives(SESSION) is lives
        finally:
            await exchange.close()
    (asked,) = server.asked
    assert asked.headers["x-zerto-session"] == SESSION.token.reveal()
