"""Our pages in a real browser: from our own files alone, to be tried out, and for every reader.

Who does not see the page, or not well, is spoken for by axe, which is read out of its package.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Route, expect

from tests.end_to_end.browsing import (
    MILLISECONDS,
    SCHEMES,
    Scheme,
    Watched,
    browsing,
    chromium,
    for_readers,
)
from tests.end_to_end.conftest import EMBEDDED, MakeServer
from tests.end_to_end.serving import ADMIN, Server

PAGES = ("/docs", "/swagger/index.html", "/management/api/swagger/index.html")
"""Where the API page is. Each is opened by some of these tests: to open one is dear, and to unfold
an operation is the dearer, the larger the document is."""
ZERTO_LOGIN = "/v1/session/add"
LOGIN = "/SessionManager/{moId}/Login"
LOGOUT = "/SessionManager/{moId}/Logout"
CURRENT = "/SessionManager/{moId}/currentSession"
DIALOG = ".dialog-ux"

pytestmark = [pytest.mark.peer, pytest.mark.slow]
__all__ = ["chromium"]


class Opened(Watched):
    """The API page, and what people do on it."""

    def operation(self, path: str) -> Locator:
        """The block of the operation whose path ends so."""
        shown = self.page.locator(f'.opblock-summary-path[data-path$="{path}"]')
        return self.page.locator(".opblock").filter(has=shown).first

    async def unfolded(self, path: str) -> Locator:
        """The block of the operation, which is ready to be tried out."""
        block = self.operation(path)
        if not await block.locator(".opblock-body").is_visible():
            await block.locator(".opblock-summary-control").click()
        return block

    async def fold(self, path: str) -> None:
        """Shut the operation: each that is open is drawn again with every reply."""
        block = self.operation(path)
        await block.locator(".opblock-summary-control").click()
        await expect(block.locator(".opblock-body")).to_be_hidden()

    async def try_out(self, path: str, body: object = None) -> Locator:
        """Open the operation, and execute it with what is filled in, or this; the shown reply."""
        block = await self.unfolded(path)
        if body is not None:
            await block.locator("textarea.body-param__text").fill(json.dumps(body))
        reply = block.locator(".live-responses-table .response").first
        if await reply.is_visible():
            await block.get_by_role("button", name="Clear").click()
            await expect(reply).to_be_hidden()
        await block.get_by_role("button", name="Execute").click()
        await expect(reply).to_be_visible()
        return reply

    async def log_in(self) -> Locator:
        """Log in as the administrator; the shown reply."""
        return await self.try_out(LOGIN, {"userName": ADMIN[0], "password": ADMIN[1]})

    async def current_session(self) -> str:
        """What the page shows of the session that it carries."""
        reply = await self.try_out(CURRENT)
        return await reply.locator(".highlight-code").first.inner_text()

    async def enter_basic(self) -> None:
        """Enter the administrator under Authorize."""
        await self.page.locator(".auth-wrapper .authorize").first.click()
        field = self.page.locator("input[name=username]")
        basic = self.page.locator(".auth-container").filter(has=field)
        await basic.locator("input[name=username]").fill(ADMIN[0])
        await basic.locator("input[name=password]").fill(ADMIN[1])
        await basic.get_by_role("button", name="Apply credentials").click()
        await self.page.locator(".dialog-ux .close-modal").click()

    async def closed_padlocks(self) -> list[str]:
        """The paths of the operations whose padlock is closed."""
        closed = self.page.locator(".opblock").filter(has=self.page.locator("svg.locked"))
        paths = closed.locator(".opblock-summary-path")
        return [
            await paths.nth(one).get_attribute("data-path") or ""
            for one in range(await paths.count())
        ]

    async def is_painted(self, scheme: Scheme) -> None:
        """The page is dark once the reader wants it dark, and light where not."""
        await self.page.emulate_media(color_scheme=scheme)
        png = await self.page.screenshot(clip={"x": 0, "y": 0, "width": 8, "height": 8})
        brightness = await self.page.evaluate(BRIGHTNESS, list(png))
        if scheme == "light":
            assert brightness > 220
        else:
            assert brightness < 60


@asynccontextmanager
async def opened(
    chromium: Browser,
    server: Server,
    address: str,
    ready: str = ".opblock",
    only_free: bool = False,
) -> AsyncIterator[Opened]:
    """A page of ours: the API page is whole, and none complains or asks anybody else.

    With `only_free` the page is given the `free_part` of the server's document.
    """
    # The server's CA is its own; that clients verify it is the subject of other tests.
    context = await chromium.new_context(ignore_https_errors=True)
    try:
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        shown = Opened(await context.new_page())
        if only_free:
            await shown.page.route("**/openapi.json", with_free_part)
        await shown.page.goto(f"{server.url}{address}")
        await shown.page.wait_for_selector(ready)
        if address in PAGES:
            assert "sessiongate" in await shown.page.title()
            await expect(shown.operation(ZERTO_LOGIN)).to_be_visible()
            await expect(shown.operation(LOGIN)).to_be_visible()
        yield shown
    finally:
        await context.close()
    assert shown.complaints == []
    assert shown.hosts == {urlsplit(server.url).netloc}


def free_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """The operations that take no session, one that takes a password, and what these refer to."""
    free = {
        path: verbs
        for path, verbs in document["paths"].items()
        if path == ZERTO_LOGIN or not any(_is_secured(one) for one in verbs.values())
    }
    needed: set[tuple[str, str]] = set()
    more = _referred(free)
    while more:
        needed |= more
        more = _referred([document["components"][kind][name] for kind, name in more]) - needed
    components = {
        kind: {
            name: part
            for name, part in parts.items()
            if kind == "securitySchemes" or (kind, name) in needed
        }
        for kind, parts in document["components"].items()
    }
    return {**document, "paths": free, "components": components}


def _is_secured(part: object) -> bool:
    return isinstance(part, Mapping) and bool(part.get("security"))


def _referred(part: object) -> set[tuple[str, str]]:
    found = re.findall(r'"#/components/(\w+)/([^"/]+)', json.dumps(part))
    return {(kind, name) for kind, name in found}


async def with_free_part(route: Route) -> None:
    reply = await route.fetch()
    await route.fulfill(response=reply, json=free_part(await reply.json()))


@EMBEDDED
def test_the_start_says_where_the_page_is(shared: Server) -> None:
    assert f"API page at {shared.url}/docs" in shared.out.lines
    assert shared.request("GET", "/docs").status == 200


SEVERE = """
[lockout]
attempts = 1
address_attempts = 1
"""


@browsing
async def test_who_only_presses_execute_has_guessed_nothing(
    chromium: Browser, make_server: MakeServer
) -> None:
    """A newcomer's first press was a failed try for a made-up name, held against his address."""
    server = make_server(settings=SEVERE)
    async with opened(chromium, server, "/docs", only_free=True) as shown:
        blocks = shown.page.locator(".opblock").filter(
            has_not=shown.page.locator(".authorization__btn")
        )
        paths = blocks.locator(".opblock-summary-path")
        free = [
            await paths.nth(one).get_attribute("data-path") for one in range(await paths.count())
        ]
        assert any(path and path.endswith("/Login") for path in free)
        assert len(free) == await shown.page.locator(".opblock").count() - 1  # that of ZERTO_LOGIN
        for path in free:
            await shown.try_out(path or "")
            await shown.fold(path or "")
        shown.complaints.clear()  # the browser's own, of replies that are no 200
    # Without a user under Authorize, this one has nothing to send: the browser asks for one.
    assert server.request("POST", "/v1/session/add").status == 401
    assert server.vim_login(*ADMIN).status == 200
    # What is held against a guesser here is held against him at once.
    assert server.vim_login(ADMIN[0], "wrong").status == 500
    assert server.vim_login(*ADMIN).status == 500


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(chromium: Browser, shared: Server) -> AsyncIterator[Opened]:
    """An API page for the tests that leave nobody logged in on it."""
    async with opened(chromium, shared, "/management/api/swagger/index.html") as shown:
        yield shown


