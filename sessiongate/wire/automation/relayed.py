"""A call of the Automation API that is to be sent on to an upstream, and what is looked at of it.

A body has to be JSON without a member twice: whoever reads it behind us reads what we have read.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from sessiongate.errors import Malformed, WrongVerb
from sessiongate.rules.relay_rest import VERBS, action_of
from sessiongate.secret import Secret
from sessiongate.wire.automation.client import session_header
from sessiongate.wire.carriers import VMWARE_HEADER, ZERTO_HEADER
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.json_body import OF_KNOWN, is_blank, is_long, read_json

_UNAUTHENTICATED = "com.vmware.vapi.std.errors.unauthenticated"
_UNAUTHENTICATED_BYTES = _UNAUTHENTICATED.encode()

# An error that says so is short. Others may be long, and are not looked into.
_LONGEST_ERROR = 64 * 1024

_LONGEST_HOST = 300
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")

_PORTS = {"https": 443, "http": 80}


class RelayedRest(msgspec.Struct, frozen=True):
    """A request in REST, whose body nobody has read yet.

    The address is judged elsewhere, over the same texts.
    """

    verb: str
    path: str
    query: str
    body: bytes

    def __repr__(self) -> str:
        return f"RelayedRest({self.name!r})"  # never body or query: passwords may be in them

    @property
    def name(self) -> str:
        """What is called. Of the query it says the action."""
        action = action_of(self.query) if self.query else ""
        return f"{self.verb} {self.path}" + (f"?action={action}" if action else "")

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)

    @property
    def is_long(self) -> bool:
        """Whether reading its body takes longer than what anybody may send."""
        return is_long(self.body)

    def require_read(self) -> None:
        """Raise Malformed where another reader could find something else in the body."""
        if not is_blank(self.body):
            read_json(self.body, OF_KNOWN)

    def ask(self, headers: Headers, token: Secret) -> Ask:
        """The request by the session of this token."""
        address = f"{self.path}?{self.query}" if self.query else self.path
        return Ask(address, (*headers, session_header(token)), self.body, self.verb)


def read_rest(verb: str, path: str, query: str, body: bytes) -> RelayedRest:
    """A request of somebody who has a session. Raises Malformed or WrongVerb.

    Its body is read when it is known who may send it: `require_read`.
    """
    if verb not in VERBS:
        raise WrongVerb(*VERBS)
    folded = query.casefold() if query else ""
    if VMWARE_HEADER in folded or ZERTO_HEADER in folded:
        raise Malformed("a session has no place in an address")
    return RelayedRest(verb, path, query, body)


def says_unauthenticated(answer: Answer) -> bool:
    """Whether it is the error for a call without a session that lives, in either form."""
    if answer.status == 401:
        return True
    if len(answer.body) > _LONGEST_ERROR or answer.body.find(_UNAUTHENTICATED_BYTES) < 0:
        return False
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    if answer.status != 200:
        return found.get("type") == _UNAUTHENTICATED
    error = found.get("result")
    for name in ("error", "ERROR"):
        error = error.get(name) if isinstance(error, dict) else None
    return isinstance(error, dict) and _UNAUTHENTICATED in error


def is_from_the_service(answer: Answer) -> bool:
    """Whether the service has answered, and not something in front of it."""
    if answer.status not in (502, 503, 504):
        return True
    begun = answer.body[:4096]
    return b'"error_type"' in begun or b"com.vmware.vapi.std.errors." in begun


def own_location(location: str, theirs: str, ours: str) -> str | None:
    """A `Location` as a client here may have it; None for one that leads elsewhere.

    `theirs` is the upstream's URL without a path, `ours` the one that the client has called.
    """
    if not location.isascii() or not location.isprintable() or "\\" in location:
        return None
    try:
        target, own = urlsplit(location), urlsplit(theirs)
        same = (target.hostname, target.port or _PORTS.get(target.scheme)) == (
            own.hostname,
            own.port or _PORTS.get(own.scheme),
        )
    except ValueError:
        return None
    path = location.removeprefix(f"{target.scheme}://{target.netloc}")
    if not path.startswith("/") or path.startswith("//"):
        return None
    if path == location:
        return location
    return f"{ours}{path}" if same and "@" not in target.netloc else None


def own_address(host: str, *, secure: bool) -> str:
    """The URL, without a path, at which a client has called us; "" where it names none."""
    return _kept_address(host, secure) if len(host) <= _LONGEST_HOST else ""


@lru_cache(maxsize=64)
def _kept_address(host: str, secure: bool) -> str:
    if _HOST.fullmatch(host) is None:
        return ""
    return f"{'https' if secure else 'http'}://{host}"
