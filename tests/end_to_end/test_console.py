"""The console in a real browser before a real server, and its tokens at every dialect.

What a page says and refuses is tested without a browser, beside `operations/console`.
"""

import http.client
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.basic import basic
from tests.end_to_end.browsing import (
    MILLISECONDS,
    SCHEMES,
    Scheme,
    Watched,
    browsing,
    chromium,
    for_readers,
)
from tests.end_to_end.many import one_at_each, shared_settings
from tests.end_to_end.serving import ADMIN, OPERATOR, OTHER, USER, Server, with_people
from tests.house.sources import ROOT
from tests.peers.redis import Redis
from tests.security.dialects import DIALECTS
from tests.until import PATIENCE, wait_until

__all__ = ["chromium"]

PICTURES = ROOT / "build" / "console"
"""Of each page, in each form, for whoever sets that variable; not kept."""
WRITES = "SESSIONGATE_WRITE_PICTURES" in os.environ
KEPT = ROOT / "docs" / "pictures" if WRITES else PICTURES
"""Where the two of README are written: the repository has new ones where that is set."""

COOKIE = "sessiongate-console"
ZERTO = DIALECTS[0]
AGENT = "<img src=x onerror=alert(1)>/1"


class Console:
    """Where the console of a server is."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.console
        self.host = urlsplit(self.url).netloc
        self.said = ""
        """The body of the last reply."""

    def ask(
        self,
        verb: str,
        path: str,
        cookie: str = "",
        form: dict[str, str] | None = None,
        bearer: str = "",
    ) -> tuple[int, dict[str, str]]:
        """One request as a browser's page sends it; status and headers."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        headers = {"Sec-Fetch-Site": "same-origin"}
        if cookie:
            headers["Cookie"] = f"{COOKIE}={cookie}"
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(verb, path, urlencode(form) if form is not None else None, headers)
        reply = connection.getresponse()
        self.said = reply.read().decode()
        connection.close()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}

    def twin(self, path: str, cookie: str) -> Any:
        """What a page says to a script."""
        status, _ = self.ask("GET", f"/console/api/v1/{path}", cookie)
        assert status == 200, self.said
        return json.loads(self.said)

    def csrf(self, path: str, cookie: str) -> str:
        """What a form of this page carries."""
        self.ask("GET", path, cookie)
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.said)
        assert found, self.said
        return found[1]

    def token(self, person: tuple[str, str]) -> str:
        """The token of somebody who signs in."""
        form = {"name": person[0], "password": person[1]}
        status, headers = self.ask("POST", "/console/login", form=form)
        assert status == 303, headers
        return headers["set-cookie"].partition("=")[2].partition(";")[0]


