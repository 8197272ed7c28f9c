"""The gateway's pools: seen by operators, stopped and replaced by administrators."""

import json

from sessiongate.operations.console.port import ClientLease
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from tests.each import each
from tests.operations.console.browser import Desk, header_of, tags_of, text_of, words_of


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
    assert desk.pools.audit_details[-1] == ("console from 192.0.2.9", "maintenance")


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


async def test_who_is_pinned_to_which_lease_stands_with_the_pool_and_with_the_session(
    desk: Desk,
) -> None:
    desk.pools.names = ["dc1"]
    desk.gate.journal.meters.upstreams["dc1"] = UpstreamMeters()
    bob = (await desk.gate.login("bob")).session.key
    desk.pools.held = [ClientLease("lease-of-bob", bob, 3, 1), ClientLease("lease-2", "gone", 0, 1)]
    ada = await desk.signed_in("ada")
    pool = await ada.get("/console/pools/dc1")
    assert f"pin-{bob}" in text_of(pool)
    twin = json.loads((await ada.get("/console/api/v1/pools/dc1")).body)
    first, second = twin["pins"]
    assert (first["user"], first["objects"], second["user"]) == ("bob", 3, "")
    assert twin["pool"]["by_account"][0]["oldest_wait_seconds"] == 4
    row = await ada.get("/console/sessions?user=bob")
    assert "Lease" in words_of(row)
    assert "lease-of pinned: 3" in words_of(row)
    page = await ada.get(f"/console/sessions/{bob}")
    assert "lease-of-bob pinned by 3 objects" in words_of(page)
    [line] = json.loads((await ada.get("/console/api/v1/sessions?user=bob")).body)["rows"]
    assert (line["lease"], line["pinned"]) == ("lease-of-bob", 3)


async def test_without_a_gateway_no_list_has_a_column_of_leases(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    assert "Lease" not in words_of(await ada.get("/console/sessions"))


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
