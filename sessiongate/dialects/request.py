"""Who sent a request, and from where, as the services want to know it."""

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from sessiongate.dialects.bearers import Bearers
from sessiongate.errors import NoSession
from sessiongate.http.local import is_local
from sessiongate.http.message import Request
from sessiongate.rules.token import is_of_console
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.session import CONSOLE, Client, Session
from sessiongate.wire.basic import is_another
from sessiongate.wire.carriers import BEARER, DISAGREE, Carried, carried
from sessiongate.wire.zerto import as_issued

NO_STORE = ("cache-control", "no-store")
"""What each reply says that a session was asked for, so that nobody in between keeps it."""


def client_of(request: Request, dialect: str, *, local: bool = False) -> Client:
    """Address, agent and dialect of a request. An absent User-Agent is an empty one.

    `local` asks besides whether the client is proved to be on this host.
    """
    agent = request.header("user-agent") or ""
    here = local and is_local(request)
    return Client(
        request.peer,
        agent,
        dialect,
        request.certificate,
        request.user,
        here,
        request.upstream,
    )


async def caller(
    request: Request,
    sessions: Sessions,
    bearers: Bearers,
    accepted: frozenset[str],
    inside: Iterable[tuple[str, str]] = (),
    *,
    touch: bool = True,
    any_upstream: bool = False,
) -> Session | None:
    """The session that a request names in a carrier of its dialect, with this call counted.

    None where it names none, one that is over, or one of another Host's upstream. Every endpoint
    asks here, since the carriers of all dialects are looked at in each of them: raises NoSession
    where two disagree, or where a Basic credential names another user; the call counts as one of
    the session all the same, as one at another Host does: whoever makes it has the token. A token
    of the console is not even looked for, so that what is refused here keeps nobody signed in.
    `accepted` and `inside` are as in `carried`. Without `touch` no call is counted. With
    `any_upstream` the Host of the request says nothing of what the session is for.
    """
    found = carried(request.headers, accepted, inside)
    if is_of_console(found.plain):
        return None
    if found.signed:
        session = await _by_signature(found, sessions, bearers, accepted, touch=touch)
    elif found.token is None:
        return None
    else:
        token = _as_issued(found, found.token, accepted)
        session = await (sessions.check(token) if touch else sessions.peek(token.digest()))
    return _admitted(request, found, session, any_upstream=any_upstream)


class MustWait(Enum):
    """What there is in place of a caller while it has to be waited for."""

    MUST_WAIT = "must wait"


MUST_WAIT = MustWait.MUST_WAIT


def caller_nowait(
    request: Request,
    sessions: Sessions,
    accepted: frozenset[str],
    inside: Iterable[tuple[str, str]] = (),
) -> Session | Literal[MustWait.MUST_WAIT] | None:
    """As `caller`, without waiting. MUST_WAIT, with nothing done yet, where that cannot be.

    So it is where the sessions are elsewhere, and where a signature is to be verified.
    """
    if not sessions.in_process:
        return MUST_WAIT
    found = carried(request.headers, accepted, inside)
    if found.signed:
        return MUST_WAIT
    if found.token is None or is_of_console(found.plain):
        return None
    session = sessions.check_nowait(_as_issued(found, found.token, accepted))
    return _admitted(request, found, session, any_upstream=False)


def _as_issued(found: Carried, token: Secret, accepted: frozenset[str]) -> Secret:
    return Secret(as_issued(found.plain)) if BEARER in accepted else token


def _admitted(
    request: Request, found: Carried, session: Session | None, *, any_upstream: bool
) -> Session | None:
    """The session that was found, where the request may go by it."""
    if session is not None and session.dialect == CONSOLE:
        return None  # one from before such tokens had a form of their own
    if session is not None and session.upstream != request.upstream and not any_upstream:
        return None
    if session is not None:
        if found.credential:
            names = (session.login_name, session.user_name, session.principal)
            if is_another(request.all("authorization"), names):
                raise NoSession("the request carries a session, and a password of another user")
        request.vouched = True
    return session


async def _by_signature(
    found: Carried,
    sessions: Sessions,
    bearers: Bearers,
    accepted: frozenset[str],
    *,
    touch: bool,
) -> Session | None:
    """The same where there is a signed bearer.

    Where bearers are no carriers of the dialect it may be for somebody else, such as a proxy in
    front or LoginByToken; then only one that we have signed names a session.
    """
    claims = bearers.read(found.signed)
    if found.plain:
        named = Secret(as_issued(found.plain)).digest()
        differs = BEARER in accepted if claims is None else claims.digest != named
        if differs:
            raise NoSession(DISAGREE)
    if BEARER in accepted:
        return await bearers.check(claims, touch=touch) if claims is not None else None
    if found.token is None:
        return None
    if touch:
        return await sessions.check(found.token)
    return await sessions.peek(found.token.digest())


def require_same_session(request: Request, bearers: Bearers, digest: bytes) -> None:
    """Raise NoSession where a carrier of the request names another session than this one.

    For endpoints whose session is named in a form: by a refresh token, or a token to judge.
    """
    found = carried(request.headers, frozenset())
    named: set[bytes | None] = set()
    if found.signed:
        claims = bearers.read(found.signed)
        named.add(claims.digest if claims is not None else None)
    if found.plain:
        named.add(Secret(as_issued(found.plain)).digest())
    if named - {digest}:
        raise NoSession(DISAGREE)


def known(session: Session | None) -> Session:
    """The caller of what needs one. Raises NoSession where there is none."""
    if session is None:
        raise NoSession("no session, or one that has ended")
    return session