async def picture(page: Page, name: str) -> None:
    """Write a picture of this page, if anybody wants to look at them all."""
    if WRITES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURES / f"{name}.png")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A server with a console, for all of these tests."""
    folder = tmp_path_factory.mktemp("console") / "data"
    with with_people(folder, environ={"SESSIONGATE_CONSOLE__LISTEN": "127.0.0.1:0"}) as server:
        yield Console(server)


def test_sec_03_a_token_of_the_console_opens_no_dialect_nor_one_of_a_dialect_the_console(
    console: Console,
) -> None:
    token = console.token(ADMIN)
    assert console.ask("GET", "/console/sessions", token)[0] == 200
    for dialect in DIALECTS:
        assert not dialect.worked(dialect.check(console.server, dialect.carry(token))), dialect
        dialect.logout(console.server, dialect.carry(token))
        assert console.ask("GET", "/console/sessions", token)[0] == 200
        stolen = dialect.token(console.server, ADMIN)
        assert console.ask("GET", "/console/sessions", stolen)[0] == 303
        assert console.ask("GET", "/console/api/v1/sessions", stolen)[0] == 401


def test_sec_03_a_token_of_a_script_opens_the_twins_and_nothing_else(console: Console) -> None:
    twin, server = "/console/api/v1/sessions", console.server
    token = server.run(
        "tokens", "create", "all", "--console", "--role", "administrator"
    ).out.strip()
    for dialect in DIALECTS:
        assert not dialect.worked(dialect.check(server, dialect.carry(token))), dialect
        stolen = dialect.token(server, ADMIN)
        assert console.ask("GET", twin, bearer=stolen)[0] == 401
    assert console.ask("GET", "/console/sessions", token)[0] == 303
    assert console.ask("GET", "/console/sessions", bearer=token)[0] == 303
    [row] = server.run("tokens", "list", "--output", "json").json()
    assert (row["role"], row["used_at"]) == ("administrator", None), "refusals are no use"
    assert console.ask("GET", twin, bearer=token)[0] == 200
    listed = server.run("tokens", "list")
    assert "administrator" in listed.out
    assert "never" not in listed.out
    done = server.run("tokens", "revoke", "all")
    assert "1 token of all revoked" in done.out
    assert console.ask("GET", twin, bearer=token)[0] == 401
    for wrong in (("--console",), ("--role", "operator"), ("--console", "--role", "user")):
        assert server.run("tokens", "create", "all", *wrong).code != 0
    said = server.out.text + server.log.text
    assert token not in said


def test_sec_12_a_user_who_is_added_logs_in_at_once_and_leaves_with_the_old_password(
    console: Console,
) -> None:
    token, server = console.token(ADMIN), console.server
    first, second = (("newcomer", f"a {word} password") for word in ("long", "longer"))

    def sent(page: str, action: str, new: str, **more: str) -> int:
        form = {"new": new, "again": new, "password": ADMIN[1], "csrf": console.csrf(page, token)}
        return console.ask("POST", action, token, form | more)[0]

    add, name = "/console/users/add", {"name": first[0], "role": "user"}
    assert sent(add, add, first[1], **name) == 303
    session = ZERTO.token(server, first)
    where = "?provider=local&name=newcomer"
    assert sent(f"/console/user{where}", f"/console/user/password{where}", second[1]) == 303
    assert not ZERTO.is_alive(server, session)
    assert not ZERTO.worked(ZERTO.login(server, *first))
    assert ZERTO.is_alive(server, ZERTO.token(server, second))


@asynccontextmanager
async def opened(
    chromium: Browser,
    console: Console,
    person: tuple[str, str] = ADMIN,
    scheme: Scheme = "light",
    width: int = 1280,
) -> AsyncIterator[Watched]:
    """The sessions, for somebody who has signed in by hand."""
    context = await chromium.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    try:
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        shown = Watched(await context.new_page())
        await shown.page.goto(f"{console.url}/console/sessions")
        await shown.page.fill("#name", person[0])
        await shown.page.fill("#password", person[1])
        await shown.page.press("#password", "Enter")
        await expect(shown.page.locator("h1")).to_have_text("Sessions")
        yield shown
    finally:
        await context.close()
    assert shown.complaints == []
    assert shown.hosts == {console.host}


PAGES = {
    "sessions": "/console/sessions",
    "none": "/console/sessions?user=nobody",
    "end": "/console/sessions/end?all=yes&user=ursula",
    "users": "/console/users",
    "user": "/console/user?provider=local&name=ursula",
    "user-add": "/console/users/add",
    "pools": "/console/pools",
    "try": "/console/try",
    "settings": "/console/settings",
    "keys": "/console/keys",
    "overview": "/console/overview",
    "leaks": "/console/leaks",
    "ended": "/console/ended",
    "audit": "/console/audit",
    "audit-of-nobody": "/console/audit?user=nobody",
}
WIDTHS = (1280, 390)
NARROW = ("sessions", "overview", "leaks", "ended", "audit")
SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def look_at(shown: Watched, name: str) -> None:
    """Nothing is wrong with this page, for any reader, at each of `WIDTHS`.

    By the style sheet alone it is another at another width: it need not be opened anew for that.
    """
    page = shown.page
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        assert await shown.faults() == [], f"{name}, {width}"
        assert not await page.evaluate(SCROLLS), f"{name} scrolls sideways at {width}"
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            assert await shown.faults_of_colour() == [], f"{name}, {width}, {scheme}"
            await picture(page, f"{name}-{scheme}-{width}")


@pytest.mark.peer
@for_readers
@pytest.mark.slow
@browsing
async def test_every_reader_can_use_the_console(chromium: Browser, console: Console) -> None:
    tokens = [console.server.vim_token(USER) for _ in range(2)]
    headers = {"User-Agent": AGENT}
    console.server.request("POST", "/api/session", {**headers, "Authorization": basic(*USER)})
    async with opened(chromium, console) as shown:
        key = await shown.page.locator("tr[id^=row-]").first.get_attribute("id") or ""
        one = f"/console/sessions/{key.removeprefix('row-')}"
        for name, path in {**PAGES, "session": one}.items():
            await shown.page.goto(f"{console.url}{path}")
            await expect(shown.page.locator("h1")).to_be_visible()
            await look_at(shown, name)
        await shown.page.set_viewport_size({"width": 320, "height": 700})
        for name in NARROW:
            await shown.page.goto(f"{console.url}{PAGES[name]}")
            assert not await shown.page.evaluate(SCROLLS), f"{name} scrolls sideways"
        await shown.page.click("#sign-out")
        await expect(shown.page.locator("h1")).to_have_text("Sign in")
        await look_at(shown, "login")
    for token in tokens:
        console.server.call("Logout", token)


@pytest.mark.peer
@browsing
async def test_a_login_shows_by_itself_and_its_end_by_keyboard_is_felt(
    chromium: Browser, console: Console
) -> None:
    async with opened(chromium, console) as shown:
        page = shown.page
        await page.locator("#f-agent").focus()
        token = console.server.vim_token(USER)
        mine = page.locator("#live tr[id^=row-]", has_text=USER[0]).first
        await expect(mine).to_be_visible()
        # What had the focus still has it: the list alone was replaced.
        assert await page.evaluate("document.activeElement.id") == "f-agent"
        end = mine.get_by_role("link", name="End session")
        chosen = await end.get_attribute("id")
        await end.focus()
        console.server.vim_token(OTHER)
        await expect(page.locator("#live tr[id^=row-]", has_text=OTHER[0])).to_be_visible()
        assert await page.evaluate("document.activeElement.id") == chosen
        await page.goto(f"{console.url}/console/sessions?user={USER[0]}&order=signed")
        await page.locator("#end-all").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("End sessions")
        many = await page.locator("label[for=count]").inner_text()
        await page.fill("#count", many.rpartition(" ")[2])
        await page.fill("#reason", "a script that leaks")
        await page.fill("#password", ADMIN[1])
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_contain_text("Ended: ")
        assert not console.server.is_alive(token)
        await page.locator("#sign-out").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_have_text("You have signed out.")
    events = [json.loads(one) for one in audit_of(console.server)]
    told = [one for one in events if one.get("detail") == "a script that leaks"]
    assert {(one["user"], one["subject"]) for one in told} == {(ADMIN[0], USER[0])}
    assert {one["how"] for one in told} == {"console from 127.0.0.1"}


def audit_of(server: Server) -> list[str]:
    """The last events, a line of JSON each."""
    done = server.run("audit", "tail", "--count", "50", "--output", "json")
    return [json.dumps(one) for one in json.loads(done.out)]


@pytest.mark.peer
@browsing
async def test_without_script_all_but_the_updates_works(
    chromium: Browser, console: Console
) -> None:
    console.server.vim_token(USER)
    context = await chromium.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(f"{console.url}/console/sessions?user={USER[0]}")
        await page.fill("#name", ADMIN[0])
        await page.fill("#password", ADMIN[1])
        await page.click("#sign-in")
        await page.locator("input[name=key]").first.check()
        await page.click("#end-chosen")
        await page.fill("#reason", "no script")
        await page.click("#confirm")
        await expect(page.locator("#said")).to_have_text("Ended: 1.")
    finally:
        await context.close()


@pytest.mark.peer
@browsing
async def test_pause_and_selection_hold_the_list_still(chromium: Browser, console: Console) -> None:
    async with opened(chromium, console, OPERATOR) as shown:
        assert await shown.page.get_by_role("link", name="End", exact=True).count() == 0
    async with opened(chromium, console) as shown:
        page, asked = shown.page, []
        page.on("request", lambda request: asked.append(request.url))
        async with page.expect_request(lambda request: "seen=" in request.url):
            pass
        await page.click("#pause")
        await expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
        asked.clear()
        # What would have asked does not, whoever triggers it.
        await page.evaluate("for (let i = 0; i < 3; i++) htmx.trigger('#live', 'every')")
        await page.click("#pause")
        await page.locator("input[name=key]").first.check()
        assert [one for one in asked if "seen=" in one] == []


@pytest.mark.peer
@pytest.mark.parametrize("scheme", SCHEMES)
@browsing
async def test_the_pictures_of_the_readme(
    chromium: Browser, scheme: Scheme, console: Console
) -> None:
    agents = ("govc/0.53.1", "pyvmomi Python/3.13", "Terraform/1.9", "VMware PowerCLI/13.3.0")
    for agent in agents:
        sent = {"User-Agent": agent, "Authorization": basic(*USER)}
        assert console.server.request("POST", "/api/session", sent).status == 201
    async with opened(chromium, console, scheme=scheme) as shown:
        KEPT.mkdir(parents=True, exist_ok=True)
        await shown.page.screenshot(path=KEPT / f"console-{scheme}.png")
    assert Path(KEPT / f"console-{scheme}.png").stat().st_size < 200_000


def test_sec_30_the_start_shows_a_link_that_adds_the_first_administrator_once(
    tmp_path: Path,
) -> None:
    environ = {"SESSIONGATE_CONSOLE__LISTEN": "127.0.0.1:0"}
    with Server(tmp_path / "data", environ=environ) as server:
        console = Console(server)
        [link] = [line.strip() for line in server.out.lines if "/console/setup/" in line]
        path = urlsplit(link).path
        form = {"name": "root", "password": "a long enough one", "again": "a long enough one"}
        status, headers = console.ask("POST", path, form=form)
        assert (status, headers["location"]) == (303, "/console/login?did=added")
        assert console.ask("POST", path, form={**form, "name": "other"})[0] == 404
        assert console.token(("root", "a long enough one"))
        assert server.vim_login("root", "a long enough one").status == 200
        names = [
            one["name"] for one in json.loads(server.run("users", "list", "--output", "json").out)
        ]
        assert names == ["root"]
        told = [json.loads(one) for one in audit_of(server)]
        [added] = [one for one in told if one["event"] == "user added"]
        assert added["detail"] == "by the set-up link of the console"
        token = path.rpartition("/")[2]
        assert token not in server.log.text


def test_an_address_that_is_taken_is_gone_on_without_unless_it_was_asked_for(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        asked = with_people(tmp_path / "one", environ={"SESSIONGATE_CONSOLE__LISTEN": address})
        with pytest.raises(AssertionError, match=f"console.listen: {address} cannot be had"):
            asked.start()


@pytest.mark.peer
@pytest.mark.slow
def test_the_first_of_several_workers_has_it_and_shows_what_is_at_all(
    redis: Redis, tmp_path: Path
) -> None:
    environ = {"SESSIONGATE_CONSOLE__LISTEN": "127.0.0.1:0"}
    settings = shared_settings(redis.url)
    with with_people(tmp_path / "data", settings=settings, environ=environ) as server:
        console = Console(server)
        token = console.token(ADMIN)
        # The first worker has heard of the other by now: its pictures are of both from here on.
        wait_until(lambda: console.twin("overview", token)["counted"] == 2)
        with one_at_each(server) as clients:
            tokens = [ZERTO.token(one, USER) for one in clients for _ in range(2)]
            found = console.twin(f"sessions?user={USER[0]}", token)
            assert (found["total"], found["more"]) == (len(tokens), False)
            key = found["rows"][0]["key"]
            page = f"/console/sessions/end?key={key}"
            form = {"key": key, "csrf": console.csrf(page, token), "reason": "two workers"}
            assert console.ask("POST", "/console/sessions/end", token, form)[0] == 303
            for client in clients:
                assert sum(ZERTO.is_alive(client, one) for one in tokens) == len(tokens) - 1
        rows = console.twin(f"sessions?user={USER[0]}", token)["rows"]
        assert key not in [one["key"] for one in rows]

        def let_in() -> float:
            charts = {one["key"]: one for one in console.twin("overview", token)["charts"]}
            return sum(one or 0 for one in charts["logins"]["lines"][0]["values"])

        wait_until(lambda: let_in() >= len(tokens))
        assert let_in() <= len(tokens) + 1  # our own
        checks = server.run("check", "--output", "json").json()["checks"]
        [said] = [one["detail"] for one in checks if one["check"] == "server"]
        assert f"console on {console.url}/console/" in said
        made = server.run("tokens", "create", "nightly", "--console", "--role", "operator")
        for code in (200, 401):  # Redis has it, and has it no more
            status, _ = console.ask("GET", "/console/api/v1/sessions", bearer=made.out.strip())
            assert status == code
            server.run("tokens", "revoke", "nightly")
        server.stop()
