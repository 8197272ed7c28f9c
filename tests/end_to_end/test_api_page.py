"""The API page in a real browser: it works from our own files alone, and can be tried out."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Locator, Page, Request, async_playwright, expect

from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server

pytestmark = pytest.mark.peer

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000
"""Milliseconds. The page is there in one second; a busy machine may take many times that."""


def browser() -> Path:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no chromium on this machine")
    return Path(found)


class Opened:
    """A page, with what it asked for and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", self._asked)
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self._said("error", str(error)))

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data":
            self.hosts.add(parts.netloc)

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def operation(self, path: str) -> Locator:
        """The block of the operation whose path ends so."""
        shown = self.page.locator(f'.opblock-summary-path[data-path$="{path}"]')
        return self.page.locator(".opblock").filter(has=shown).first

    async def try_out(self, path: str, body: object = None) -> Locator:
        """Open the operation, which is ready to be tried out, and execute it; the shown reply."""
        block = self.operation(path)
        await block.locator(".opblock-summary-control").click()
        if body is not None:
            await block.locator("textarea.body-param__text").fill(json.dumps(body))
        await block.get_by_role("button", name="Execute").click()
        reply = block.locator(".live-responses-table .response").first
        await expect(reply).to_be_visible()
        return reply


@asynccontextmanager
async def opened(server: Server, address: str) -> AsyncIterator[Opened]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser(), args=[*FLAGS])
        # The server's CA is its own; that clients verify it is the subject of other tests.
        context = await chromium.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        shown = Opened(await context.new_page())
        await shown.page.goto(f"{server.url}{address}")
        await shown.page.wait_for_selector(".opblock")
        yield shown
        await chromium.close()
    assert shown.complaints == []
    assert shown.hosts == {urlsplit(server.url).netloc}


@pytest.mark.parametrize(
    "address", ["/docs", "/swagger/index.html", "/management/api/swagger/index.html"]
)
@EMBEDDED
async def test_the_page_is_at_each_of_its_addresses_and_asks_nobody_else(
    shared: Server, address: str
) -> None:
    async with opened(shared, address) as shown:
        assert "sessiongate" in await shown.page.title()
        await expect(shown.operation("/v1/session/add")).to_be_visible()
        await expect(shown.operation("/SessionManager/{moId}/Login")).to_be_visible()


@EMBEDDED
async def test_a_vsphere_login_can_be_tried_out(shared: Server) -> None:
    async with opened(shared, "/docs") as shown:
        reply = await shown.try_out(
            "/SessionManager/{moId}/Login",
            {"userName": ADMIN[0], "password": ADMIN[1], "locale": "de"},
        )
        await expect(reply).to_contain_text("200")
        await expect(reply).to_contain_text("vmware-api-session-id")
        await expect(reply).to_contain_text('"messageLocale": "de"')


@EMBEDDED
async def test_a_zerto_login_can_be_tried_out(shared: Server) -> None:
    async with opened(shared, "/swagger/index.html") as shown:
        page = shown.page
        await page.locator(".auth-wrapper .authorize").first.click()
        basic = page.locator(".auth-container").filter(has=page.locator("input[name=username]"))
        await basic.locator("input[name=username]").fill(ADMIN[0])
        await basic.locator("input[name=password]").fill(ADMIN[1])
        await basic.get_by_role("button", name="Apply credentials").click()
        await page.locator(".dialog-ux .close-modal").click()
        reply = await shown.try_out("/v1/session/add")
        await expect(reply).to_contain_text("200")
        await expect(reply).to_contain_text("x-zerto-session")
