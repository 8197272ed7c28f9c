"""What an idle ZVM answers below `/v1` beside its sessions: its own site, the time, empty lists.

Each comes as JSON, or as XML where `Accept` asks for that, in the form that .NET's data contracts
have. Source: the vendor's pages of the classic API.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from sessiongate.wire.accept import XML, preferred
from sessiongate.wire.times import moment
from sessiongate.wire.xml import escape
from sessiongate.wire.zerto import ZertoReply

TIME = "/v1/serverDateTime"
SITE = "/v1/localsite"
LISTS: Mapping[str, str] = {
    "/v1/alerts": "AlertApi",
    "/v1/events": "EventApi",
    "/v1/peersites": "PeerSiteApi",
    "/v1/tasks": "TaskApi",
    "/v1/vms": "VmApi",
    "/v1/vpgs": "VpgApi",
}
"""Each list by the type of what it would hold."""

VERSION = "9.5"
"""The release whose Windows and appliance forms both exist, as both are served here."""

_SPACE = "http://schemas.zerto.com/zvm/api"
_DATES = "http://schemas.microsoft.com/2003/10/Serialization/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"

_ADDRESSES = {path.lower(): path for path in (TIME, SITE, *LISTS)}


class Site(msgspec.Struct, frozen=True):
    """What the server says of itself as a site."""

    identifier: str
    """The server's own UUID: the same after every restart."""
    name: str
    address: str
    """An IP address, or "" where none is known."""
    location: str


def address(path: str) -> str | None:
    """TIME, SITE or one of LISTS for a path in any letter case, with or without a last slash."""
    return _ADDRESSES.get(path.lower().removesuffix("/"))


def write_time(now: datetime, accept: str | None) -> ZertoReply:
    """The server's time, in UTC."""
    text = moment(now)
    xml = f'<dateTime xmlns="{_DATES}">{text}</dateTime>'
    return _answer(text, xml, accept)


def write_list(path: str, accept: str | None) -> ZertoReply:
    """One of LISTS, in which there is nothing."""
    return _answer([], f'<ArrayOf{LISTS[path]} xmlns="{_SPACE}"/>', accept)


def write_site(site: Site, origin: str, accept: str | None) -> ZertoReply:
    """The site, at the address by which the client reaches us."""
    link = {
        "href": f"{origin}{SITE}",
        "identifier": site.identifier,
        "rel": None,
        "type": "LocalSiteApi",
    }
    # In the order of the alphabet, as .NET's readers of XML want it.
    members: Mapping[str, object] = {
        "BandwidthThrottlingInMBs": -1,  # not limited
        "ContactEmail": "",
        "ContactName": "",
        "ContactPhone": "",
        "IpAddress": site.address,
        "IsReplicationToSelfEnabled": False,
        "Link": link,
        "Location": site.location,
        "SiteIdentifier": site.identifier,
        "SiteName": site.name,
        "SiteType": "VCenter",
        "UtcOffsetInMinutes": 0,
        "Version": VERSION,
    }
    inside = _elements(members)
    xml = f'<LocalSiteApi xmlns="{_SPACE}" xmlns:i="{_XSI}">{inside}</LocalSiteApi>'
    return _answer(members, xml, accept)


def _elements(members: Mapping[str, object]) -> str:
    return "".join(_element(name, value) for name, value in members.items())


def _element(name: str, value: object) -> str:
    if value is None:
        return f'<{name} i:nil="true"/>'
    if isinstance(value, Mapping):
        return f"<{name}>{_elements(value)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def _answer(value: object, xml: str, accept: str | None) -> ZertoReply:
    if preferred(accept) == XML:
        return ZertoReply(200, "application/xml; charset=utf-8", xml.encode())
    return ZertoReply(200, "application/json; charset=utf-8", msgspec.json.encode(value))