@EMBEDDED
@browsing
async def test_the_session_of_a_vsphere_login_is_carried_until_the_logout(page: Opened) -> None:
    """Also where a second login has taken the place of the first."""
    assert await page.closed_padlocks() == []
    await expect(await page.try_out(CURRENT)).to_contain_text("null")
    reply = await page.try_out(
        LOGIN,
        {"userName": ADMIN[0], "password": ADMIN[1], "locale": "de"},
    )
    await expect(reply).to_contain_text("200")
    await expect(reply).to_contain_text("vmware-api-session-id")
    await expect(reply).to_contain_text('"messageLocale": "de"')
    sessions = [await page.current_session()]
    await page.log_in()
    sessions.append(await page.current_session())
    assert all(f'"userName": "{ADMIN[0]}"' in one for one in sessions)
    assert sessions[0] != sessions[1]
    closed = await page.closed_padlocks()
    assert any(path.endswith("/sessionList") for path in closed)
    assert not any(path.endswith("/Login") or path.startswith("/v1/") for path in closed)
    await page.try_out(LOGOUT)
    await page.fold(LOGOUT)
    await expect(await page.try_out(CURRENT)).to_contain_text("null")
    assert await page.closed_padlocks() == []


@EMBEDDED
@browsing
async def test_the_session_of_a_zerto_login_is_carried_until_the_logout(
    chromium: Browser, shared: Server
) -> None:
    async with opened(chromium, shared, "/swagger/index.html") as shown:
        await shown.enter_basic()
        reply = await shown.try_out(ZERTO_LOGIN)
        await expect(reply).to_contain_text("200")
        await expect(reply).to_contain_text("x-zerto-session")
        await expect(await shown.try_out("/v1/serverDateTime")).to_contain_text("200")
        await expect(await shown.try_out("/v1/session")).to_contain_text("200")
        await expect(await shown.try_out("/v1/serverDateTime")).to_contain_text("401")
        shown.complaints.clear()  # the browser's own, of the 401


