"""What becomes of a call of Zerto's API that a client makes through us.

All resources below `/v1` are sent on but the sessions, which are ours; nothing else of a ZVM is. It
is judged by verb and path over the bytes that are sent on, so an address has one spelling.
"""

import re
from collections.abc import Iterable

from sessiongate.errors import Malformed, UnknownAddress, WrongVerb
from sessiongate.rules.relay import Kind, RelayVerdict
from sessiongate.rules.transfers import READING, Family, require_plain

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

LONGEST = 4096
"""Bytes of a path, and of a query."""

V1 = Family("v1", ("/v1/",), frozenset(VERBS))
"""The resources. Those of sessions begin with `/v1/session`, in any letter case."""

_QUERY = re.compile(
    r"(?:[A-Za-z0-9_~!$'()*+,:;@./?&=\[\]{}|-]|%(?!0|1|7[Ff])(?:[0-9A-F]{2}|[0-9a-f]{2}))*"
)
_CARRIES = ("x-zerto-session", "access_token", "refresh_token")

_READ = RelayVerdict(Kind.STATELESS, True)
_WRITE = RelayVerdict(Kind.STATELESS, False)
_DENIED = RelayVerdict(Kind.DENY, False)


def judge_zerto(verb: str, path: str, query: str, denied: Iterable[str] = ()) -> RelayVerdict:
    """What becomes of this request. `denied` are addresses that are not sent on, with all below.

    Raises UnknownAddress for what a ZVM has and clients here do not, WrongVerb, and Malformed for
    an address that two readers could take for two.
    """
    if verb not in VERBS:
        raise WrongVerb(*VERBS)
    if max(len(path), len(query)) > LONGEST:
        raise Malformed("the address is too long")
    require_plain(V1, path, "")
    lowered = path.lower()
    first = lowered.removeprefix("/v1/").partition("/")[0]
    if not lowered.startswith("/v1/") or first.startswith("session"):
        raise UnknownAddress("no such resource")
    if _QUERY.fullmatch(query) is None:
        raise Malformed("the query is written in a way that is not forwarded")
    if any(one in query.lower() for one in _CARRIES):
        raise Malformed("a session has no place in an address")
    for one in denied:
        place = one.lower().rstrip("/")
        if f"{lowered}/".startswith(f"{place}/"):
            return _DENIED
    return _READ if verb in READING else _WRITE
