"""The console of a gateway in a real browser: who goes by which session at the upstream."""

import pytest
from playwright.async_api import Browser, expect

from tests.end_to_end.browsing import browsing, chromium, for_readers
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Server
from tests.end_to_end.test_console import WIDTHS, Console, look_at, opened
from tests.end_to_end.test_gateway import shared_gate, upstream
from tests.end_to_end.vim_soap import SoapClient

__all__ = ["chromium", "upstream"]

PAGES = ("sessions", "pools", "pools/vc1", "overview")


@pytest.mark.peer
@for_readers
@pytest.mark.slow
@browsing
async def test_every_reader_sees_who_is_pinned_to_which_session_there(
    chromium: Browser, upstream: Server, make_server: MakeServer
) -> None:
    environ = {"SESSIONGATE_CONSOLE__LISTEN": "127.0.0.1:0"}
    gate = make_server(settings=shared_gate(upstream), environ=environ)
    SoapClient.login(gate, ADMIN).view()
    SoapClient.login(gate, USER)
    console = Console(gate)
    async with opened(chromium, console) as shown:
        page = shown.page
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(f"{console.url}/console/sessions?dialect=soap")
            leases = page.locator("#live [data-label=Lease]")
            await expect(leases.filter(has_text="pinned: 1")).to_have_count(1)
            await page.goto(f"{console.url}/console/pools/vc1")
            pin = page.locator("a[id^=pin-]")
            await expect(page.locator("tr", has=pin)).to_contain_text(ADMIN[0])
            await pin.press("Enter")
            await expect(page.locator("main")).to_contain_text("pinned by 1 object")
        for name in PAGES:
            await page.goto(f"{console.url}/console/{name}")
            await look_at(shown, f"gateway-{name.replace('/', '-')}")
