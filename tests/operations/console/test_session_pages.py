"""The list, one session, its export, and the end of one, some or all."""

import json
from datetime import timedelta
from functools import partial

from sessiongate.http.message import Reply
from sessiongate.operations.console.port import ClientLease
from sessiongate.operations.console.recent_ends import WINDOW
from sessiongate.session import Client
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.testing.sessions import NO_CAPS, a_session
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import (
    Browser,
    Desk,
    events_of,
    header_of,
    rows_of,
    tags_of,
    text_of,
    words_of,
)

CANARY = "<img src=x onerror=alert(1)>\"'&{{7*7}}<!--at--><!--version-->"


def client(
    agent: str = "govc/0.37", address: str = "192.0.2.7", dialect: str = "vi-json"
) -> Client:
    return Client(address, agent, dialect)


async def key_of(gate: Gate, name: str, *facts: str) -> str:
    return (await gate.login(name, client(*facts))).session.key


async def test_the_list_says_who_holds_sessions_the_last_call_first(desk: Desk) -> None:
    first = await desk.gate.login("bob", client())
    desk.gate.clock.tick(timedelta(minutes=2))
    second = await key_of(desk.gate, "eve", "curl/8", "192.0.2.8", "rest")
    desk.gate.clock.tick(timedelta(minutes=1))
    await desk.gate.sessions.check(first.token)
    desk.gate.clock.tick(timedelta(seconds=1))
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/sessions?dialect=")
    assert rows_of(reply)[1:] == [first.session.key, second]
    said = words_of(reply)
    for words in ("govc 0.37", "192.0.2.7", "vi-json", "3 sessions, as of", "this is you"):
        assert words in said


async def test_a_filter_in_the_address_is_the_one_that_the_form_shows(desk: Desk) -> None:
    bob = await key_of(desk.gate, "bob")
    await key_of(desk.gate, "eve")
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/sessions?user=b*&agent=govc")
    assert rows_of(reply) == [bob]
    fields = {one.get("name"): one.get("value") for one in tags_of(reply, "input")}
    assert (fields["user"], fields["agent"], fields["dialect"]) == ("b*", "govc", "")
    assert "1 session, as of" in words_of(reply)


