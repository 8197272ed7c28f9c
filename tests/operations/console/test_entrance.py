"""In and out: cookies, and forms of our own pages alone."""

from sessiongate.secret import Secret
from tests.each import each
from tests.operations.console.browser import (
    HOST,
    Desk,
    events_of,
    header_of,
    tags_of,
    words_of,
)


async def test_sec_20_over_tls_the_cookie_has_the_name_that_no_other_host_can_set(
    desk: Desk,
) -> None:
    browser = desk.browser(secure=True)
    reply = await browser.sign_in("ada")
    cookie = header_of(reply, "set-cookie")
    name, _, rest = cookie.partition("=")
    token, *attributes = rest.split("; ")
    assert name == "__Host-sessiongate"
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict", "Secure"]
    assert (await desk.gate.sessions.peek(Secret(token).digest())) is not None


async def test_sec_20_on_this_machine_it_is_strict_too(desk: Desk) -> None:
    reply = await desk.browser().sign_in("ada")
    name, _, rest = header_of(reply, "set-cookie").partition("=")
    assert name == "sessiongate-console"
    assert rest.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]


async def test_a_login_opens_a_session_like_any_other(desk: Desk) -> None:
    await desk.signed_in("eve", peer="192.0.2.44", agent="Firefox/140")
    [session] = [one async for one in desk.gate.sessions.list()]
    assert (session.principal, session.dialect) == ("eve", "console")
    assert (session.ip_address, session.user_agent) == ("192.0.2.44", "Firefox/140")


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    token = ada.token
    await ada.get("/console/sessions")
    reply = await ada.post("/console/logout")
    assert header_of(reply, "location") == "/console/login?did=out"
    assert "Max-Age=0" in header_of(reply, "set-cookie")
    assert await desk.gate.live() == []
    ada.cookies = {"sessiongate-console": token}
    assert (await ada.get("/console/sessions")).status == 303
    assert "You have signed out." in words_of(await ada.get("/console/login?did=out"))
    assert [one.reason for one in events_of(desk.gate) if one.event == "session ended"] == [
        "logout"
    ]


async def test_signing_out_twice_is_no_error(desk: Desk) -> None:
    reply = await desk.browser().post("/console/logout")
    assert header_of(reply, "location") == "/console/login?did=out"


FOREIGN = (
    (("sec-fetch-site", "cross-site"),),
    (("sec-fetch-site", "same-site"),),
    (("sec-fetch-site", "none"),),
    (("sec-fetch-site", "same-origin, cross-site"),),
    (("origin", "https://evil.example"),),
    (("origin", "null"),),
    (("origin", f"https://{HOST}"),),  # another scheme is another origin
    (("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")),
    (("sec-fetch-site", ""),),  # neither: what is no browser
)


@each("headers", FOREIGN)
async def test_sec_85_changes_come_from_our_own_pages_alone(
    headers: tuple[tuple[str, str], ...], desk: Desk
) -> None:
    bob = await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    before = await desk.gate.live()
    for path, form in (
        ("/console/sessions/end", {"key": bob.session.key}),
        ("/console/api/v1/sessions/end", {"key": bob.session.key}),
        ("/console/logout", {}),
    ):
        assert (await ada.post(path, *headers, **form)).status == 403
    stranger = desk.browser()
    reply = await stranger.post("/console/login", *headers, name="ada", password="adaada")
    assert reply.status == 403
    assert stranger.cookies == {}
    assert await desk.gate.live() == before
    for session in [one async for one in desk.gate.sessions.list()]:
        await desk.gate.store.end(session.key)


@each("origin", [f"http://{HOST}"])
async def test_an_own_origin_does_where_a_browser_says_no_more(origin: str, desk: Desk) -> None:
    reply = await desk.browser().post(
        "/console/login", ("origin", origin), name="ada", password="adaada"
    )
    assert reply.status == 303


async def test_sec_71_a_form_belongs_to_one_session(desk: Desk) -> None:
    bob = await desk.gate.login("bob")
    ada, other = await desk.signed_in("ada"), await desk.signed_in("ada")
    await ada.get("/console/sessions")
    await other.get("/console/sessions")
    for csrf in (None, "", "0" * 64, other.csrf):
        reply = await ada.post("/console/sessions/end", csrf=csrf, key=bob.session.key)
        assert reply.status == 403
        assert "load the page again" in words_of(reply)
    assert "bob" in await desk.gate.live()
    given = ("x-sessiongate-csrf", ada.csrf)
    reply = await ada.post("/console/sessions/end", given, csrf=None, key=bob.session.key)
    assert reply.status == 303
    assert "bob" not in await desk.gate.live()


async def test_sec_71_asking_changes_nothing(desk: Desk) -> None:
    bob = await desk.gate.login("bob")
    ada = await desk.signed_in("ada")
    await ada.get(f"/console/sessions/end?key={bob.session.key}&reason=x")
    assert (await ada.get("/console/logout")).status == 405
    assert await desk.gate.live() == ["ada", "bob"]


async def test_a_form_of_another_type_is_refused(desk: Desk) -> None:
    kind = ("content-type", "text/plain")
    reply = await desk.browser().ask(
        "POST", "/console/login", b"name=ada", (kind, ("sec-fetch-site", "same-origin"))
    )
    assert reply.status == 400


@each(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console//evil.example",
        "/console/../evil",
        "/console/\\evil",
        "/console/x@evil.example/",
        "/elsewhere",
        "javascript:alert(1)",
        "/console/sessions\r\nset-cookie: a=b",
        "/console/" + "a" * 2000,
    ],
)
async def test_sec_44_a_login_leads_to_pages_of_ours_alone(there: str, desk: Desk) -> None:
    browser = desk.browser()
    reply = await browser.sign_in("ada", next=there)
    assert header_of(reply, "location") == "/console/"


async def test_the_login_page_asks_for_a_name_and_a_password(desk: Desk) -> None:
    reply = await desk.browser().get("/console/login")
    named = {one.get("name"): one.get("autocomplete") for one in tags_of(reply, "input")}
    assert named == {"next": None, "name": "username", "password": "current-password"}
