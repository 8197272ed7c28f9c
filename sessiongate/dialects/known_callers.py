"""Whether the caller of a request that is still on its way is known, so that it may send more.

Who a caller is, the endpoints decide once the request is whole; nothing that is said here lets
anybody in. So all carriers of tokens are looked at, whichever dialect takes them, and the session
is not touched.
"""

from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid.access_tokens import ACCESS
from sessiongate.errors import NoSession
from sessiongate.http.message import Request
from sessiongate.rules.token import is_of_console
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.wire.carriers import carried
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.zerto import as_issued

# What a SOAP document with a SAML assertion has near its beginning: its header comes first.
_SECURITY = b"Security"
_ASSERTION = b"Assertion"


class KnownCallers:
    """What the edge asks before it takes a large body in."""

    def __init__(self, sessions: Sessions, bearers: Bearers, *, takes_assertions: bool) -> None:
        """`takes_assertions`: whether somebody is configured who verifies SAML assertions."""
        self._sessions = sessions
        self._bearers = bearers
        self._takes_assertions = takes_assertions

    async def known(self, request: Request) -> bool:
        """Whether the headers name a live session. Raises Unavailable when that is not known."""
        try:
            found = carried(request.headers, frozenset())
        except NoSession:
            return False
        named = set()
        if found.signed and (digest := self._signed(found.signed)) is not None:
            named.add(digest)
        if found.plain and not is_of_console(found.plain):
            named.add(Secret(as_issued(found.plain)).digest())
        return len(named) == 1 and await self._sessions.lives(named.pop())

    def _signed(self, text: str) -> bytes | None:
        """The digest in an access token of the appliance dialect that is still good."""
        claims = self._bearers.read(text)
        good = claims is not None and claims.kind == ACCESS and not claims.expired
        return claims.digest if claims is not None and good else None

    def may_be_excused(self, path: str) -> bool:
        """SOAP: a login by token brings its assertion in the body, of 150 KiB in large houses."""
        return self._takes_assertions and path in vim_soap.PATHS

    def excused(self, begun: bytes | bytearray) -> bool:
        """Whether this is the beginning of a SOAP document with an assertion in its header."""
        return _SECURITY in begun and _ASSERTION in begun
