"""Our pages in a real browser: from our own files alone, to be tried out, and for every reader.

Who does not see the page, or not well, is spoken for by axe, which is read out of its package.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Locator, expect

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
"""Where the API page is. Each is opened by some of these tests: to open one is dear."""
LOGIN = "/SessionManager/{moId}/Login"
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
) -> AsyncIterator[Opened]:
    """A page of ours: the API page is whole, and none complains or asks anybody else."""
    # The server's CA is its own; that clients verify it is the subject of other tests.
    context = await chromium.new_context(ignore_https_errors=True)
    try:
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        shown = Opened(await context.new_page())
        await shown.page.goto(f"{server.url}{address}")
        await shown.page.wait_for_selector(ready)
        if address in PAGES:
            assert "sessiongate" in await shown.page.title()
            await expect(shown.operation("/v1/session/add")).to_be_visible()
            await expect(shown.operation("/SessionManager/{moId}/Login")).to_be_visible()
        yield shown
    finally:
        await context.close()
    assert shown.complaints == []
    assert shown.hosts == {urlsplit(server.url).netloc}


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
    async with opened(chromium, server, "/docs") as shown:
        blocks = shown.page.locator(".opblock").filter(
            has_not=shown.page.locator(".authorization__btn")
        )
        paths = blocks.locator(".opblock-summary-path")
        free = [
            await paths.nth(one).get_attribute("data-path") for one in range(await paths.count())
        ]
        assert any(path and path.endswith("/Login") for path in free)
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


@EMBEDDED
@browsing
async def test_the_session_of_a_vsphere_login_is_carried_until_the_logout(
    chromium: Browser, shared: Server
) -> None:
    """Also where a second login has taken the place of the first."""
    async with opened(chromium, shared, "/management/api/swagger/index.html") as shown:
        assert await shown.closed_padlocks() == []
        await expect(await shown.try_out(CURRENT)).to_contain_text("null")
        reply = await shown.try_out(
            "/SessionManager/{moId}/Login",
            {"userName": ADMIN[0], "password": ADMIN[1], "locale": "de"},
        )
        await expect(reply).to_contain_text("200")
        await expect(reply).to_contain_text("vmware-api-session-id")
        await expect(reply).to_contain_text('"messageLocale": "de"')
        sessions = [await shown.current_session()]
        await shown.log_in()
        sessions.append(await shown.current_session())
        assert all(f'"userName": "{ADMIN[0]}"' in one for one in sessions)
        assert sessions[0] != sessions[1]
        closed = await shown.closed_padlocks()
        assert any(path.endswith("/sessionList") for path in closed)
        assert not any(path.endswith("/Login") or path.startswith("/v1/") for path in closed)
        await shown.try_out("/SessionManager/{moId}/Logout")
        await expect(await shown.try_out(CURRENT)).to_contain_text("null")
        assert await shown.closed_padlocks() == []


@EMBEDDED
@browsing
async def test_the_session_of_a_zerto_login_is_carried_until_the_logout(
    chromium: Browser, shared: Server
) -> None:
    async with opened(chromium, shared, "/swagger/index.html") as shown:
        await shown.enter_basic()
        reply = await shown.try_out("/v1/session/add")
        await expect(reply).to_contain_text("200")
        await expect(reply).to_contain_text("x-zerto-session")
        await expect(await shown.try_out("/v1/serverDateTime")).to_contain_text("200")
        await expect(await shown.try_out("/v1/session")).to_contain_text("200")
        await expect(await shown.try_out("/v1/serverDateTime")).to_contain_text("401")
        shown.complaints.clear()  # the browser's own, of the 401


@for_readers
@EMBEDDED
@browsing
async def test_every_reader_can_use_the_api_page(chromium: Browser, shared: Server) -> None:
    """With operations shut, open and executed, and with the dialog in front of all."""
    async with opened(chromium, shared, "/docs") as shown:
        await shown.unfolded("/v1/session/add")
        await shown.unfolded("/SessionManager/{moId}/TerminateSession")
        await shown.log_in()
        await shown.try_out(CURRENT)
        assert await shown.faults() == []
        for scheme in SCHEMES:
            await shown.is_painted(scheme)
            assert await shown.faults_of_colour() == []
        await shown.page.locator(".auth-wrapper .authorize").first.click()
        await expect(shown.page.locator(".dialog-ux .modal-ux")).to_be_visible()
        assert await shown.faults(DIALOG) == []
        for scheme in SCHEMES:
            await shown.page.emulate_media(color_scheme=scheme)
            assert await shown.faults_of_colour(DIALOG) == []


@for_readers
@EMBEDDED
@browsing
async def test_every_reader_can_use_the_front_page(chromium: Browser, shared: Server) -> None:
    async with opened(chromium, shared, "/", "h1") as shown:
        assert await shown.faults() == []
        for scheme in SCHEMES:
            await shown.is_painted(scheme)
            assert await shown.faults_of_colour() == []
        await shown.page.get_by_role("link", name="API page").click()
        await shown.page.wait_for_selector(".opblock")


# Of the corner of a screenshot: what is really painted, whoever says in which rule.
BRIGHTNESS = """async (bytes) => {
  const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return (red + green + blue) / 3;
}"""
