"""Who asks the console: a person by a cookie, or a script by a token in `Authorization: Bearer`.

A token is good for the JSON twins alone. Pages do not look at it, and no browser keeps one, so that
a form's value is not asked of it; what a browser says of a foreign page is believed all the same.
"""

from datetime import datetime

import msgspec

from sessiongate.errors import ForeignOrigin, Malformed
from sessiongate.http.message import Request
from sessiongate.http.origins import is_foreign
from sessiongate.operations.console.forms import client_of
from sessiongate.operations.console.visitors import Visitors, cookie_named, tokens_in
from sessiongate.secret import Secret
from sessiongate.service.console_tokens import PROVIDER, ConsoleTokens, ScriptCaller
from sessiongate.session import CONSOLE, Client, Session
from sessiongate.wire.carriers import bearer_of


class Caller(msgspec.Struct, frozen=True):
    """Somebody who may ask."""

    session: Session
    """Of a script it is in no table: it says who that is and which role it has."""
    is_script: bool = False


class ConsoleCallers:
    """Finds out who asks."""

    def __init__(self, visitors: Visitors, tokens: ConsoleTokens, locked_for: int) -> None:
        self.visitors = visitors
        self.locked_for = locked_for
        """After so many seconds an address with wrong tokens may come again."""
        self._tokens = tokens

    async def of(self, request: Request, *, is_twin: bool, touch: bool) -> Caller | None:
        """Whose request this is; None for nobody's.

        Raises BadCredentials and LockedOut for a token that is none, Malformed where there is
        another or a cookie besides, ForeignOrigin where a page of another site sends it, and
        Unavailable.
        """
        token = _token_of(request) if is_twin else None
        if token is not None:
            return await self._script(request, token)
        session = await self.visitors.of(request, touch=touch)
        return Caller(session) if session is not None else None

    async def _script(self, request: Request, token: Secret) -> Caller:
        if tokens_in(request.headers, cookie_named(request)):
            raise Malformed("the request carries a token and a person's cookie: send one of them")
        sites, origins = request.all("sec-fetch-site"), request.all("origin")
        host = request.header("host") or ""
        if is_foreign(sites, origins, secure=request.secure, host=host):
            raise ForeignOrigin("a page of another origin may not ask this")
        client = client_of(request)
        found = await self._tokens.identify(token, client)
        request.vouched = True
        return Caller(_session_of(found, client, self.visitors.now()), is_script=True)


def _token_of(request: Request) -> Secret | None:
    """The token that a request carries. Raises Malformed where it carries two."""
    found = {one for value in request.all("authorization") if (one := bearer_of(value))}
    if len(found) > 1:
        raise Malformed("the request carries two tokens: send one")
    return Secret(found.pop()) if found else None


def _session_of(caller: ScriptCaller, client: Client, now: datetime) -> Session:
    return Session(
        digest=caller.digest,
        key="",
        principal=caller.name,
        user_name=caller.name,
        login_name=caller.name,
        full_name="",
        roles=(caller.role,),
        provider=PROVIDER,
        dialect=CONSOLE,
        locale="en",
        message_locale="en",
        extension=False,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        login_at=now,
        active_at=now,
    )
