"""The way in: who may use the console, and what the others are told."""

from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.errors import BadCredentials, LockedOut
from sessiongate.operations.console.sign_in import NOT_ALLOWED, WRONG, holds, place_to_go
from sessiongate.rules.access import BUILT_IN, LIST_SESSIONS, TERMINATE_SESSION
from sessiongate.secret import Secret
from sessiongate.session import Caps
from tests.each import each
from tests.gate import CLIENT, Gate
from tests.operations.console.browser import Desk, events_of, text_of, words_of


@each("name", ["bob", "nil"])
async def test_sec_14_who_may_see_no_sessions_may_not_use_the_console(
    name: str, desk: Desk
) -> None:
    browser = desk.browser()
    reply = await browser.sign_in(name)
    assert reply.status == 403
    assert NOT_ALLOWED in words_of(reply)
    assert browser.cookies == {}
    assert await desk.gate.live() == []


async def test_where_there_is_no_room_the_way_out_is_told(tmp_path: Path) -> None:
    desk = Desk(Gate(tmp_path, caps=Caps(total=1)))
    await desk.gate.login("bob")
    reply = await desk.browser().sign_in("eve")
    assert reply.status == 403
    assert "sessiongate sessions terminate" in words_of(reply)


async def test_an_administrator_comes_in_past_the_cap_and_makes_room(tmp_path: Path) -> None:
    gate = Gate(tmp_path, caps=Caps(total=1))
    desk = Desk(gate)
    full = await gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    await ada.post("/console/sessions/end", key=full.session.key)
    await ada.post("/console/logout")
    assert (await gate.login("bob")).session.principal == "bob"


async def test_a_token_of_a_person_says_what_it_is_for(desk: Desk) -> None:
    assert (await desk.signed_in("ada")).token.startswith("sgp_")


async def test_that_it_was_tried_stands_in_the_audit(desk: Desk) -> None:
    await desk.browser().sign_in("bob")
    told = [(one.event, one.user, one.reason) for one in events_of(desk.gate)]
    assert told[-3:] == [
        ("session opened", "bob", ""),
        ("permission denied", "bob", LIST_SESSIONS),
        ("session ended", "bob", "logout"),
    ]


async def test_wrong_unknown_and_locked_are_told_alike(desk: Desk) -> None:
    browser = desk.browser()
    replies = [await browser.sign_in("ada", "wrong"), await browser.sign_in("nobody", "wrong")]
    for _ in range(3):
        await browser.sign_in("eve", "wrong")
    replies.append(await browser.sign_in("eve", "eveeve"))
    texts = {
        text_of(one)
        .replace('value="ada"', "")
        .replace('value="nobody"', "")
        .replace('value="eve"', "")
        for one in replies
    }
    assert len(texts) == 1
    assert WRONG in words_of(replies[0])
    assert {one.status for one in replies} == {403}


async def test_sec_22_a_lock_holds_from_the_console_to_dialects_and_back(gate: Gate) -> None:
    desk = Desk(gate)
    browser = desk.browser(peer=CLIENT.ip_address)
    for _ in range(3):
        await browser.sign_in("ada", "wrong")
    with pytest.raises(LockedOut):
        await gate.login("ada")
    gate.clock.tick(timedelta(minutes=10))
    for _ in range(3):
        with pytest.raises(BadCredentials):
            await gate.logins.login("eve", Secret("wrong"), CLIENT, default="local")
    reply = await browser.sign_in("eve")
    assert (reply.status, browser.cookies) == (403, {})


async def test_a_name_that_was_typed_stands_in_the_form_again_as_text(desk: Desk) -> None:
    reply = await desk.browser().sign_in('"><script>alert(1)</script>', "wrong")
    assert "<script>alert" not in text_of(reply)
    assert "&lt;script&gt;alert(1)" in text_of(reply)


async def test_an_outage_is_no_wrong_password(desk: Desk) -> None:
    desk.gate.store.away.add("add")
    reply = await desk.browser().sign_in("ada")
    assert reply.status == 503
    assert WRONG not in words_of(reply)


def test_whoever_may_end_sessions_sees_them() -> None:
    assert holds(frozenset({TERMINATE_SESSION}), LIST_SESSIONS)
    assert holds(BUILT_IN["operator"], LIST_SESSIONS)
    assert not holds(BUILT_IN["operator"], TERMINATE_SESSION)
    assert not holds(BUILT_IN["user"], LIST_SESSIONS)


@each("there", ["/console/", "/console/sessions", "/console/sessions?user=b%2A&after=last.1.a-b"])
def test_a_place_of_ours_is_gone_to(there: str) -> None:
    assert place_to_go(there) == there
