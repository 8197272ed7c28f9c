"""The page of leaks: who never logs out comes first, with the way to its sessions."""

import json
from datetime import timedelta

from sessiongate.session import Client, Ended
from tests.gate import LIMITS, Gate
from tests.operations.console.browser import Desk, events_of, tags_of, text_of, words_of

CANARY = "<img src=x onerror=alert(1)>"


async def story(gate: Gate) -> None:
    """Three scripts, of which one never logs out."""
    for user, agent, logs_out in (
        ("bob", "nightly.py/1", False),
        ("bob", "inventory.py/2", True),
        ("eve", "govc/0.40", True),
    ):
        for _ in range(3):
            opened = await gate.login(user, Client("192.0.2.1", agent, "zerto"))
            if logs_out:
                await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    gate.clock.tick(LIMITS.idle + timedelta(minutes=5))
    for session in [one async for one in gate.sessions.list()]:
        await gate.sessions.end(session.key, Ended.IDLE)
    await gate.sweep()


async def test_the_script_that_never_logs_out_comes_first(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    await story(desk.gate)
    ada = await desk.signed_in("ada")
    twin = json.loads((await ada.get("/console/api/v1/leaks?span=1h")).body)
    named = [(one["client"]["user"], one["client"]["agent"]) for one in twin["rows"]]
    assert named[0] == ("bob", "nightly.py")
    first = twin["rows"][0]["client"]
    assert (first["opened"], first["idled_out"], first["share"]) == (3, 3, 1.0)
    assert (twin["left"], twin["leaving"], twin["clients"]) == (3, 1, 3)
    said = words_of(await ada.get("/console/leaks?span=1h"))
    assert "3 sessions not logged out, left by 1 of 3 clients" in said
    assert "bob local nightly.py 192.0.2.1 3 idle 3, aged 0, terminated 0 100 % 3 0 0 –" in said


async def test_from_a_client_the_way_leads_to_its_sessions_and_their_end(desk: Desk) -> None:
    await desk.gate.login("bob", Client("192.0.2.1", "nightly.py/1", "zerto"))
    ada, eve = await desk.signed_in("ada"), await desk.signed_in("eve")
    links = [one.get("href") for one in tags_of(await ada.get("/console/leaks"), "a")]
    query = "user=bob&address=192.0.2.1&provider=local"
    assert f"/console/sessions?{query}" in links
    assert f"/console/sessions/end?all=yes&{query}" in links
    assert "type 1" in words_of(await ada.get(f"/console/sessions/end?all=yes&{query}"))
    links = [one.get("href") for one in tags_of(await eve.get("/console/leaks"), "a")]
    assert not [one for one in links if one and "/end?" in one]


async def test_it_says_where_it_knows_less_than_was_asked_for(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    assert "store.url" in words_of(await ada.get("/console/leaks"))
    said = words_of(await ada.get("/console/leaks?span=nonsense"))
    assert "Nobody has opened or left a session" in said


async def test_sec_71_what_clients_call_themselves_stays_text(desk: Desk) -> None:
    await desk.gate.login("bob", Client("192.0.2.1", CANARY, "zerto"))
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/leaks")
    assert tags_of(reply, "img") == []
    assert "<img" not in text_of(reply)
    assert "img src" in words_of(reply)


async def test_the_leaking_script_is_found_and_its_sessions_end_with_a_reason(desk: Desk) -> None:
    for _ in range(3):
        await desk.gate.login("bob", Client("192.0.2.1", "nightly.py/1", "zerto"))
    await desk.gate.login("eve", Client("192.0.2.2", "govc/0.40", "zerto"))
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/leaks")
    [end] = [one["href"] for one in tags_of(page, "a") if one.get("id") == "end-1"]
    asked = await ada.get(end)
    assert "type 3" in words_of(asked)
    hidden = [one for one in tags_of(asked, "input") if one.get("type") == "hidden"]
    fields = {one["name"]: one["value"] for one in hidden}
    done = await ada.post(
        "/console/sessions/end", **fields, count="3", password="adaada", reason="never logs out"
    )
    assert done.status == 303, words_of(done)
    assert await desk.gate.live() == ["ada", "eve"]
    told = events_of(desk.gate)[-1]
    assert (told.reason, told.user, told.subject) == ("terminated", "ada", "bob")
    assert told.detail == "never logs out"
    desk.gate.clock.tick(timedelta(seconds=5))  # until then a report is told again
    assert "bob local nightly.py 192.0.2.1 3 idle 0, aged 0, terminated 3 100 % 3 0 0" in words_of(
        await ada.get("/console/leaks")
    )
