"""A script's token: good at the twins alone, with its role, in every other respect as a person."""

from pathlib import Path

from sessiongate.rules.access import LIST_SESSIONS
from sessiongate.rules.token import manager_token
from sessiongate.secret import Secret
from sessiongate.session import CONSOLE, Caps
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import Desk, events_of, header_of, told_by, words_of

SESSIONS = "/console/api/v1/sessions"


async def test_a_script_reads_what_its_role_may_and_keeps_nothing(desk: Desk) -> None:
    opened = await desk.gate.login("bob")
    script = await desk.script("operator")
    reply = await script.get(SESSIONS)
    assert [one["key"] for one in told_by(reply)["rows"]] == [opened.session.key]
    assert header_of(reply, "cache-control") == "no-store"
    assert header_of(reply, "set-cookie") == ""
    assert await desk.gate.live() == ["bob"], "it is no session"
    assert (await script.get("/console/api/v1/settings")).status == 403
    reply = await script.post("/console/api/v1/sessions/end", key=opened.session.key)
    assert reply.status == 403
    assert await desk.gate.live() == ["bob"]
    denied = [one for one in events_of(desk.gate) if one.event == "permission denied"]
    assert {(one.user, one.ip) for one in denied} == {("token:nightly", "192.0.2.9")}


@each("body", ["form", "json"])
async def test_sec_13_a_script_ends_a_session_and_the_audit_names_its_token(
    desk: Desk, body: str
) -> None:
    opened = await desk.gate.login("bob")
    script = await desk.script("administrator")
    form = {"key": opened.session.key, "reason": "leaks"}
    where = "/console/api/v1/sessions/end"
    reply = await (script.send(where, form) if body == "json" else script.post(where, **form))
    assert told_by(reply) == {"did": "ended", "count": 1}
    ended = events_of(desk.gate)[-1]
    assert (ended.event, ended.user, ended.subject) == ("session ended", "token:nightly", "bob")
    assert ended.how.startswith("console token ")
    assert ended.how.endswith(" from 192.0.2.9")
    assert ended.detail == "leaks"


async def test_sec_13_a_session_is_deleted_by_its_key(desk: Desk) -> None:
    opened = await desk.gate.login("bob")
    script = await desk.script("administrator")
    where = f"{SESSIONS}/{opened.session.key}?reason=leaks"
    assert told_by(await script.ask("DELETE", where)) == {"did": "ended", "count": 1}
    assert events_of(desk.gate)[-1].detail == "leaks"
    assert (await script.ask("DELETE", where)).status == 404
    assert (await script.ask("DELETE", f"/console/sessions/{opened.session.key}")).status == 405


async def test_sec_71_many_take_the_number_and_no_password_of_a_script(desk: Desk) -> None:
    for _ in range(3):
        await desk.gate.login("bob")
    script = await desk.script("administrator")
    where = "/console/api/v1/sessions/end"
    reply = await script.send(where, {"all": True, "user": "bob"})
    assert (reply.status, told_by(reply)["error"]) == (
        400,
        "3 would be affected: `count` has to be that number.",
    )
    assert told_by(await script.send(where, {"all": True, "user": "bob", "count": 3}))["count"] == 3


@each(
    ("path", "form"),
    [
        ("user/role", {"name": "bob", "provider": "local", "role": "administrator"}),
        ("user/enable", {"name": "bob", "provider": "local"}),
        ("user/password", {"name": "ada", "provider": "local", "new": "x" * 12, "again": "x" * 12}),
        ("users/add", {"name": "mal", "role": "administrator", "new": "x" * 12, "again": "x" * 12}),
    ],
)
async def test_sec_71_what_outlasts_a_token_takes_a_person(
    desk: Desk, path: str, form: dict[str, str]
) -> None:
    script = await desk.script("administrator")
    reply = await script.post(f"/console/api/v1/{path}", password="", **form)
    assert reply.status == 403
    assert "it outlasts one" in told_by(reply)["error"]
    assert desk.users.done == []
    assert events_of(desk.gate)[-1].event == "permission denied"


async def test_a_script_unlocks_and_disables_with_its_name_and_reason(desk: Desk) -> None:
    script = await desk.script("administrator")
    bob = {"provider": "local", "name": "bob", "reason": "has left"}
    assert (await script.send("/console/api/v1/user/disable", bob)).status == 200
    assert desk.users.people["bob"].disabled
    [(_, name, by, said)] = desk.users.done
    assert (name, by, said["detail"]) == ("bob", "token:nightly", "has left")


async def test_sec_14_a_token_opens_no_page_and_is_no_cookie(desk: Desk) -> None:
    script = await desk.script("administrator")
    for path in ("/console/", "/console/sessions", "/console/settings"):
        assert (await script.get(path)).status == 303
    assert (await script.post("/console/sessions/end", all="yes")).status == 303
    thief = desk.browser()
    thief.cookies["sessiongate-console"] = script.shown
    assert (await thief.get("/console/sessions")).status == 303
    assert (await thief.get(SESSIONS)).status == 401
    assert await desk.gate.store.manager_tokens.uses() == {}, "what is refused is no use"