@for_readers
@EMBEDDED
@browsing
async def test_every_reader_can_use_the_api_page(page: Opened) -> None:
    """With operations shut, open and executed, and with the dialog in front of all."""
    await page.unfolded(ZERTO_LOGIN)
    await page.unfolded("/SessionManager/{moId}/TerminateSession")
    await page.log_in()
    await page.try_out(CURRENT)
    assert await page.faults() == []
    for scheme in SCHEMES:
        await page.is_painted(scheme)
        assert await page.faults_of_colour() == []
    await page.page.locator(".auth-wrapper .authorize").first.click()
    await expect(page.page.locator(".dialog-ux .modal-ux")).to_be_visible()
    assert await page.faults(DIALOG) == []
    for scheme in SCHEMES:
        await page.page.emulate_media(color_scheme=scheme)
        assert await page.faults_of_colour(DIALOG) == []
    await page.page.locator(".dialog-ux .close-modal").click()
    await page.try_out(LOGOUT)


@for_readers
@EMBEDDED
@browsing
async def test_every_reader_can_use_the_front_page(chromium: Browser, shared: Server) -> None:
    async with opened(chromium, shared, "/", "h1") as shown:
        assert await shown.faults() == []
        for scheme in SCHEMES:
            await shown.is_painted(scheme)
            assert await shown.faults_of_colour() == []
        # What is there is the subject of other tests, and to draw it is dear.
        async with shown.page.expect_navigation(wait_until="commit") as followed:
            await shown.page.get_by_role("link", name="API page").click()
        assert urlsplit((await followed.value).url).path in PAGES
        assert (await followed.value).ok


# Of the corner of a screenshot: what is really painted, whoever says in which rule.
BRIGHTNESS = """async (bytes) => {
  const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return (red + green + blue) / 3;
}"""
