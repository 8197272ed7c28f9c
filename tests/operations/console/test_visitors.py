"""Who is signed in: tokens of the console alone, the console's limits, and no touch by polling."""

from datetime import timedelta

from sessiongate.session import Client
from tests.each import each
from tests.gate import CLIENT
from tests.operations.console.browser import Desk, events_of, header_of

COOKIE = "sessiongate-console"


@each("dialect", ["vi-json", "vim", "rest", "zerto", "appliance"])
async def test_a_dialects_token_opens_no_console(dialect: str, desk: Desk) -> None:
    opened = await desk.gate.login("ada", Client("192.0.2.9", "curl/8", dialect))
    thief = desk.browser()
    thief.cookies[COOKIE] = opened.token.reveal()
    assert (await thief.get("/console/sessions")).status == 303
    assert (await thief.get("/console/api/v1/sessions")).status == 401
    assert (await desk.gate.sessions.peek(opened.token.digest())).call_count == 0  # type: ignore[union-attr]
    await desk.gate.store.end(opened.session.key)


async def test_two_cookies_that_differ_are_none(desk: Desk) -> None:
    ada, eve = await desk.signed_in("ada"), await desk.signed_in("eve")
    both = f"{COOKIE}={ada.token}; {COOKIE}={eve.token}"
    reply = await desk.browser().ask("GET", "/console/sessions", headers=(("cookie", both),))
    assert reply.status == 303
    twice = f"{COOKIE}={ada.token}; {COOKIE}={ada.token}"
    reply = await desk.browser().ask("GET", "/console/sessions", headers=(("cookie", twice),))
    assert reply.status == 200


async def test_the_cookie_of_plain_http_is_none_over_tls(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    over_tls = desk.browser(secure=True)
    over_tls.cookies[COOKIE] = ada.token
    assert (await over_tls.get("/console/sessions")).status == 303


async def test_a_tab_that_is_open_is_signed_out_at_fifteen_minutes(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    polling = ("hx-request", "true")
    for _ in range(14):
        desk.gate.clock.tick(timedelta(minutes=1))
        assert (await ada.get("/console/sessions", polling)).status == 200
        assert (await ada.get("/console/api/v1/sessions")).status == 200
    desk.gate.clock.tick(timedelta(minutes=1))
    assert (await ada.get("/console/sessions", polling)).status == 401
    assert await desk.gate.live() == []
    assert events_of(desk.gate)[-1].reason == "idle"


async def test_a_person_who_goes_on_is_signed_out_after_eight_hours(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    for _ in range(47):
        desk.gate.clock.tick(timedelta(minutes=10))
        assert (await ada.get("/console/sessions")).status == 200
    desk.gate.clock.tick(timedelta(minutes=10))
    reply = await ada.get("/console/sessions")
    assert "did=late" in header_of(reply, "location")
    assert events_of(desk.gate)[-1].reason == "aged"


async def test_who_has_closed_the_browser_is_signed_out_too(desk: Desk) -> None:
    await desk.signed_in("ada")
    await desk.gate.login("bob", CLIENT)
    desk.gate.clock.tick(timedelta(minutes=14))
    await desk.visitors.tidy()
    assert await desk.gate.live() == ["ada", "bob"]
    desk.gate.clock.tick(timedelta(minutes=1))
    await desk.visitors.tidy()
    assert await desk.gate.live() == ["bob"]


async def test_an_end_elsewhere_is_an_end_here(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    [session] = [one async for one in desk.gate.sessions.list()]
    await desk.gate.store.end(session.key)
    assert (await ada.get("/console/sessions")).status == 303
    assert (await ada.post("/console/sessions/end", key="x")).status == 303
