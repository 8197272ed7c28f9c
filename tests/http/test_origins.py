"""Which requests a page of another site sends: all that a browser can say, over our addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.http.origins import is_foreign
from tests.each import each

OURS = {
    ("gate.example.com", True): ["https://gate.example.com", "https://gate.example.com:443"],
    ("Gate.Example.com:443", True): ["https://gate.example.com", "HTTPS://GATE.example.com:443"],
    ("gate.example.com:9669", True): ["https://gate.example.com:9669"],
    ("gate.example.com", False): ["http://gate.example.com", "http://gate.example.com:80"],
    ("127.0.0.1:9669", True): ["https://127.0.0.1:9669"],
    ("[::1]:9669", True): ["https://[::1]:9669"],
    ("[fd00::1]", True): ["https://[fd00::1]", "https://[FD00::1]:443"],
    ("gate.example.com:", True): ["https://gate.example.com"],
}
PAIRS = [(*ours, origin) for ours, origins in OURS.items() for origin in origins]
STRANGERS = [
    *("null", "", "https://", "https://evil.example", "http://evil.example", "https://localhost"),
    *("gate.example.com", "https:gate.example.com", "//gate.example.com", "file://"),
    "https://gate.example.com.evil.example",
    "https://evil.example:9669",
    "https://gate.example.com:1",
    "https://gate.example.com@evil.example",
    "https://xgate.example.com",
    "https://gate.example.com https://evil.example",
    "wss://gate.example.com",
    "chrome-extension://gate.example.com",
]


@each(("host", "secure", "origin"), PAIRS)
@each("sites", [[], ["same-origin"], ["none"], ["Same-Origin"], ["unheard-of"]])
def test_sec_85_our_own_page_is_not_foreign(
    host: str, secure: bool, origin: str, sites: list[str]
) -> None:
    assert not is_foreign(sites, [origin], secure=secure, host=host)
    assert not is_foreign(sites, [], secure=secure, host=host)


@each("origin", STRANGERS)
def test_sec_85_another_origin_is_foreign_whatever_else_is_said(origin: str) -> None:
    said = [[], ["same-origin"], ["none"], ["cross-site"], ["same-site"]]
    let_in = [
        (host, secure, sites)
        for host, secure in OURS
        for sites in said
        if not is_foreign(sites, [origin], secure=secure, host=host)
    ]
    assert let_in == []


@each("site", ["cross-site", "same-site", "Cross-Site"])
@each(("host", "secure", "origin"), PAIRS)
def test_sec_85_another_site_is_foreign_whatever_the_origin(
    site: str, host: str, secure: bool, origin: str
) -> None:
    joined = [[f"same-origin, {site}"], [f"{site},none"]]
    for sites in ([site], ["same-origin", site], [site, "none"], *joined):
        assert is_foreign(sites, [origin], secure=secure, host=host)
        assert is_foreign(sites, [], secure=secure, host=host)


def test_sec_85_one_foreign_origin_among_two_is_enough() -> None:
    both = ["https://gate", "https://evil.example"]
    for origins in (both, both[::-1]):
        assert is_foreign([], origins, secure=True, host="gate")


def test_sec_85_the_scheme_is_part_of_an_origin() -> None:
    """Anybody on the way can put words into a page that came without TLS."""
    for sites in ([], ["none"], ["unheard-of"]):
        assert is_foreign(sites, ["http://gate"], secure=True, host="gate")
        assert is_foreign(sites, ["https://gate"], secure=False, host="gate")


def test_where_the_browser_vouches_only_the_host_is_compared() -> None:
    """TLS may end at a proxy that the settings do not name."""
    assert not is_foreign(["same-origin"], ["https://gate"], secure=False, host="gate")
    assert is_foreign(["same-origin"], ["https://gate:1"], secure=False, host="gate")


@pytest.mark.parametrize("host", ["", ":443"])
def test_a_request_without_a_host_has_no_own_origin(host: str) -> None:
    assert is_foreign([], ["https://"], secure=True, host=host)
    assert is_foreign([], ["https://:443"], secure=True, host=host)
    assert not is_foreign([], [], secure=True, host=host)


@given(st.text(), st.text(), st.booleans())
def test_sec_85_only_our_own_address_is_ours(origin: str, host: str, secure: bool) -> None:
    """Whatever is sent, an origin that passes is the address that the request came to."""
    if not is_foreign([], [origin], secure=secure, host=host):
        scheme = "https" if secure else "http"
        name = host.lower().removesuffix(":")
        assert origin.lower().startswith(
            f"{scheme}://{name.removesuffix(':443').removesuffix(':80')}"
        )
