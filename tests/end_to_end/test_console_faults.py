"""The console's page of faults in a real browser, of a server in this process."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from sessiongate.testing import Gate
from tests.end_to_end.browsing import (
    MILLISECONDS,
    SCHEMES,
    Watched,
    browsing,
    chromium,
    for_readers,
)

__all__ = ["chromium"]

SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate.start(tls=False, settings={"console.listen": "127.0.0.1:0"}) as started:
        yield started


@pytest.mark.peer
@for_readers
@pytest.mark.slow
@browsing
async def test_every_reader_can_set_faults(chromium: Browser, gate: Gate) -> None:
    base = vars(gate)["_thread"].running.started.console
    name, user = next(iter(gate.users.items()))
    context = await chromium.new_context()
    try:
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        shown = Watched(await context.new_page())
        page = shown.page
        await page.goto(f"{base}faults")
        await page.fill("#name", name)
        await page.fill("#password", user.password)
        await page.press("#password", "Enter")
        await page.fill("#rule", "login.slow seconds=5 user=ci dialect=zerto,rest times=3")
        await page.click("#add")
        await expect(page.locator("#said")).to_have_text("The rule is added.")
        await page.select_option("#scenario", "stale-password")
        await page.click("#add-scenario")
        await expect(page.locator("#dev")).to_contain_text("faults on purpose, 2 rules")
        for width in (1280, 320):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await shown.faults() == [], width
            assert not await page.evaluate(SCROLLS), width
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                assert await shown.faults_of_colour() == [], f"{width}, {scheme}"
        await page.get_by_role("button", name="Remove rule r1", exact=True).press("Enter")
        await expect(page.locator("#dev")).to_contain_text("faults on purpose, 1 rule")
        await page.click("#clear")
        await expect(page.locator("#dev")).to_contain_text("faults on purpose, 0 rules")
    finally:
        await context.close()
    assert shown.complaints == []
    assert shown.hosts == {urlsplit(base).netloc}
