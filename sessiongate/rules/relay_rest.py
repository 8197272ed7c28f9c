"""What becomes of a call of the Automation API that a client makes through us.

In REST it is judged by its verb, its path and the action in its query, over the bytes that are sent
on; so an address has one spelling, or is refused. In JSON-RPC it is judged by service and
operation. Its calls belong to no session, so that they go by any.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

from sessiongate.errors import Malformed
from sessiongate.rules.relay import Kind, RelayVerdict

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

LONGEST = 4096
"""Bytes of a path, and of a query. Real ones have some hundred."""

DENIED = RelayVerdict(Kind.DENY, False)
"""Of what is not sent on."""
_READ = RelayVerdict(Kind.STATELESS, True)
_WRITE = RelayVerdict(Kind.STATELESS, False)

# Percent signs stand for what ids may need and a path cannot hold, or need not hold as it is. Never
# for a letter, a digit, a dot, a slash or a percent sign.
_ESCAPED = " !\"$&'()*+,:<=>@[]^`{|}"
_ESCAPES = "|".join(f"{ord(one):02X}|{ord(one):02x}" for one in _ESCAPED)
_SEGMENT = re.compile(rf"(?:[A-Za-z0-9_~!$&'()*+,=:@.-]|%(?:{_ESCAPES}))+")
_QUERY = re.compile(
    r"(?:[A-Za-z0-9_~!$'()*+,:@./?&=\[\]{}|-]|%(?!0|1|7[Ff])(?:[0-9A-F]{2}|[0-9a-f]{2}))*"
)

_SESSION_SERVICES = ("session", "cis/session")
"""Where sessions are, below `/api` and below `/rest/com/vmware`: those are ours."""

_HAND_OUT = ("vcenter/authentication", "vcenter/tokenservice", "vcenter/identity")
"""What gives tokens away, or says who may have them."""

_WORDS = re.compile(r"session|token|ticket|login|logout|impersonat", re.IGNORECASE)

_TRANSFERS = re.compile(
    r"content/library/item/(?:update|download)[-_]?session(?:[/.]|$)", re.IGNORECASE
)
"""Of the content library, which calls its uploads and downloads so. They are no logins."""

_CONSOLE = re.compile(r"vcenter/vm/[^/]+/console/tickets", re.IGNORECASE)
"""A ticket for the screen of one machine, good once. It opens no session."""

READING_ACTIONS = frozenset(
    {
        *("filter", "find", "get", "list", "query"),
        *("list-attachable-tags", "list-attached-objects", "list-attached-objects-on-tags"),
        *("list-attached-tags", "list-attached-tags-on-objects", "list-tags-for-category"),
        *("list-used-categories", "list-used-tags"),
    }
)
"""Actions of POST that only read, in whichever service; the same are operations of JSON-RPC."""

_IN_GUEST = re.compile(r"vcenter/vm/(?:[^/]+/)?guest/(?:environment|filesystem|processes)(?:/|$)")
"""What reads inside a guest takes a name and a password there, which a reader would try out."""

_NAMES = re.compile(r"[A-Za-z][A-Za-z0-9_$.]{0,199}")


_NOTHING: frozenset[str] = frozenset()
_SHORT = 512


def judge_rest(
    verb: str,
    path: str,
    query: str,
    allowed: frozenset[str] = _NOTHING,
    denied: frozenset[str] = _NOTHING,
) -> RelayVerdict:
    """What becomes of this request. `allowed` are addresses let through besides, unless `denied`.

    Raises Malformed for an address that two readers could take for two.
    """
    judge = _judged if len(path) + len(query) <= _SHORT else _judge
    return judge(verb, path, query, allowed, denied)


def _judge(
    verb: str, path: str, query: str, allowed: frozenset[str], denied: frozenset[str]
) -> RelayVerdict:
    _require_one_spelling(path, query)
    action = action_of(query)
    below = _below(path)
    if _is(below, _SESSION_SERVICES) or is_below(path, denied):
        return DENIED
    if not is_below(path, allowed):
        if _is(below, _HAND_OUT) or _WORDS.search(action):
            return DENIED
        named = _WORDS.search(below)
        if named and not (_TRANSFERS.match(below) or _CONSOLE.fullmatch(below)):
            return DENIED
    if verb in ("GET", "HEAD"):
        # What a query with a tilde says is about the call itself.
        return _WRITE if action or any(name.startswith("~") for name, _ in _pairs(query)) else _READ
    return _READ if verb == "POST" and _only_reads(below, action) else _WRITE


def _only_reads(below: str, action: str) -> bool:
    return action in READING_ACTIONS and _IN_GUEST.match(below) is None


# Monitoring asks for the same addresses all day, and judging one takes 10 µs.
_judged = lru_cache(maxsize=1024)(_judge)


def judge_rpc(service: str, operation: str, allowed: Iterable[str] = ()) -> RelayVerdict:
    """The same of an operation of a service. `allowed` are addresses of `/api`, as for REST.

    Raises Malformed for what is no name of one.
    """
    if not (_NAMES.fullmatch(service) and _NAMES.fullmatch(operation)):
        raise Malformed("service and operation are no names")
    path = address_of(service)
    below = _below(path)
    if _is(below, _SESSION_SERVICES):
        return DENIED
    if not is_below(path, allowed):
        if _is(below, _HAND_OUT):
            return DENIED
        named = _WORDS.search(below) or _WORDS.search(operation)
        if named and not (_TRANSFERS.match(below) or below == "vcenter/vm/console/tickets"):
            return DENIED
    return _READ if _only_reads(below, operation.replace("_", "-")) else _WRITE


def action_of(query: str) -> str:
    """The action in a query, which is part of what is called; "" for none. Raises Malformed."""
    found = [value for name, value in _pairs(query) if name.lstrip("~").casefold() == "action"]
    if len(found) > 1:
        raise Malformed("the query has two actions")
    return found[0] if found else ""


def is_below(path: str, prefixes: Iterable[str]) -> bool:
    """Whether a path is one of these, or below it, by whichever of the two faces.

    Percent signs and capitals make no difference: settings may have an address as people write it.
    """
    return _is(_below(path), (_below(one.rstrip("/")) for one in prefixes))


def address_of(service: str) -> str:
    """Where a service of JSON-RPC is in REST."""
    below = service.casefold().removeprefix("com.vmware.")
    return f"/api/{below.replace('.', '/').replace('_', '-')}"


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        yield unquote(name.replace("+", " ")), unquote(value.replace("+", " "))


def _require_one_spelling(path: str, query: str) -> None:
    if max(len(path), len(query)) > LONGEST:
        raise Malformed("the address is too long")
    # A slash at the end is a part of some addresses, and is judged as if it were not there.
    first, *segments = (path.removesuffix("/") or path).split("/")
    plain = all(one.strip(".") and _SEGMENT.fullmatch(one) for one in segments)
    # The faces themselves are no addresses: at `/api` is JSON-RPC, which the body decides.
    if first or len(segments) < 2 or not plain or _QUERY.fullmatch(query) is None:
        raise Malformed("the address is written in a way that is not forwarded")


def _below(path: str) -> str:
    """A path as it is judged: read, without what `/api` and the older face put in front of the
    same services.
    """
    below = unquote(path).casefold().removeprefix("/api/").removeprefix("/rest/")
    return below.removeprefix("com/vmware/")


def _is(below: str, places: Iterable[str]) -> bool:
    return any(f"{below.casefold()}/".startswith(f"{one}/") for one in places)
