"""Release negotiation: `POST /api/vcenter/system?action=hello`, without a session.

Source: the vendor's page on system hello (8.0 U2 and later).
"""

from collections.abc import Sequence

import msgspec

from sessiongate.errors import InvalidArgument, Malformed
from sessiongate.wire.json_body import read_json
from sessiongate.wire.query import read_query
from sessiongate.wire.vim.json import knows_release

PATH = "/api/vcenter/system"

MOST_RELEASES = 128
LONGEST_RELEASE = 64


class _Spec(msgspec.Struct):
    api_releases: list[str]


def is_hello(query: str) -> bool:
    """Whether the query asks for the hello action, percent-encoded or not."""
    return ("action", "hello") in read_query(query)


def read_releases(body: bytes) -> list[str]:
    """The client's releases, in its order. Raises Malformed or InvalidArgument."""
    try:
        releases = msgspec.convert(read_json(body), _Spec).api_releases
    except msgspec.ValidationError:
        raise Malformed("the body is no object with an array of strings, api_releases") from None
    if not releases or len(releases) > MOST_RELEASES:
        raise InvalidArgument("api_releases", f"must hold 1 to {MOST_RELEASES} releases")
    if any(len(release) > LONGEST_RELEASE for release in releases):
        raise InvalidArgument("api_releases", f"no release is longer than {LONGEST_RELEASE}")
    return releases


def negotiate(releases: Sequence[str]) -> str:
    """The first release that both sides know, or "" for none."""
    return next((release for release in releases if knows_release(release)), "")
