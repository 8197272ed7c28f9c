"""Whether a request comes from a page of another site, by what a browser says of it.

A browser sends cookies and remembered Basic passwords along whatever page asks for it; only the
reply is kept from the page. So a page of a stranger could end sessions or open them. Browsers name
the page (`Origin`) and how near it is to us (`Sec-Fetch-Site`), and no page can change either.
Clients that are no browsers send neither, and are not asked about here.
"""

from collections.abc import Collection

# A neighbour is foreign too: another port of this machine, another host of the company. A cookie
# with SameSite goes along from there, so that nothing else would hold it back.
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})
_VOUCHED = {"same-origin"}

_PORTS = {"http": "80", "https": "443"}


def is_foreign(
    sites: Collection[str], origins: Collection[str], *, secure: bool, host: str
) -> bool:
    """Whether another site's page sends this to us, at `host` over TLS or not.

    `sites` and `origins` are all values of Sec-Fetch-Site and Origin. One that is no address, such
    as `null`, is foreign. A value of Sec-Fetch-Site that nobody knows yet says nothing.
    """
    # Somebody in between may have put two headers into one.
    said = {one.strip().lower() for site in sites for one in site.split(",")}
    if said & _FOREIGN_SITES:
        return True
    # Where TLS ends in front of us and we are not told so, only the browser knows the scheme.
    scheme = None if said == _VOUCHED else "https" if secure else "http"
    return not all(_is_ours(origin.lower(), scheme, host.lower()) for origin in origins)


def _is_ours(origin: str, expected: str | None, host: str) -> bool:
    scheme, _, theirs = origin.partition("://")
    if scheme not in _PORTS or expected not in (None, scheme):
        return False
    return _with_port(theirs, scheme) == _with_port(host, scheme) != ""


def _with_port(host: str, scheme: str) -> str:
    """Host and port, the port of the scheme where none is given; "" for no host."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):  # the colons of an IPv6 address
        name, port = host, ""
    return f"{name}:{port or _PORTS[scheme]}" if name else ""
