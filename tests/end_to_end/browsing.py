"""A real browser, and what it finds wrong with a page: for readers, and of what it asked whom."""

import shutil
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, async_playwright

from tests.until import PATIENCE

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MILLISECONDS = 1000 * PATIENCE
"""How long a page is waited for: it is there in one second on an idle machine."""


def browser() -> Path:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no chromium on this machine")
    return Path(found)


def axe() -> str:
    """The source of axe-core, which a package carries. Its code is not imported."""
    spec = find_spec("axe_playwright_python")
    if spec is None or not spec.submodule_search_locations:
        return ""
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


AXE = axe()
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that look at colours."""
# Innermost elements, of which most pages have hundreds of a few kinds.
MARK_THE_SAME = """() => {
  const seen = new Set();
  for (const one of document.querySelectorAll("body *")) {
    if (one.childElementCount) continue;
    const kind = [];
    for (let at = one; at; at = at.parentElement)
      kind.push(at.tagName, at.getAttribute("class"), at.getAttribute("style"), at.disabled);
    const key = JSON.stringify(kind);
    one.toggleAttribute("data-same", seen.has(key));
    seen.add(key);
  }
}"""
# All that axe tells of what is right would take longer to hand over than to find.
RUN_AXE = """async ([where, options]) => {
  const { passes, violations } = await axe.run(where, options);
  return [passes.length, violations.flatMap((one) => one.nodes.map((node) => [one.id, node.html]))];
}"""
for_readers = pytest.mark.skipif(not AXE, reason="the package axe-playwright-python is missing")


browsing = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A browser for all of these tests. Each opens pages with cookies and a cache of their own."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=browser(), args=[*FLAGS])
        yield running
        await running.close()


class Watched:
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

    async def faults(self, within: str = "html") -> list[str]:
        """What axe finds wrong for readers in this part, but for its colours."""
        return await self._axe(within, {"rules": {name: {"enabled": False} for name in COLOURS}})

    async def faults_of_colour(self, within: str = "html") -> list[str]:
        """What axe finds wrong there with the colours as they are painted now.

        One element stands for all that are alike, up to the root, in what colours go by.
        """
        await self.page.evaluate(MARK_THE_SAME)
        options = {"runOnly": {"type": "rule", "values": [*COLOURS]}}
        return await self._axe({"include": [within], "exclude": ["[data-same]"]}, options)

    async def _axe(self, where: object, options: dict[str, Any]) -> list[str]:
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE)
        passed, found = await self.page.evaluate(RUN_AXE, [where, {"preload": False, **options}])
        assert passed
        return [f"{rule}: {html}" for rule, html in found]