async def test_no_match_offers_to_clear_the_filter(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    assert "Clear filters" in words_of(await ada.get("/console/sessions?user=nobody"))


async def test_the_twin_says_the_same_as_the_page(desk: Desk) -> None:
    bob = await key_of(desk.gate, "bob")
    ada = await desk.signed_in("ada")
    said = json.loads((await ada.get("/console/api/v1/sessions?user=bob")).body)
    [row] = said["rows"]
    assert (row["key"], row["user"], row["client"]) == (bob, "bob", "govc 0.37")
    assert (said["total"], said["more"]) == (1, False)
    one = json.loads((await ada.get(f"/console/api/v1/sessions/{bob}")).body)
    assert one["session"]["key"] == bob


@each("path", ["sessions", "sessions/{bob}", "sessions/end?key={bob}", "sessions?agent={canary}"])
async def test_sec_71_what_clients_send_stays_text(path: str, gate: Gate) -> None:
    gate.identity.add(CANARY[:20], "x" * 12, "user")
    desk = Desk(gate)
    bob = await key_of(gate, "bob", CANARY)
    ada = await desk.signed_in("ada", agent=CANARY)
    target = path.replace("{bob}", bob).replace("{canary}", "%3Cimg%20src=x%20onerror=alert(1)%3E")
    reply = await ada.get(f"/console/{target}")
    assert reply.status == 200
    assert tags_of(reply, "img") == []
    assert not [one for one in tags_of(reply) if "onerror" in one]
    assert "{{7*7}}" in words_of(reply) or "onerror" in text_of(reply)
    await gate.store.end(bob)


async def ended(ada: Browser, desk: Desk, **form: object) -> str:
    """Ask for the page of this end, and send its form; where that leads."""
    await ada.get("/console/sessions")
    reply = await ada.post("/console/sessions/end", **form)
    assert reply.status == 303, words_of(reply)
    return header_of(reply, "location")


async def test_sec_13_an_administrator_ends_one_and_the_audit_says_who_why_and_from_where(
    desk: Desk,
) -> None:
    bob = await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    asked = await ada.get(f"/console/sessions/end?key={bob.session.key}")
    assert "1 session is about to end" in words_of(asked)
    assert not [one for one in tags_of(asked, "input") if one.get("type") == "password"]
    where = await ended(ada, desk, key=bob.session.key, reason="leaks <sessions>")
    assert where == "/console/sessions?did=ended&count=1"
    assert await desk.gate.sessions.check(bob.token) is None
    event = events_of(desk.gate)[-1]
    assert (event.event, event.reason, event.user, event.subject) == (
        *("session ended", "terminated", "ada", "bob"),
    )
    assert (event.how, event.detail) == ("console from 192.0.2.9", "leaks <sessions>")


async def test_sec_13_all_of_a_user_end_after_a_step_up(desk: Desk) -> None:
    for _ in range(3):
        await desk.gate.login("bob")
    await desk.gate.login("eve")
    ada = await desk.signed_in("ada")
    asked = await ada.get("/console/sessions/end?all=yes&user=bob")
    assert "type 3" in words_of(asked)
    where = await ended(ada, desk, all="yes", user="bob", count="3", password="adaada")
    assert where == "/console/sessions?user=bob&did=ended&count=3"
    assert await desk.gate.live() == ["ada", "eve"]


@each("page", ["sessions/{key}", "user?provider=local&name=*", "leaks"])
async def test_sec_13_the_way_to_end_all_of_a_user_called_star_ends_nobody_else(
    page: str, desk: Desk
) -> None:
    await desk.gate.login("bob", client())
    star = a_session(principal="*", at=desk.gate.clock.now())
    await desk.gate.store.add(star, NO_CAPS)
    ada = await desk.signed_in("ada")
    reply = await ada.get(f"/console/{page.format(key=star.key)}")
    ends = {one["href"] for one in tags_of(reply, "a") if "all=yes&user=%5B" in one.get("href", "")}
    for address in ends:
        asked = await ada.get(address.replace("/console/", "/console/api/v1/", 1))
        assert [one["user"] for one in json.loads(asked.body)["rows"]] == ["*"]
    assert len(ends) == 1
    await desk.gate.store.end(star.key)


async def test_all_that_match_leaves_the_visitor_signed_in(desk: Desk) -> None:
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ended(ada, desk, all="yes", count="1", password="adaada")
    assert await desk.gate.live() == ["ada"]


@each(
    ("form", "says"),
    [
        ({"count": "3", "password": "wrong"}, "This is not your password."),
        ({"count": "3"}, "This is not your password."),
        ({"count": "2", "password": "adaada"}, "3 would be affected"),
        ({"password": "adaada"}, "3 would be affected"),
        ({"count": "3", "password": "bobbob"}, "This is not your password."),
    ],
)
async def test_sec_71_without_the_password_and_the_number_many_stay(
    form: dict[str, str], says: str, desk: Desk
) -> None:
    for _ in range(3):
        await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    reply = await ada.post("/console/sessions/end", all="yes", user="bob", **form)
    assert reply.status == 400
    assert says in words_of(reply)
    assert (await desk.gate.live()).count("bob") == 3
    desk.gate.clock.tick(timedelta(hours=1))  # what was tried is forgotten
    for session in [one async for one in desk.gate.sessions.list()]:
        await desk.gate.store.end(session.key)


async def test_sec_71_a_name_that_is_somebody_elses_by_now_takes_no_step(desk: Desk) -> None:
    """A directory may have given it to another, whose password is good under it then."""
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    people = desk.gate.identity._accounts
    people["ada"], was = people["eve"], people["ada"]
    form = {"all": "yes", "user": "bob", "count": "1"}
    reply = await ada.post("/console/sessions/end", **form, password="eveeve")
    assert (reply.status, "This is not your password." in words_of(reply)) == (400, True)
    assert await desk.gate.live() == ["ada", "bob"]
    people["ada"] = was
    await ended(ada, desk, **form, password="adaada")
    assert await desk.gate.live() == ["ada"]


async def test_sec_71_more_than_twenty_selected_take_a_step_up_too(desk: Desk) -> None:
    keys = [(await desk.gate.login("bob")).session.key for _ in range(21)]
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    reply = await ada.post("/console/sessions/end", key=keys)
    assert reply.status == 400
    where = await ended(ada, desk, key=keys, count="21", password="adaada")
    assert where.endswith("count=21")


async def test_sec_71_twenty_and_then_more_within_a_minute_take_a_step_up_too(desk: Desk) -> None:
    keys = [(await desk.gate.login("bob")).session.key for _ in range(23)]
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    await ended(ada, desk, key=keys[:20])
    page = await ada.get(f"/console/sessions/end?key={keys[20]}")
    assert "password" in [one.get("name") for one in tags_of(page, "input")]
    assert (await ada.post("/console/sessions/end", key=keys[20])).status == 400
    await ended(ada, desk, key=keys[20], count="1", password="adaada")
    assert (await desk.gate.live()).count("bob") == 2
    desk.gate.clock.tick(WINDOW)
    await ended(ada, desk, key=keys[21])
    assert (await desk.gate.live()).count("bob") == 1


async def test_sec_22_wrong_passwords_of_a_step_up_lock_as_any_do(desk: Desk) -> None:
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    for _ in range(3):
        await ada.post("/console/sessions/end", all="yes", count="1", password="guess")
    reply = await ada.post("/console/sessions/end", all="yes", count="1", password="adaada")
    assert "This is not your password." in words_of(reply)
    assert await desk.gate.live() == ["ada", "bob"]


async def test_what_has_ended_meanwhile_is_no_error(desk: Desk) -> None:
    bob = await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await desk.gate.store.end(bob.session.key)
    where = await ended(ada, desk, key=bob.session.key)
    assert where == "/console/sessions?did=nothing&count=0"
    assert "Nothing is left" in words_of(
        await ada.get(f"/console/sessions/end?key={bob.session.key}")
    )
    assert (await ada.get(f"/console/sessions/{bob.session.key}")).status == 404


async def test_sec_14_an_operator_sees_and_ends_nothing(desk: Desk) -> None:
    bob = await desk.gate.login("bob")
    eve = await desk.signed_in("eve")
    reply = await eve.get("/console/sessions")
    assert "bob" in words_of(reply)
    assert "End" not in words_of(reply).replace("Ends in", "").replace("Ended", "")
    one = await eve.get(f"/console/sessions/{bob.session.key}")
    assert "End this session" not in words_of(one)
    own = next(key for key in rows_of(reply) if key != bob.session.key)
    for key in (bob.session.key, own):
        assert (await eve.get(f"/console/sessions/end?key={key}")).status == 403
        assert (await eve.post("/console/sessions/end", key=key)).status == 403
    assert await desk.gate.live() == ["bob", "eve"]


async def test_a_session_has_both_deadlines_and_the_key_to_copy(desk: Desk) -> None:
    bob = await key_of(desk.gate, "bob")
    desk.gate.clock.tick(timedelta(minutes=1))
    ada = await desk.signed_in("ada")
    reply = await ada.get(f"/console/sessions/{bob}")
    said = words_of(reply)
    assert "Ends unused 2026-01-01 00:30:00 UTC, in 29 min" in said
    assert "Ends at last 2026-01-01 12:00:00 UTC" in said
    [copied] = [one for one in tags_of(reply, "button") if one.get("id") == "copy-key"]
    assert copied["data-copy"] == bob
    [row] = [
        one
        for one in tags_of(await ada.get("/console/sessions?user=bob"), "button")
        if "data-copy" in one
    ]
    assert (row["id"], row["data-copy"]) == (f"key-{bob}", bob)
    own = next(key for key in rows_of(await ada.get("/console/sessions?user=ada")))
    assert "Ends at last 2026-01-01 08:01:00 UTC" in words_of(
        await ada.get(f"/console/sessions/{own}")
    )


async def test_a_server_that_stops_says_so_also_where_a_page_is_open(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/sessions")
    [address] = [one["hx-get"] for one in tags_of(page, "div") if "hx-get" in one]
    assert "told to stop" not in words_of(page)
    desk.stopping = True
    assert "told to stop" in words_of(await ada.get(address, ("hx-request", "true")))
    for path in ("sessions", "overview", "audit", "leaks", "users", "keys", "nothing"):
        words = words_of(await ada.get(f"/console/{path}"))
        assert words.count("told to stop") == 1, path


async def test_a_poll_that_would_find_the_same_does_not_look(desk: Desk) -> None:
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/sessions?user=b*")
    [address] = [one["hx-get"] for one in tags_of(page, "div") if "hx-get" in one]
    polling = ("hx-request", "true")
    desk.gate.store.away.add("search")
    for _ in range(4):
        assert (await ada.get(address, polling)).status == 204
        desk.gate.clock.tick(timedelta(seconds=2))
    desk.gate.clock.tick(timedelta(seconds=2))  # so long time alone may have changed it
    assert (await ada.get(address, polling)).status == 503
    desk.gate.store.away.clear()
    assert (await ada.get(address, polling)).status == 204
    desk.gate.store.away.add("search")
    await desk.gate.login("bob")
    assert (await ada.get(address, polling)).status == 503
    desk.gate.store.away.clear()
    assert (await ada.get(address, polling)).status == 200


async def _slow(desk: Desk) -> None:
    desk.gate.clock.tick(timedelta(seconds=5))


async def test_a_list_that_took_long_is_nobodys_once_there_is_news(desk: Desk) -> None:
    await desk.gate.login("bob")
    desk.gate.store.before["search"] = partial(_slow, desk)
    first, second = [await desk.signed_in("ada") for _ in range(2)]
    polling = ("hx-request", "true")
    at_second = _live(await second.get("/console/sessions"))
    await first.get("/console/sessions")
    eve = await desk.gate.login("eve")
    assert eve.session.key in rows_of(await second.get(at_second, polling))


async def test_a_list_says_when_it_was_made(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    desk.gate.store.before["search"] = partial(_slow, desk)
    began = desk.gate.clock.now()
    page = await ada.get("/console/sessions")
    assert f"{began:%H:%M:%S}" in words_of(page)


async def test_who_is_pinned_is_looked_at_by_each_poll(desk: Desk) -> None:
    """A lease changes hands when a call ends, and no session is another for that."""
    desk.gate.journal.meters.upstreams["vc1"] = UpstreamMeters()
    bob = await key_of(desk.gate, "bob")
    ada = await desk.signed_in("ada")
    address = _live(await ada.get("/console/sessions"))
    polling = ("hx-request", "true")
    assert (await ada.get(address, polling)).status == 204
    desk.pools.names = ["vc1"]
    desk.pools.held = [ClientLease("lease-of-bob", bob, 3, 1)]
    assert (await ada.get(address, polling)).status == 200


def _live(page: Reply) -> str:
    """Where a page asks for its list."""
    [address] = [one["hx-get"] for one in tags_of(page, "div") if "hx-get" in one]
    return address


async def test_a_twin_is_told_whole_whatever_was_seen(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    address = _live(await ada.get("/console/sessions"))
    _, _, query = address.partition("?")
    assert (await ada.get(f"/console/api/v1/sessions?{query}")).status == 200


async def test_a_page_that_has_not_changed_is_not_sent_again(desk: Desk) -> None:
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/sessions")
    [address] = [one["hx-get"] for one in tags_of(page, "div") if "hx-get" in one]
    polling = ("hx-request", "true")
    desk.gate.clock.tick(timedelta(seconds=2))
    assert (await ada.get(address, polling)).status == 204
    eve = await desk.gate.login("eve")
    changed = await ada.get(address, polling)
    assert changed.status == 200
    assert eve.session.key in rows_of(changed)
    assert "<html" not in text_of(changed)


async def test_the_other_sessions_of_a_user_stand_with_each(desk: Desk) -> None:
    one, other = await key_of(desk.gate, "bob"), await key_of(desk.gate, "bob", "curl/8")
    ada = await desk.signed_in("ada")
    reply = await ada.get(f"/console/sessions/{one}")
    assert f"open-{other}" in text_of(reply)
    assert "curl 8" in words_of(reply)
    own = next(key for key in rows_of(await ada.get("/console/sessions?user=ada")))
    reply = await ada.get(f"/console/sessions/{own}")
    assert "There is none." in words_of(reply)
