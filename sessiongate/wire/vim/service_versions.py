"""`GET /sdk/vimServiceVersions.xml`: which versions of vim25 are spoken here.

pyVmomi connects to no server without it, and picks the first of its own versions that it finds
there. Old releases of it know only old numbers, so all of them are listed. Announcing a version
binds nobody: what a client says in SOAPAction is advice, and newer members stay optional.
"""

import re
from collections.abc import Iterable

from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.vim.types import version_of
from sessiongate.wire.xml import OF_KNOWN, parse

PATH = "/sdk/vimServiceVersions.xml"

VSAN_PATH = "/sdk/vsanServiceVersions.xml"
"""The same of vSAN's API, which is the upstream's alone."""

# As published by the vendor, newest first; the first is the newest release that VI/JSON serves
# too, since govmomi takes it for both.
VERSIONS = (
    *("9.1.0.0", "9.0.0.0"),
    *("8.0.3.1", "8.0.3.0", "8.0.2.0", "8.0.1.0", "8.0.0.2", "8.0.0.1", "8.0.0.0"),
    *("7.0.3.2", "7.0.3.1", "7.0.3.0", "7.0.2.1", "7.0.2.0", "7.0.1.1", "7.0.1.0"),
    *("7.0.0.2", "7.0.0.0", "6.9.1", "6.8.7", "6.7.3", "6.7.2", "6.7.1", "6.7", "6.5", "6.0"),
    *("5.5", "5.1", "5.0", "4.1", "4.0"),
)

_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}")


def read(listing: bytes) -> tuple[str, ...]:
    """The versions of vim25 that a server's document names, newest first. Raises Malformed."""
    for space in parse(listing, limits=OF_KNOWN).children:
        name, newest, prior = map(space.child, ("name", "version", "priorVersions"))
        if name is not None and name.text.strip() == VIM:
            listed = [*([newest] if newest is not None else ()), *(prior.children if prior else ())]
            texts = (one.text.strip() for one in listed if one.name == "version")
            return tuple(text for text in texts if _VERSION.fullmatch(text))
    return ()


def is_listing(document: bytes) -> bool:
    """Whether this is a list of versions, of whatever API. Raises Malformed."""
    return parse(document, limits=OF_KNOWN).name == "namespaces"


def nearest(version: str, listed: Iterable[str]) -> str:
    """The newest of these that is no newer than this one; "" where there is none."""
    if not _VERSION.fullmatch(version):
        return ""
    known = [one for one in listed if version_of(one) <= version_of(version)]
    return max(known, key=version_of, default="")


def document() -> bytes:
    """The document. Without an XML namespace and with urn:vim25 first, as clients look for it."""
    newest, *prior = VERSIONS
    older = "".join(f"   <version>{version}</version>\n" for version in prior)
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<namespaces version="1.0">\n <namespace>\n'
        f"  <name>{VIM}</name>\n  <version>{newest}</version>\n"
        f"  <priorVersions>\n{older}  </priorVersions>\n </namespace>\n</namespaces>\n"
    ).encode()
