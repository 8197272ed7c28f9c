"""Which addresses are forwarded, and what of a head goes on: nothing that two servers read in two
ways, and nothing that says who asks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.rules.transfers import (
    FAMILIES,
    family_of,
    leads_to,
    reply_headers,
    request_headers,
    require_plain,
)
from tests.each import each

OURS = {
    "/folder": "folder",
    "/folder/": "folder",
    "/folder/a b": "folder",
    "/screen": "screen",
    "/nfc/x/disk-0.vmdk": "nfc",
    "/guestFile": "guestFile",
    "/cls/data/x/y": "cls",
}
NOT_OURS = ("/", "/folderx", "/Folder/a", "/screen/", "/nfc", "/guestFile/", "/cls/", "/mob", "/ui")


def test_sec_46_the_list_of_what_is_forwarded_is_closed() -> None:
    found = {path: getattr(family_of(path), "name", None) for path in OURS}
    assert found == OURS
    assert [family_of(path) for path in NOT_OURS] == [None] * len(NOT_OURS)


PLAIN = (
    "/folder",
    "/folder/",
    "/folder/a/b.vmdk",
    "/folder/my%20vm/my%20vm.vmdk",
    "/folder/%C3%A4%c3%b6/100%25",
    "/folder/a..b/.hidden/...",
    "/folder/a%3Bb",
    "/folder/a+b@c:d,e=f",
)
TWO_WAYS = (
    "/folder/../mob",
    "/folder/./a",
    "/folder/a/..",
    "/folder/..",
    "/folder//a",
    "/folder/a//",
    "/folder/%2e%2e/mob",
    "/folder/%2E/mob",
    "/folder/a%2fb",
    "/folder/a%5Cb",
    "/folder/a\\b",
    "/folder/%61",
    "/folder/%7e",
    "/folder/%00",
    "/folder/a%0d%0aX:b",
    "/folder/%7F",
    "/folder/%252e%252e/mob",
    "/folder/%25%32%65",
    "/folder/..;/mob",
    "/folder/..%3B/mob",
    "/folder/.%3Ba/mob",
    "/folder/a;b",
    "/folder/%",
    "/folder/%4",
    "/folder/%zz",
    "/folder/a b",
    "/folder/ä",
    '/folder/a"b',
    "/folder/a|b",
)
FOLDER = FAMILIES[0]


@each("path", PLAIN)
def test_what_everybody_reads_alike_is_forwarded(path: str) -> None:
    require_plain(FOLDER, path, "dcPath=a&dsName=b")


@each("path", TWO_WAYS)
def test_sec_38_what_two_servers_could_read_in_two_ways_is_refused(path: str) -> None:
    with pytest.raises(Malformed):
        require_plain(FOLDER, path, "")


@given(st.text(alphabet="ab./%;\\2eEfF5cC0", max_size=20))
def test_sec_38_no_address_that_is_forwarded_leads_out_of_its_family(rest: str) -> None:
    path = f"/folder/{rest}"
    try:
        require_plain(FOLDER, path, "")
    except Malformed:
        return
    for _ in range(2):
        path = re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), path)
        assert path.startswith("/folder/")
        assert not {"..", "."} & set(re.split(r"[/\\]", path.replace(";", "/")))
        assert "//" not in path


@each("query", ["", "id=1", "token=1", "id=&token=1", "id=1&token=", "idx=1&token=2"])
def test_a_ticket_that_is_not_there_is_not_looked_for_at_the_upstream(query: str) -> None:
    family = family_of("/guestFile")
    assert family is not None
    require_plain(family, "/guestFile", "id=1&token=2")
    with pytest.raises(Malformed):
        require_plain(family, "/guestFile", query)


def test_sec_34_nothing_that_says_who_asks_goes_on() -> None:
    kept = (("range", "bytes=0-1"), ("content-type", "a/b"), ("if-match", '"x"'))
    dropped = [
        *("cookie", "authorization", "vmware-api-session-id", "x-zerto-session", "forwarded"),
        *("x-forwarded-for", "x_forwarded_for", "x-forwarded-user", "via", "host", "connection"),
        *("content-length", "transfer-encoding", "te", "upgrade", "expect", "proxy-authorization"),
        *("user-agent", "accept-encoding", "origin", "referer", "vmware-cis-session"),
    ]
    assert request_headers((*kept, *((name, "canary") for name in dropped))) == kept


UPSTREAM = "https://vc1.example:8443"
HOSTS = frozenset({"vc1.gate.example", "vc2.gate.example:9669"})
PLACES = {
    f"{UPSTREAM}/folder/a?b": "/folder/a?b",
    "HTTPS://VC1.example:8443/a": "/a",
    "/folder/a": "/folder/a",
    "https://vc1.example.:08443/a": "/a",
    "https://vc1.gate.example/nfc/a?b": "https://vc1.gate.example/nfc/a?b",
    "https://vc2.gate.example:9669/a": "https://vc2.gate.example:9669/a",
    "https://vc2.gate.example:9668/a": "",
    "http://vc1.gate.example/a": "",
    "https://esx7.example/folder/a": "",
    "https://evil.example/a": "",
    "http://vc1.example:8443/a": "",
    "https://vc1.example:84439/a": "",
    f"https://x@{UPSTREAM[8:]}/a": "",
    f"{UPSTREAM}@evil.example/a": "",
    f"{UPSTREAM}.evil.example/a": "",
    UPSTREAM: "",
    f"{UPSTREAM}//evil.example": "",
    f"{UPSTREAM}/\\evil.example": "",
    "//evil.example": "",
    # What browsers drop out of an address, or read as another letter, before they follow it.
    "/\t/evil.example/x": "",
    "/\n/evil.example/x": "",
    "\t//evil.example/x": "",
    "/a b": "",
    "/\x00/evil.example": "",
    "/\xa0": "",
    "/\xef\xbc\x8fevil.example": "",
    "/\uff0fevil.example": "",
    f"{UPSTREAM}/\t/evil.example": "",
    "https://vc1.gate.example/a?b#\t": "",
    "https://vc1.gate.example/\xa0": "",
    "javascript:alert(1)": "",
    "a": "",
}


@each("place", PLACES)
def test_sec_44_where_a_reply_points_is_seen_from_the_client(place: str) -> None:
    expected = (("location", PLACES[place]),) if PLACES[place] else ()
    assert reply_headers((("location", place),), UPSTREAM, HOSTS) == expected


@each(
    ("place", "goes"),
    [
        ("https://esx7.example/folder/a?dcPath=b", True),
        ("https://10.0.0.7/folder/a", True),
        ("https://esx7.example:8443/folder/a", False),
        ("http://esx7.example/folder/a", False),
        ("https://esx7.example/nfc/a", False),
        ("https://esx7.example/sdk", False),
        ("https://localhost/folder/a", False),
        ("https://127.0.0.1/folder/a", False),
        ("https://esx7.example:99999/folder/a", False),
        ("https://[1:2]/folder/a", False),
    ],
    str,
)
def test_sec_44_other_hosts_are_pointed_to_where_tickets_for_them_are_handed_out(
    place: str, goes: bool
) -> None:
    found = reply_headers((("location", place),), UPSTREAM, HOSTS, leaves=True)
    assert found == ((("location", place),) if goes else ())
    assert reply_headers((("location", place),), UPSTREAM, HOSTS) == ()


def test_where_a_reply_leads_is_named_by_its_host_alone() -> None:
    assert leads_to("https://ESX7.example:443/folder/a?ticket=b") == "esx7.example"
    assert leads_to("javascript:alert(1)") == "?"


def test_sec_43_a_client_hears_what_the_file_is_and_nothing_of_the_session() -> None:
    kept = (("content-type", "a/b"), ("etag", '"x"'), ("content-range", "bytes 0-1/5"))
    dropped = ("set-cookie", "server", "connection", "www-authenticate", "vmware-api-session-id")
    assert reply_headers((*((name, "canary") for name in dropped), *kept), UPSTREAM) == kept
