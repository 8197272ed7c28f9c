"""What an administrator does at the console at night, in a real browser, by keyboard alone."""

import json
import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.basic import basic
from tests.end_to_end.browsing import browsing, chromium
from tests.end_to_end.serving import ADMIN, OTHER, USER
from tests.end_to_end.test_console import Console, audit_of, console, opened

__all__ = ["chromium", "console"]

LEAKS = 12
"""Sessions that the script leaves open."""
WHY = "the nightly script never logs out"
GUESSES = 10
"""More than lock a name."""


async def choose(page: Page, control: str) -> None:
    """Go there by Tab, however many it takes, and press Enter."""
    for _ in range(200):
        if await page.evaluate("document.activeElement.id") == control:
            await page.keyboard.press("Enter")
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {control}")


async def fill(page: Page, control: str, text: str) -> None:
    """Go there by Tab, and type."""
    for _ in range(200):
        if await page.evaluate("document.activeElement.id") == control:
            await page.keyboard.type(text)
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {control}")


@pytest.mark.peer
@browsing
async def test_by_keyboard_alone_a_leak_is_found_and_ended_and_a_colleague_unlocked(
    chromium: Browser, console: Console
) -> None:
    server = console.server
    script = {"User-Agent": "nightly.py/1", "Authorization": basic(*USER)}
    for _ in range(LEAKS):
        assert server.request("POST", "/api/session", script).status == 201
    for _ in range(GUESSES):
        server.vim_login(OTHER[0], "a wrong guess")
    async with opened(chromium, console) as shown:
        page = shown.page
        await page.locator("body").press("g")
        await page.keyboard.press("l")
        await expect(page.locator("h1")).to_have_text("Leaks")
        row = page.locator("tbody tr", has_text="nightly.py")
        await expect(row.locator("[data-label=Live]")).to_have_text(str(LEAKS))
        end = await row.get_by_role("link", name="End the sessions").get_attribute("id")
        await choose(page, end or "")
        await expect(page.locator("h1")).to_have_text("End sessions")
        many = await page.locator("label[for=count]").inner_text()
        await fill(page, "reason", WHY)
        await fill(page, "count", many.rpartition(" ")[2])
        await fill(page, "password", ADMIN[1])
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_contain_text("Ended: ")

        await page.locator("body").press("g")
        await page.keyboard.press("u")
        await expect(page.locator("h1")).to_have_text("Users")
        name = page.get_by_role("link", name=OTHER[0], exact=True)
        await choose(page, await name.get_attribute("id") or "")
        await expect(page.locator("h1")).to_have_text("User")
        await choose(page, "unlock")
        await expect(page.locator("#said")).to_have_text("May try again.")
        assert server.vim_login(*OTHER).status == 200

        await page.locator("body").press("g")
        await page.keyboard.press("a")
        await expect(page.locator("h1")).to_have_text("Audit")
        ends = page.locator("tbody tr", has_text=WHY)
        await expect(ends.first).to_contain_text(USER[0])
        await expect(ends.first).to_contain_text(ADMIN[0])
        await expect(page.locator("tbody tr", has_text="unlocked").first).to_contain_text(OTHER[0])
    told = [json.loads(one) for one in audit_of(server)]
    assert {one["user"] for one in told if one.get("detail") == WHY} == {ADMIN[0]}


@pytest.mark.peer
@browsing
async def test_focus_and_place_on_the_page_survive_five_polls_that_bring_news(
    chromium: Browser, console: Console
) -> None:
    server = console.server
    tokens = [server.vim_token(USER) for _ in range(15)]
    async with opened(chromium, console) as shown:
        page = shown.page
        await page.set_viewport_size({"width": 1280, "height": 400})
        await page.goto(f"{console.url}/console/sessions?user={USER[0]}&order=signed")
        end = page.locator("a[id^=end-]").nth(10)
        chosen = await end.get_attribute("id")
        await end.focus()
        place = await page.evaluate("window.scrollY")
        assert place > 0
        for _ in range(5):
            # Before each of them the list has changed: a call is counted.
            async with page.expect_response(lambda one: "seen=" in one.url and one.status == 200):
                assert server.is_alive(tokens[0])
        assert await page.evaluate("document.activeElement.id") == chosen
        assert await page.evaluate("window.scrollY") == place
    for token in tokens:
        server.call("Logout", token)


@pytest.mark.peer
@browsing
async def test_a_key_is_copied_and_that_is_said(chromium: Browser, console: Console) -> None:
    console.server.vim_token(USER)
    async with opened(chromium, console) as shown:
        page = shown.page
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        copy = page.locator("#live button.copy").first
        key = await copy.get_attribute("data-copy") or ""
        await copy.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_have_text(f"Copied: key {key[:8]}.")
        assert await page.evaluate("navigator.clipboard.readText()") == key
        await page.goto(f"{console.url}/console/try")
        await page.locator("#copy-1").click()
        await expect(page.locator("#said")).to_contain_text("Copied: the lines for curl")
        said = await page.evaluate("navigator.clipboard.readText()")
        assert said == await page.locator("pre code").first.inner_text()


@pytest.mark.peer
@browsing
async def test_a_row_that_has_left_is_struck_through_and_an_outage_says_since_when(
    chromium: Browser, console: Console
) -> None:
    server = console.server
    script = {"User-Agent": "struck/1", "Authorization": basic(*OTHER)}
    token = server.request("POST", "/api/session", script).json()
    async with opened(chromium, console) as shown:
        page = shown.page
        await page.goto(f"{console.url}/console/sessions?agent=struck")
        await expect(page.locator("#live tbody tr")).to_have_count(1)
        server.request("POST", "/api/session", script)
        await expect(page.locator("#live tbody tr")).to_have_count(2)
        server.request("DELETE", "/api/session", {"vmware-api-session-id": token})
        await page.wait_for_selector("#live tr.gone")
        await expect(page.locator("#live tbody tr")).to_have_count(1)
        polls = re.compile("seen=")
        await page.route(polls, lambda route: route.abort())
        await expect(page.locator("#late")).to_contain_text("Not updated since")
        await page.unroute(polls)
        await expect(page.locator("#late")).to_have_text("")
        shown.complaints.clear()  # the browser's own, of requests that came to nothing
