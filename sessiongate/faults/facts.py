"""What of a request rules go by: its operation, and whose it is."""

from collections.abc import Awaitable, Callable, Mapping

from sessiongate.errors import BadCredentials, Malformed, NoSession
from sessiongate.faults.rule import TEST_HEADER, RequestFacts
from sessiongate.http.message import Request
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.wire import basic, openid, zerto
from sessiongate.wire.automation import rest, vapi_rpc
from sessiongate.wire.carriers import VMWARE_HEADER, carried
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.request import Unread, VimRequest

LOGIN, LOGOUT, REFRESH = "Login", "Logout", "Refresh"
CLONE = "CloneSession"

_NOT_BY_NAME = frozenset({CLONE, "LoginBySSPI", "LoginExtension"}) | {
    f"LoginExtensionBy{what}" for what in ("Certificate", "SubjectName")
}
"""Ways in for which nobody has to know a name: by a ticket or a certificate, or there is none."""

_LOOKS_UP = frozenset({"AcquireLocalTicket", "ImpersonateUser", "SessionIsActive"}) | {
    f"POST {path}" for path in (openid.INTROSPECT, openid.REVOKE)
}
"""Operations besides logins that ask who somebody is."""

_Named = tuple[str, str, tuple[tuple[str, str], ...]]
"""Operation, user name of a login, and carriers of tokens in the body."""


class FactReader:
    """Reads requests for rules. `find` knows the live session of a token's digest, untouched;
    `digest_of` the digest in a token that we have signed.
    """

    def __init__(
        self,
        find: Callable[[bytes], Awaitable[Session | None]],
        digest_of: Callable[[str], bytes | None],
    ) -> None:
        self._find = find
        self._digest_of = digest_of

    async def read(self, request: Request, dialect: str) -> tuple[RequestFacts, Session | None]:
        """What it asks, and the live session that it names, if it names one."""
        operation, user, inside = _READERS.get(dialect, _other)(request)
        clones = operation == CLONE
        login = clones or operation.startswith(LOGIN)
        session = await self._session_of(request, inside)
        users: tuple[str, ...] = (user,) if user else ()
        if session is not None and not users:
            users = (session.login_name, session.user_name, session.principal)
        asked = RequestFacts(
            dialect=dialect,
            operation=operation,
            login=login,
            clones=clones,
            names=operation in _LOOKS_UP or (login and operation not in _NOT_BY_NAME),
            users=users,
            key=session.key if session is not None else "",
            agent=request.header("user-agent") or "",
            address=request.peer,
            test=request.header(TEST_HEADER) or "",
        )
        return asked, session

    async def _session_of(
        self, request: Request, inside: tuple[tuple[str, str], ...]
    ) -> Session | None:
        try:
            found = carried(request.headers, frozenset(), inside)
        except NoSession:
            return None
        if found.plain:
            return await self._find(Secret(zerto.as_issued(found.plain)).digest())
        digest = self._digest_of(found.signed) if found.signed else None
        return await self._find(digest) if digest is not None else None


def _vim(read: Callable[[], VimRequest]) -> _Named:
    try:
        found = read()
    except Malformed:
        return "", "", ()
    except Unread as error:
        found = error.request
    user = found.arguments.get("user_name")
    return found.name, user if isinstance(user, str) else "", found.carriers


def _soap(request: Request) -> _Named:
    return _vim(lambda: vim_soap.read_request(request.body))


def _vi_json(request: Request) -> _Named:
    return _vim(lambda: vim_json.read_request(request.method, request.path, request.body))


def _rest(request: Request) -> _Named:
    if request.path in (rest.API_SESSION, rest.REST_SESSION):
        if request.method == "POST" and not rest.is_get_action(request.query):
            return LOGIN, _basic_user(request), ()
        if request.method == "DELETE":
            return LOGOUT, "", ()
    return _other(request)


def _rpc(request: Request) -> _Named:
    try:
        call = vapi_rpc.read_call(request.body, None, None)
    except vapi_rpc.RpcError:
        return "", "", ()
    session = call.security.get("sessionId")
    inside = ((VMWARE_HEADER, session),) if isinstance(session, str) else ()
    if call.service == vapi_rpc.SERVICE and call.operation == "create":
        user = call.security.get("userName")
        return LOGIN, user if isinstance(user, str) else "", inside
    if call.service == vapi_rpc.SERVICE and call.operation == "delete":
        return LOGOUT, "", inside
    return f"{call.service}.{call.operation}", "", inside


def _zerto(request: Request) -> _Named:
    address = zerto.address(request.path)
    if address == zerto.START:
        return LOGIN, _basic_user(request), ()
    return (LOGOUT, "", ()) if address == zerto.END else _other(request)


_GRANTS: Mapping[str, str] = {
    "password": LOGIN,
    "client_credentials": LOGIN,
    "refresh_token": REFRESH,
}


def _openid(request: Request) -> _Named:
    path = request.path.removesuffix("/")
    if path not in (openid.TOKEN, openid.LOGOUT):
        return _other(request)
    try:
        form = openid.read_form(request.body, request.header("content-type"))
    except openid.OAuthError:
        form = {}
    if path == openid.LOGOUT:
        return LOGOUT, "", ()
    user = form.get("username") or form.get("client_id", "")
    return _GRANTS.get(form.get("grant_type", ""), ""), user, ()


def _other(request: Request) -> _Named:
    return f"{request.method} {request.path}", "", ()


def _basic_user(request: Request) -> str:
    try:
        return basic.read_basic(request.credential())[0]
    except BadCredentials:
        return ""


_READERS: Mapping[str, Callable[[Request], _Named]] = {
    "soap": _soap,
    "vi-json": _vi_json,
    "rest": _rest,
    "vapi-rpc": _rpc,
    "zerto": _zerto,
    "zerto-appliance": _openid,
}
