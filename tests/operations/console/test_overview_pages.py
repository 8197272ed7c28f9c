"""The first page: numbers, the last hours in pictures with the same in a table, what to look at."""

import json
from datetime import timedelta

from sessiongate.session import Caps, Client, Ended
from sessiongate.telemetry.samples import snapshot
from sessiongate.telemetry.upstream_counters import UpstreamMeters, UpstreamNow
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import Desk, tags_of, text_of, words_of


async def test_it_is_the_first_page_and_its_numbers_lead_to_lists(desk: Desk) -> None:
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/")
    said = words_of(reply)
    assert "Live sessions 2" in said
    assert "Locked names 0" in said
    assert "Nothing does." in said
    links = {one.get("id"): one.get("href") for one in tags_of(reply, "a")}
    assert links["tile-live"] == "/console/sessions"
    assert links["tile-locked"] == "/console/users"
    assert links["tile-refused"] == "/console/audit?event=login+refused"


async def test_the_last_hour_is_drawn_and_stands_in_a_table(desk: Desk) -> None:
    meters = desk.gate.journal.meters
    for step in range(0, 601, 5):
        desk.timeline.look(desk.gate.clock.now().timestamp() + step, snapshot(meters, 3.0))
        meters.logins["zerto", "ok"] += 1
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/overview")
    text = text_of(reply)
    assert text.count('<svg class="chart" role="img"') == 5
    assert "<polyline" in text
    assert "style=" not in text
    assert len(tags_of(reply, "table")) == 5
    assert "Counted since 2026-01-01 00:00:00 UTC" in words_of(reply)
    twin = json.loads((await ada.get("/console/api/v1/overview?span=24h")).body)
    assert twin["span"] == "24h"
    logins = twin["charts"][0]
    assert (logins["title"], logins["lines"][0]["label"]) == ("Logins by result", "let in")
    assert len(logins["rows"]) == 12
    tiles = {one["key"]: one["value"] for one in twin["tiles"]}
    assert tiles["logins"] == "12"


async def test_what_asks_again_gets_numbers_without_pictures(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/overview")
    [address] = [one["hx-get"] for one in tags_of(page, "div") if "hx-get" in one]
    polling = ("hx-request", "true")
    desk.gate.clock.tick(timedelta(seconds=2))
    assert (await ada.get(address, polling)).status == 204
    await desk.gate.login("bob")
    changed = await ada.get(address, polling)
    assert changed.status == 200
    assert "Live sessions 2" in words_of(changed)
    assert "svg" not in text_of(changed)


async def test_what_needs_attention_leads_to_where_it_is(gate: Gate) -> None:
    desk = Desk(gate, caps=Caps(total=2))
    for _ in range(12):
        opened = await gate.login("bob", Client("192.0.2.1", "nightly.py/1", "zerto"))
        await gate.sessions.end(opened.session.key, Ended.TERMINATED, "ada")
    await gate.login("bob")
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/overview")
    assert "2 of 2 sessions are open" in words_of(reply)
    assert "bob with nightly.py at 192.0.2.1 left 12 sessions open" in words_of(reply)
    links = [one.get("href") for one in tags_of(reply, "a")]
    assert "/console/sessions?user=bob&address=192.0.2.1&provider=local" in links


async def test_with_a_gateway_its_upstreams_have_numbers(desk: Desk) -> None:
    one = desk.gate.journal.meters.upstreams["vc1"] = UpstreamMeters()
    one.now = lambda: UpstreamNow({"idle": 1, "active": 8}, 10, 4, 0, 0, breaker_open=False)
    one.logins["ok"], one.saved = 1, 3
    ada = await desk.signed_in("ada")
    said = words_of(await ada.get("/console/overview"))
    assert "Sessions at upstreams 9 of 10" in said
    assert "Calls that wait for one 4" in said
    assert "Logins saved there 75%" in said
    assert "9 of 10 sessions at vc1 are in use." in said


async def test_store_and_providers_that_answer_are_counted(desk: Desk) -> None:
    desk.providers = {"local": True, "corp": False}
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/overview")
    assert "Store and providers that answer 2 of 3" in words_of(page)
    assert "The identity provider corp does not answer" in words_of(page)
    links = {one.get("id"): one.get("href") for one in tags_of(page, "a")}
    assert links["tile-up"] == "/console/audit?result=unavailable"


async def test_each_tile_leads_somewhere_where_its_visitor_may_go(desk: Desk) -> None:
    one = desk.gate.journal.meters.upstreams["vc1"] = UpstreamMeters()
    one.now = lambda: UpstreamNow({}, 10, 0, 0, 0, breaker_open=False)
    for name, missing in (("ada", set()), ("eve", {"certificate"})):
        visitor = await desk.signed_in(name)
        tiles = json.loads((await visitor.get("/console/api/v1/overview")).body)["tiles"]
        assert {tile["key"] for tile in tiles if not tile["link"]} == missing
        for tile in tiles:
            assert (await visitor.get(f"/console/{tile['link']}")).status == 200, tile


@each(
    ("counted", "says"),
    [
        (4, "They are of all 4 workers."),
        (2, "They are of 2 of 4 workers: the others do not answer."),
        (1, "They are of worker 1 of 4: the others do not answer."),
    ],
)
async def test_pictures_say_of_which_workers_they_are(counted: int, says: str, gate: Gate) -> None:
    desk = Desk(gate, workers=4)
    desk.counted = counted
    desk.timeline.look(gate.clock.now().timestamp(), snapshot(gate.journal.meters, 3.0))
    ada = await desk.signed_in("ada")
    assert says in words_of(await ada.get("/console/overview"))
    await gate.store.end(next(iter([one.key async for one in gate.sessions.list()])))


async def test_a_span_that_is_none_is_the_last_hour(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/overview?span=nonsense")
    assert reply.status == 200
    assert "The last hour" in words_of(reply)
