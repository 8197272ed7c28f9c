"""What holds of every page: headers, Hosts, privileges, twins, and what is said where it is not."""

import json
from urllib.parse import parse_qs, urlsplit

import msgspec

from sessiongate.operations.console.page import Action, ActionDone, ActionRefused, Page, Visit
from sessiongate.rules.access import ADMINISTER
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import Desk, events_of, header_of, tags_of, text_of, words_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EVERYWHERE = (
    "/",
    "/console",
    "/console/",
    "/console/login",
    "/console/sessions",
    "/console/sessions/no-such-key",
    "/console/nothing",
    "/console/static/nothing.css",
    "/console/api/v1/sessions",
    "/elsewhere",
)


@each("path", EVERYWHERE)
async def test_sec_71_every_reply_keeps_a_browser_to_our_own_files(path: str, desk: Desk) -> None:
    for browser in (desk.browser(), await desk.signed_in("ada")):
        reply = await browser.get(path)
        headers = dict(reply.headers)
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
        assert len(reply.headers) == len(headers)


async def test_sec_71_over_tls_browsers_are_told_to_stay_with_it(desk: Desk) -> None:
    reply = await desk.browser(secure=True).get("/console/login")
    assert "max-age=" in header_of(reply, "strict-transport-security")


async def test_sec_71_no_page_has_script_or_style_of_its_own(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    for path in ("/console/sessions", "/console/sessions/end?all=yes", "/console/nothing"):
        reply = await ada.get(path)
        for attributes in tags_of(reply):
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
        assert all(one.get("src", "").startswith("/console/") for one in tags_of(reply, "script"))
        assert tags_of(reply, "style") == []


async def test_a_file_has_a_name_that_its_content_gives_it_and_may_be_kept(desk: Desk) -> None:
    page = await desk.browser().get("/console/login")
    named = [one["src"] for one in tags_of(page, "script")]
    named += [one["href"] for one in tags_of(page, "link")]
    assert len(named) == 4
    for address in named:
        reply = await desk.browser().get(address)
        assert reply.status == 200
        assert reply.body
        assert header_of(reply, "cache-control") == "public, max-age=31536000, immutable"


@each(
    ("host", "status"),
    [
        ("127.0.0.1:9680", 303),
        ("localhost", 303),
        ("CONSOLE.example.:443", 303),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1:9680", 421),
        ("", 421),
    ],
)
async def test_sec_71_it_answers_to_its_own_names_alone(host: str, status: int, desk: Desk) -> None:
    reply = await desk.browser().get("/console/", ("host", host))
    assert reply.status == status
    if status == 421:
        assert b"server.public_names" in reply.body
        assert header_of(reply, "content-security-policy") == POLICY


@each("site", ["same-site", "cross-site", "Same-Site"])
@each(
    ("mode", "place"),
    [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty"), ("navigate", "")],
)
async def test_sec_71_no_page_of_another_origin_loads_a_page_or_uses_a_session(
    site: str, mode: str, place: str, desk: Desk
) -> None:
    ada = await desk.signed_in("ada")
    before = [one.call_count async for one in desk.gate.sessions.list()]
    told = (("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", place))
    for path in ("sessions", "sessions/export.csv", "api/v1/sessions", "login"):
        assert (await ada.get(f"/console/{path}", *told)).status == 403
    assert [one.call_count async for one in desk.gate.sessions.list()] == before
    followed = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
    reply = await ada.get("/console/sessions", ("sec-fetch-site", site), *followed)
    assert reply.status == 200


async def test_who_is_not_signed_in_is_led_to_the_login_and_back(desk: Desk) -> None:
    browser = desk.browser()
    reply = await browser.get("/console/sessions?user=bob")
    assert reply.status == 303
    login = await browser.get(header_of(reply, "location"))
    [there] = [one["value"] for one in tags_of(login, "input") if one.get("name") == "next"]
    assert there == "/console/sessions?user=bob"
    reply = await browser.sign_in("ada", next=there)
    assert header_of(reply, "location") == there


@each(
    ("path", "page"),
    [
        ("user/unlock?provider=local&name=bob", "user?provider=local&name=bob"),
        ("pools/vc1/drain", "pools/vc1"),
        ("sessions/end", "sessions/end"),
        ("audit/verify", "audit"),
        ("nothing", ""),
    ],
)
async def test_whose_session_is_over_comes_back_to_the_page_of_the_form(
    path: str, page: str, desk: Desk
) -> None:
    desk.pools.names = ["vc1"]
    browser = desk.browser()
    login = header_of(await browser.post(f"/console/{path}", reason="x"), "location")
    [there] = parse_qs(urlsplit(login).query)["next"]
    assert there == f"/console/{page}"
    await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    assert (await ada.get(there)).status == 200


async def test_only_whose_own_session_is_over_is_told_that_it_is(desk: Desk) -> None:
    for cookie, late in (("other=1", False), ("sessiongate-console=old", True)):
        reply = await desk.browser().get("/console/sessions", ("cookie", cookie))
        assert header_of(reply, "location").endswith("&did=late") == late


async def test_a_script_that_is_not_signed_in_is_told_so(desk: Desk) -> None:
    reply = await desk.browser().get("/console/api/v1/sessions")
    assert reply.status == 401
    assert "sign in" in json.loads(reply.body)["error"]


async def test_a_page_that_asks_for_itself_is_led_to_the_login(desk: Desk) -> None:
    reply = await desk.browser().get("/console/sessions?seen=1", ("hx-request", "true"))
    assert reply.status == 401
    assert header_of(reply, "hx-redirect").startswith("/console/login?next=%2Fconsole%2Fsessions")


async def test_unknown_pages_and_actions_are_said_to_be_none(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    assert (await ada.get("/console/nothing")).status == 404
    assert (await ada.post("/console/nothing")).status == 404
    assert (await ada.get("/console/api/v1/nothing")).status == 404
    reply = await ada.ask("PUT", "/console/sessions")
    assert (reply.status, header_of(reply, "allow")) == (405, "GET, HEAD, POST")


async def test_head_has_no_body(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    reply = await ada.ask("HEAD", "/console/sessions")
    assert (reply.status, reply.body) == (200, b"")


async def test_what_a_query_asks_for_in_vain_is_said_with_the_way_out(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/sessions?address=everywhere")
    assert reply.status == 400
    assert "192.0.2.0/24" in words_of(reply)
    reply = await ada.get("/console/api/v1/sessions?idle=long")
    assert json.loads(reply.body)["error"].startswith("idle: a time such as")


async def test_a_query_of_endless_length_is_refused(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    assert (await ada.get(f"/console/sessions?{'key=1&' * 3000}")).status == 400
    assert (await ada.get("/console/sessions?user=%ff")).status == 400


async def test_an_outage_is_said_and_nothing_is_lost(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    desk.gate.store.away.add("use")
    reply = await ada.get("/console/sessions")
    assert reply.status == 503
    assert header_of(reply, "retry-after")
    assert "nothing is lost" in words_of(reply)
    assert "disk" not in text_of(reply)
    desk.gate.store.away.clear()
    assert (await ada.get("/console/sessions")).status == 200


class Count(msgspec.Struct):
    count: int


async def looked(visit: Visit) -> Count:
    return Count(7)


async def done(visit: Visit) -> ActionDone | ActionRefused:
    return (
        ActionDone("sessions", "ended", 7)
        if visit.form.first("sure")
        else ActionRefused("Be sure.")
    )


PAGES = (
    Page("counts", "Counts", looked, "message.html", ADMINISTER, menu="Counts"),
    Action("counts", done, ADMINISTER),
)


async def test_sec_14_a_page_or_action_that_one_may_not_use_is_refused_and_not_shown(
    gate: Gate,
) -> None:
    desk = Desk(gate, *PAGES)
    eve = await desk.signed_in("eve")
    shown = await eve.get("/console/sessions")
    assert "Counts" not in words_of(shown)
    for path in ("/console/counts", "/console/api/v1/counts"):
        assert (await eve.get(path)).status == 403
        assert (await eve.post(path, sure="yes")).status == 403
    ada = await desk.signed_in("ada")
    assert "Counts" in words_of(await ada.get("/console/sessions"))
    assert (await ada.get("/console/api/v1/counts")).status == 200
    denied = [event for event in events_of(gate) if event.event == "permission denied"]
    assert {event.user for event in denied} == {"eve"}


async def test_a_page_and_its_twin_have_the_same_data(gate: Gate) -> None:
    ada = await Desk(gate, *PAGES).signed_in("ada")
    reply = await ada.get("/console/api/v1/counts")
    assert json.loads(reply.body) == {"count": 7}
    assert header_of(reply, "content-type") == "application/json"


async def test_an_action_leads_on_or_says_why_not(gate: Gate) -> None:
    ada = await Desk(gate, *PAGES).signed_in("ada")
    await ada.get("/console/sessions")
    reply = await ada.post("/console/counts", sure="yes")
    assert header_of(reply, "location") == "/console/sessions?did=ended&count=7"
    assert "Ended: 7." in words_of(await ada.get("/console/sessions?did=ended&count=7"))
    reply = await ada.post("/console/api/v1/counts", sure="yes")
    assert json.loads(reply.body) == {"did": "ended", "count": 7}
    reply = await ada.post("/console/api/v1/counts")
    assert (reply.status, json.loads(reply.body)) == (400, {"error": "Be sure."})
