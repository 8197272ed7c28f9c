"""The gateway's pools: seen by operators, stopped and replaced by administrators."""

import json

from tests.each import each
from tests.operations.console.browser import Desk, header_of, tags_of, words_of


async def test_without_a_gateway_the_page_says_what_it_would_show(desk: Desk) -> None:
    eve = await desk.signed_in("eve")
    assert "[upstream.NAME]" in words_of(await eve.get("/console/pools"))


@each("what", ["pause", "resume", "rotate", "drain"])
async def test_sec_69_the_audit_is_told_from_where_and_why_a_pool_is_touched(
    what: str, desk: Desk
) -> None:
    desk.pools.names = ["dc1"]
    ada = await desk.signed_in("ada")
    await ada.get("/console/pools/dc1")
    given = {"count": "2", "password": "adaada", "reason": "maintenance"}
    assert (await ada.post(f"/console/pools/dc1/{what}", **given)).status == 303
    assert desk.pools.said[-1] == ("console from 192.0.2.9", "maintenance")


@each("what", ["pause", "resume", "rotate"])
async def test_an_administrator_stops_and_replaces(what: str, desk: Desk) -> None:
    desk.pools.names = ["dc1"]
    ada = await desk.signed_in("ada")
    assert "service" in words_of(await ada.get("/console/pools"))
    page = words_of(await ada.get("/console/pools/dc1"))
    assert "Pause: running calls go on, new ones wait" in page
    reply = await ada.post(f"/console/pools/dc1/{what}")
    assert header_of(reply, "location").startswith(f"/console/pools/dc1?did={what}")
    assert desk.pools.done[-1] == (what, "dc1", "ada")


async def test_sec_71_a_drain_takes_the_password_and_the_number(desk: Desk) -> None:
    desk.pools.names = ["dc1"]
    ada = await desk.signed_in("ada")
    await ada.get("/console/pools/dc1")
    assert (await ada.post("/console/pools/dc1/drain", count="2")).status == 400
    assert (await ada.post("/console/pools/dc1/drain", password="adaada")).status == 400
    assert desk.pools.done == []
    given = {"count": "2", "password": "adaada", "force": "yes"}
    where = header_of(await ada.post("/console/pools/dc1/drain", **given), "location")
    assert "2 clients still have something there" in words_of(await ada.get(where))
    assert desk.pools.done == [("drain True", "dc1", "ada")]


async def test_sec_14_an_operator_sees_pools_and_touches_none(desk: Desk) -> None:
    desk.pools.names = ["dc1"]
    eve = await desk.signed_in("eve")
    page = await eve.get("/console/pools/dc1")
    assert page.status == 200
    assert not [one for one in tags_of(page, "form") if "/pools/" in one.get("action", "")]
    for what in ("pause", "resume", "rotate", "drain"):
        assert (await eve.post(f"/console/pools/dc1/{what}")).status == 403
    assert json.loads((await eve.get("/console/api/v1/pools")).body)["pools"][0]["name"] == "dc1"
    assert (await eve.get("/console/pools/none")).status == 404
