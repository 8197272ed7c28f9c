"""Sessions whose reply reached nobody are ended, and whoever stops the server waits for that."""

import asyncio
import json
from urllib.parse import urlencode

from sessiongate.audit import event
from sessiongate.dialects.openid.endpoint import OpenIdEndpoint
from sessiongate.errors import StoreUnavailable
from sessiongate.http.message import Reply
from sessiongate.service.undelivered import Undelivered
from sessiongate.session import Ended
from sessiongate.wire import openid
from tests.gate import Gate
from tests.http.requests import request


async def test_a_session_whose_reply_reached_nobody_ends(gate: Gate) -> None:
    kept = await gate.login("bob")
    opened = await gate.login("ada")
    opened.undelivered()
    await gate.sessions.undelivered.finish()
    assert await gate.live() == ["bob"]
    assert await gate.sessions.check(kept.token) is not None
    (ended,) = [one for one in map(event.read, gate.store.audit.payloads) if one.reason]
    assert (ended.event, ended.reason, ended.key) == (
        "session ended",
        "unclaimed",
        opened.session.key,
    )


async def test_an_outage_is_left_to_the_idle_limit() -> None:
    asked: list[tuple[str, Ended]] = []

    async def end(key: str, reason: Ended) -> bool:
        asked.append((key, reason))
        await asyncio.sleep(0)
        raise StoreUnavailable("away")

    undelivered = Undelivered(end)
    undelivered.of("52")()
    undelivered.of("53")()
    await undelivered.finish()
    assert asked == [("52", Ended.UNCLAIMED), ("53", Ended.UNCLAIMED)]


async def test_a_refresh_opens_nothing_that_could_be_undelivered(gate: Gate) -> None:
    endpoint = OpenIdEndpoint(
        gate.sessions,
        gate.logins,
        gate.bearers,
        provider="local",
        client_provider="local",
        clients=(),
    )
    form = {"client_id": openid.PUBLIC_CLIENT, "username": "ada", "password": "adaada"}
    first = await token(endpoint, {"grant_type": "password", **form})
    assert first.undelivered is not None
    refresh = {"refresh_token": json.loads(first.body)["refresh_token"], **form}
    second = await token(endpoint, {"grant_type": "refresh_token", **refresh})
    assert (second.status, second.undelivered) == (200, None)


async def token(endpoint: OpenIdEndpoint, form: dict[str, str]) -> Reply:
    kind = "application/x-www-form-urlencoded"
    body = urlencode(form).encode()
    return await endpoint(request("POST", openid.TOKEN, body, content_type=kind, host="x"))