async def test_tokens_of_others_are_refused_and_locked_out_after_some(desk: Desk) -> None:
    opened = await desk.gate.login("ada")
    person = await desk.signed_in("ada")
    script = await desk.script("operator")
    good = script.shown
    for text in (opened.token.reveal(), person.token, manager_token(bytes(32))):
        script.shown = text
        reply = await script.get(SESSIONS)
        assert reply.status == 401
        assert header_of(reply, "www-authenticate") == "Bearer"
        assert "sessiongate tokens create" in told_by(reply)["error"]
    reply = await script.get(SESSIONS)
    assert (reply.status, header_of(reply, "retry-after")) == (429, "300")
    script.shown = good
    assert (await script.get(SESSIONS)).status == 200, "no known one is shut out"
    for token in (opened.token, Secret(person.token)):
        seen = await desk.gate.sessions.peek(token.digest())
        assert seen is not None
        assert seen.call_count == 0
    refused = [one for one in events_of(desk.gate) if one.event == "login refused"]
    assert {(one.how, one.dialect, one.user) for one in refused} == {("console token", CONSOLE, "")}


async def test_sec_19_a_token_beside_a_cookie_or_another_token_is_refused(desk: Desk) -> None:
    person, script = await desk.signed_in("ada"), await desk.script("operator")
    cookie = ("cookie", f"sessiongate-console={person.token}")
    assert (await script.get(SESSIONS, cookie)).status == 400
    other = ("authorization", "Bearer another")
    reply = await desk.browser().get(SESSIONS, ("authorization", f"Bearer {script.shown}"), other)
    assert reply.status == 400


@each(
    "headers",
    [
        (("sec-fetch-site", "cross-site"),),
        (("sec-fetch-site", "same-site"),),
        (("origin", "https://evil.example"),),
        (("origin", "null"),),
    ],
)
async def test_sec_85_no_page_of_another_site_uses_the_twins(
    desk: Desk, headers: tuple[tuple[str, str], ...]
) -> None:
    opened = await desk.gate.login("bob")
    ada, script = await desk.signed_in("ada"), await desk.script("administrator")
    await ada.get("/console/sessions")
    where = "/console/api/v1/sessions/end"
    assert (await ada.post(where, *headers, key=opened.session.key)).status == 403
    assert (await script.post(where, *headers, key=opened.session.key)).status == 403
    address = f"{SESSIONS}/{opened.session.key}"
    for browser in (ada, script):
        assert (await browser.ask("DELETE", address, b"", headers)).status == 403
    assert await desk.gate.sessions.find(opened.session.key) is not None


async def test_sec_71_a_cookie_changes_nothing_without_a_form_of_its_page(desk: Desk) -> None:
    opened = await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    address = f"{SESSIONS}/{opened.session.key}"
    own = ("sec-fetch-site", "same-origin")
    assert (await ada.ask("DELETE", address)).status == 403
    assert (await ada.ask("DELETE", address, b"", (own,))).status == 403
    given = ("x-sessiongate-csrf", ada.csrf)
    assert (await ada.ask("DELETE", address, b"", (own, given))).status == 200


async def test_sec_18_a_password_in_an_address_is_ignored(desk: Desk) -> None:
    keys = [(await desk.gate.login("bob")).session.key for _ in range(21)]
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    assert (await ada.post("/console/sessions/end", key=keys[:20])).status == 303
    own = (("sec-fetch-site", "same-origin"), ("x-sessiongate-csrf", ada.csrf))
    for secret in ("password=adaada", f"password=adaada&csrf={ada.csrf}"):
        address = f"{SESSIONS}/{keys[20]}?count=1&{secret}"
        assert (await ada.ask("DELETE", address, b"", own)).status == 400
        assert (await ada.ask("DELETE", address, b"", own[:1])).status == 403
    assert await desk.gate.sessions.find(keys[20]) is not None


async def test_sec_71_a_script_too_asks_by_our_own_names_alone(desk: Desk) -> None:
    script = await desk.script("administrator")
    assert (await script.get(SESSIONS, ("host", "evil.example"))).status == 421


async def test_sec_08_a_token_that_is_revoked_opens_nothing_at_once(desk: Desk) -> None:
    script = await desk.script("operator")
    assert (await script.get(SESSIONS)).status == 200
    [token] = await desk.gate.store.manager_tokens.all()
    await desk.gate.store.manager_tokens.remove(token.digest)
    assert (await script.get(SESSIONS)).status == 401


async def test_a_role_that_is_gone_gives_nothing(desk: Desk) -> None:
    script = await desk.script("of-yesterday")
    assert (await script.get(SESSIONS)).status == 403
    assert events_of(desk.gate)[-1].reason == LIST_SESSIONS


async def test_a_token_is_good_where_there_is_no_room_for_a_session(tmp_path: Path) -> None:
    desk = Desk(Gate(tmp_path, caps=Caps(total=1)))
    await desk.gate.login("bob")
    script = await desk.script("operator")
    assert (await script.get(SESSIONS)).status == 200


@each("body", [b"[1]", b"{", b'{"key": {"a": 1}}', b'{"key": null}', b"\xff"])
async def test_a_body_that_is_no_form_is_told(desk: Desk, body: bytes) -> None:
    script = await desk.script("administrator")
    kind = ("content-type", "application/json")
    reply = await script.ask("POST", "/console/api/v1/sessions/end", body, (kind,))
    assert reply.status == 400
    assert "JSON object" in told_by(reply)["error"]


async def test_an_administrator_finds_the_document_by_a_link(desk: Desk) -> None:
    page = await (await desk.signed_in("ada")).get("/console/try")
    assert "openapi.json" in words_of(page)
