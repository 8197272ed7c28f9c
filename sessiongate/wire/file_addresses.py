"""Addresses of files in replies of an upstream, as a client here can follow them.

A lease of a disk, a transfer from or to a guest and one of a content library are answered with
addresses at the upstream, each with a ticket in it. Those of other hosts stay as they are.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}
_FILES = r"(?=/(?:nfc/|guestFile\?|cls/data/))"


def led_here(body: bytes, theirs: str, ours: str) -> bytes:
    """A reply whose addresses of files begin with `ours` in the place of the upstream's.

    Both are URLs without a path; `ours` is "" where nobody knows it. `*` in the place of a host
    means the one that was asked.
    """
    return _at(theirs).sub(ours.encode("ascii"), body) if ours else body


@lru_cache(maxsize=16)
def _at(url: str) -> re.Pattern[bytes]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    said = rf"(?::{port})?" if port == _PORTS[parts.scheme] else f":{port}"
    name = re.escape(f"[{host}]" if ":" in host else host)
    form = rf"{parts.scheme}://(?:{name}{said}|\*(?::[0-9]{{1,5}})?){_FILES}"
    return re.compile(form.encode(), re.IGNORECASE)
