"""What is refused in any dialect, before it is asked: in its own form, but for one reason.

A request that could change something (any verb but those that only read) must not come from a page
of another site, whichever carrier it brings: a browser adds cookies and Basic passwords unasked.
And its body must be the body: what a client has packed (Content-Encoding) nobody here unpacks, so
that it is told so, and not that its JSON or XML is broken.
"""

from sessiongate.errors import EncodedBody, ForeignOrigin, Refused
from sessiongate.http.message import Request
from sessiongate.http.origins import is_foreign

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Verbs that change nothing (RFC 9110, 9.2.1). Its fourth, TRACE, nobody here answers."""

CAUSES = {ForeignOrigin: "foreign_origin", EncodedBody: "encoded_body"}
"""What metrics call these refusals."""

OBJECTED_TO = frozenset({"content-encoding", "origin", "sec-fetch-site"})
"""Headers of which nothing is refused that has none of them."""


def objection(request: Request) -> Refused | None:
    """Why this request is refused unread, or None as for nearly all."""
    if request.method in SAFE_METHODS:
        return None
    found = [header for header in request.headers if header[0] in OBJECTED_TO]
    if not found:
        return None
    values: dict[str, list[str]] = {name: [] for name in OBJECTED_TO}
    for name, value in found:
        values[name].append(value)
    sites, origins = values["sec-fetch-site"], values["origin"]
    host = request.header("host") or ""
    if is_foreign(sites, origins, secure=request.secure, host=host):
        return ForeignOrigin(
            "the request comes from a page of another origin; behind a proxy, see"
            " server.trusted_proxies"
        )
    if request.body and any(_packs(value) for value in values["content-encoding"]):
        return EncodedBody("the body has a Content-Encoding; send it as it is")
    return None


def _packs(codings: str) -> bool:
    """Whether a list of codings holds any but `identity`, which is none."""
    # What is not split, of a very long list, is not `identity` either.
    return any(one.strip().lower() not in ("", "identity") for one in codings.split(",", 64))
