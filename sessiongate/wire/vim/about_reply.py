"""What a server at the other end says that it is: asked before anybody has logged in."""

import msgspec

from sessiongate.errors import Malformed
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import SOAP_HEADERS, content_of, envelope, only
from sessiongate.wire.vim.soap import VIM

VCENTER = "VirtualCenter"
"""The type of a vCenter. An ESXi host's is another."""

_LONGEST = 100


class AboutUpstream(msgspec.Struct, frozen=True):
    """In its own words, cut."""

    api_type: str
    full_name: str
    api_version: str


def write_about() -> Ask:
    """Ask for it. Needs no session."""
    body = envelope("RetrieveServiceContent", "ServiceInstance", "ServiceInstance")
    return Ask("/sdk", SOAP_HEADERS, body)


def read_about(answer: Answer) -> AboutUpstream:
    """What it says. Raises Malformed for what is no such answer."""
    if answer.status != 200:
        raise Malformed(f"status {answer.status}")
    reply = only(content_of(answer.body), "RetrieveServiceContentResponse", VIM)
    about = only(only(reply, "returnval", VIM), "about", VIM)
    texts = {child.name: child.text.strip()[:_LONGEST] for child in about.children}
    return AboutUpstream(
        texts.get("apiType", ""), texts.get("fullName", ""), texts.get("apiVersion", "")
    )
