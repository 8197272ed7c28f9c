"""The API page as a handler: which files there are, and with which headers."""

import re
import sys
from pathlib import Path

import msgspec
import pytest

from sessiongate.dialects.api_page import front_page as front
from sessiongate.dialects.api_page import swagger_ui
from sessiongate.dialects.api_page.document import document
from sessiongate.dialects.api_page.page import PATHS, ApiPage
from sessiongate.http.message import Reply, Request
from sessiongate.http.router import Route, Routes, nowhere, refuse
from tests.each import each

PAGES = ("/docs", "/docs/", "/swagger/index.html", "/management/api/swagger/index.html")
ASSETS = {
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/favicon-32x32.png": "image/png",
    "/docs/initializer.js": "text/javascript; charset=utf-8",
    "/docs/names.js": "text/javascript; charset=utf-8",
    "/docs/page.css": "text/css; charset=utf-8",
    "/docs/front.css": "text/css; charset=utf-8",
}
ANYWHERE = Route("", nowhere, refuse)
EVERYTHING = (*PAGES, *ASSETS, "/openapi.json")


@pytest.fixture
def site() -> Routes:
    page = ApiPage()
    table = [Route(path, page, refuse) for path in PATHS]
    table.append(Route(front.PATH, front.FrontPage(), refuse))
    return Routes(table, ANYWHERE)


async def ask(
    site: Routes,
    path: str,
    method: str = "GET",
    *headers: tuple[str, str],
    secure: bool = True,
) -> Reply:
    return await site(Request(method, path, "", list(headers), b"", "127.0.0.1", secure))


def header(reply: Reply, name: str) -> str | None:
    found = [value for key, value in reply.headers if key == name]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize("path", PAGES)
async def test_each_address_shows_the_same_page_with_assets_of_ours(
    site: Routes, path: str
) -> None:
    reply = await ask(site, path)
    text = reply.body.decode()
    assert reply.status == 200
    assert header(reply, "content-type") == "text/html; charset=utf-8"
    assert "<h1>sessiongate API" in text
    assert "://" not in text
    assert "<script>" not in text
    assert "<style" not in text
    assert " style=" not in text
    for asset in ASSETS.keys() - {"/docs/front.css"}:
        assert f'"{asset}"' in text


@pytest.mark.parametrize(("path", "kind"), ASSETS.items())
async def test_each_asset_has_its_type(site: Routes, path: str, kind: str) -> None:
    reply = await ask(site, path)
    assert (reply.status, header(reply, "content-type")) == (200, kind)
    assert len(reply.body) > 100


async def test_the_document_is_served(site: Routes) -> None:
    reply = await ask(site, "/openapi.json")
    assert header(reply, "content-type") == "application/json"
    assert msgspec.json.decode(reply.body) == document()


@pytest.mark.parametrize("name", ["initializer.js", "names.js", "page.css", "front.css"])
async def test_the_page_names_no_other_host(site: Routes, name: str) -> None:
    reply = await ask(site, f"/docs/{name}")
    assert b"://" not in reply.body


@each("path", EVERYTHING)
async def test_a_client_that_holds_this_version_gets_304(site: Routes, path: str) -> None:
    first = await ask(site, path)
    tag = header(first, "etag")
    assert tag
    assert header(first, "cache-control") == "no-cache"
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await ask(site, path, "GET", ("if-none-match", held))
        assert (again.status, again.body) == (304, b"")
        assert header(again, "etag") == tag
        assert header(again, "content-type") is None
    other = await ask(site, path, "GET", ("if-none-match", '"other"'))
    assert (other.status, other.body) == (200, first.body)


async def test_different_files_have_different_tags(site: Routes) -> None:
    paths = ("/docs", *ASSETS, "/openapi.json")
    assert len({header(await ask(site, path), "etag") for path in paths}) == len(paths)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/swagger", "swagger/index.html"),
        ("/swagger/", "index.html"),
        ("/management/api/swagger", "swagger/index.html"),
        ("/management/api/swagger/", "index.html"),
    ],
)
async def test_folders_lead_to_their_page_by_a_relative_address(
    site: Routes, path: str, target: str
) -> None:
    reply = await ask(site, path, "GET", ("host", "evil.example"))
    assert (reply.status, header(reply, "location"), reply.body) == (302, target, b"")


@each("path", EVERYTHING)
async def test_head_tells_what_get_would(site: Routes, path: str) -> None:
    assert await ask(site, path, "HEAD") == await ask(site, path)


