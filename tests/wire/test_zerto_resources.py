"""What an idle ZVM answers: addresses, and both forms of each answer."""

import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from sessiongate.wire.zerto_resources import (
    LISTS,
    SITE,
    TIME,
    Site,
    address,
    write_list,
    write_site,
    write_time,
)
from tests.each import each

HERE = Site("0f8fad5b-d9cb-469f-a165-70867728950e", "<gate> & co", "192.0.2.1", "a gate")
ORIGIN = "https://gate.example:9669"
SPACE = "{http://schemas.zerto.com/zvm/api}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def test_addresses_have_no_letter_case() -> None:
    for path in (TIME, SITE, *LISTS):
        for spelled in (path, path.lower(), path.upper(), f"{path}/"):
            assert address(spelled) == path
    for path in ("/v1/vpgs/1", "/v1/", "/v1/vm", "/v1/vms//", "/v1/localsite/settings"):
        assert address(path) is None


def test_the_time_in_both_forms() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    json_form, xml_form = write_time(now, None), write_time(now, "application/xml")
    assert json_form.content_type == "application/json; charset=utf-8"
    assert json.loads(json_form.body) == "2026-01-02T03:04:05.000000Z"
    assert xml_form.content_type == "application/xml; charset=utf-8"
    root = ET.fromstring(xml_form.body)
    assert root.tag == "{http://schemas.microsoft.com/2003/10/Serialization/}dateTime"
    assert root.text == "2026-01-02T03:04:05.000000Z"


@each(("path", "item"), LISTS.items())
def test_a_list_is_empty_in_both_forms(path: str, item: str) -> None:
    assert json.loads(write_list(path, "*/*").body) == []
    root = ET.fromstring(write_list(path, "text/xml").body)
    assert (root.tag, len(root)) == (f"{SPACE}ArrayOf{item}", 0)


def test_the_site_says_the_same_in_both_forms() -> None:
    told = json.loads(write_site(HERE, ORIGIN, None).body)
    assert told["SiteIdentifier"] == told["Link"]["identifier"] == HERE.identifier
    assert told["Link"]["href"] == "https://gate.example:9669/v1/localsite"
    assert (told["SiteName"], told["IpAddress"]) == ("<gate> & co", "192.0.2.1")
    assert list(told) == sorted(told)
    root = ET.fromstring(write_site(HERE, ORIGIN, "application/xml").body)
    assert root.tag == f"{SPACE}LocalSiteApi"
    assert [one.tag.removeprefix(SPACE) for one in root] == list(told)
    link = root.find(f"{SPACE}Link")
    assert link is not None
    texts = {one.tag.removeprefix(SPACE): one for one in (*root, *link)}
    assert texts["SiteName"].text == "<gate> & co"
    assert texts["IsReplicationToSelfEnabled"].text == "false"
    assert texts["BandwidthThrottlingInMBs"].text == "-1"
    assert texts["rel"].get(NIL) == "true"