@each("verb", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@each("path", [*EVERYTHING, "/swagger"])
async def test_only_get_and_head_are_taken(site: Routes, path: str, verb: str) -> None:
    reply = await ask(site, path, verb)
    assert (reply.status, header(reply, "allow")) == (405, "GET, HEAD")


@each(
    "path",
    [
        "/docs/../openapi.json",
        "/docs/%2e%2e/openapi.json",
        "/docs//swagger-ui.css",
        "/docs/./page.css",
        "/docs/page.css/",
        "/docs/page.css%00",
        "/docs/PAGE.CSS",
        "/docs/page%2ecss",
        "/docs/swagger-ui-bundle.js.map",
        "/docs/swagger-editor-bundle.js",
        "/docs/oauth2-redirect.html",
        "/docs//etc/passwd",
        "/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/\\..\\pages.py",
        "/swagger/swagger-ui.css",
        "/swagger/index.html/",
        "/management/api/swagger/../../../docs",
        "/openapi.json/",
        "/docsx",
    ],
)
async def test_nothing_but_the_list_is_served(site: Routes, path: str) -> None:
    reply = await ask(site, path)
    assert reply.status == 404
    assert msgspec.json.decode(reply.body) == {"Message": "There is nothing at this address."}


@each("path", EVERYTHING)
async def test_sec_47_ranges_are_not_looked_at(site: Routes, path: str) -> None:
    plain = await ask(site, path)
    ranged = await ask(site, path, "GET", ("range", "bytes=" + ",".join(["0-"] * 1000)))
    assert ranged == plain


@each("path", [*EVERYTHING, "/swagger", "/docs/nothing"])
@each("method", ["GET", "POST"])
async def test_every_reply_carries_the_security_headers(
    site: Routes, path: str, method: str
) -> None:
    guarded(await ask(site, path, method))


def guarded(reply: Reply) -> None:
    """The reply has every security header, with these very values."""
    policy = dict.fromkeys(
        part.strip() for part in (header(reply, "content-security-policy") or "").split(";")
    )
    assert list(policy) == [
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ]
    assert header(reply, "x-content-type-options") == "nosniff"
    assert header(reply, "referrer-policy") == "no-referrer"
    assert header(reply, "strict-transport-security") == "max-age=31536000"


async def test_plain_http_promises_no_tls(site: Routes) -> None:
    reply = await ask(site, "/docs", secure=False)
    assert header(reply, "strict-transport-security") is None
    assert header(reply, "x-content-type-options") == "nosniff"


async def test_files_are_read_once(site: Routes, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await ask(site, "/docs/swagger-ui.css")

    def gone(path: Path) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert await ask(site, "/docs/swagger-ui.css") == first


async def test_the_package_of_swagger_ui_is_not_imported(site: Routes) -> None:
    await ask(site, "/docs")
    assert "swagger_ui" not in sys.modules


@pytest.fixture
def without_swagger_ui(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    monkeypatch.setitem(sys.modules, "swagger_ui", None)


@pytest.mark.usefixtures("without_swagger_ui")
@pytest.mark.parametrize("path", ["/", *PAGES])
async def test_without_swagger_ui_the_pages_say_how_to_get_it(site: Routes, path: str) -> None:
    reply = await ask(site, path, "GET", HTML)
    text = reply.body.decode()
    assert (reply.status, header(reply, "content-type")) == (200, "text/html; charset=utf-8")
    assert swagger_ui.HOW in text
    guarded(reply)
    links = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert links
    for link in links:
        assert (await ask(site, link)).status == 200, link


@pytest.mark.usefixtures("without_swagger_ui")
async def test_without_swagger_ui_the_document_is_served(site: Routes) -> None:
    reply = await ask(site, "/openapi.json")
    assert (reply.status, msgspec.json.decode(reply.body)) == (200, document())
    assert (await ask(site, "/docs/swagger-ui-bundle.js")).status == 404


async def test_the_page_with_and_without_swagger_ui_are_two_versions(
    site: Routes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that holds the advice asks again, and gets the page once that is installed."""
    monkeypatch.setitem(sys.modules, "swagger_ui", None)
    advice = await ask(Routes([Route("/docs", ApiPage(), refuse)], ANYWHERE), "/docs")
    monkeypatch.delitem(sys.modules, "swagger_ui")
    tag = header(advice, "etag") or ""
    assert (await ask(site, "/docs", "GET", ("if-none-match", tag))).status == 200


def test_a_package_without_the_files_is_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert swagger_ui.folder() is not None
    (tmp_path / "swagger_ui" / "static").mkdir(parents=True)
    (tmp_path / "swagger_ui" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert swagger_ui.folder() is None


HTML = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
NOTHING = (404, b'{"Message":"There is nothing at this address."}')


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_browser_finds_links_at_the_front_door(site: Routes, method: str) -> None:
    reply = await ask(site, "/", method, HTML)
    assert (reply.status, header(reply, "content-type")) == (200, "text/html; charset=utf-8")
    assert header(reply, "vary") == "accept"
    guarded(reply)
    text = reply.body.decode()
    assert "<script" not in text
    assert "style=" not in text
    assert "://" not in text
    links = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert {"/docs", "/openapi.json"} <= set(links)
    for link in links:
        assert (await ask(site, link)).status == 200, link
    tag = header(reply, "etag")
    again = await ask(site, "/", method, HTML, ("if-none-match", tag or ""))
    assert (again.status, again.body, header(again, "vary")) == (304, b"", "accept")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/xml", "", "text/html;q=0"])
async def test_other_clients_find_nothing_at_the_front_door(site: Routes, accept: str) -> None:
    """As before there was a page: the same bytes and headers as at any address without one."""
    reply = await ask(site, "/", "GET", ("accept", accept))
    assert (reply.status, reply.body) == NOTHING
    assert reply == await ask(site, "/no/such/address", "GET", ("accept", accept))
    assert await ask(site, "/") == await ask(site, "/no/such/address")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_is_done_at_the_front_door(site: Routes, method: str) -> None:
    reply = await ask(site, "/", method, HTML)
    assert (reply.status, reply.body) == NOTHING


@pytest.mark.parametrize("path", ["//", "/x", "/.", "/index.html", "/?"])
async def test_the_front_door_is_one_address(site: Routes, path: str) -> None:
    assert (await ask(site, path, "GET", HTML)).status == 404
