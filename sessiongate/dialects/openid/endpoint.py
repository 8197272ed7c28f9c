"""Endpoints of the appliance dialect: `/auth/realms/zerto`, as Keycloak serves them there."""

from collections.abc import Awaitable, Callable, Collection, Mapping

import msgspec

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers, Spent
from sessiongate.dialects.openid.access_tokens import ACCESS, OURS, REFRESH, Claims, subject_of
from sessiongate.dialects.request import caller, client_of, known, require_same_session
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.secret import Secret
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire import openid
from sessiongate.wire.carriers import BEARER, carried
from sessiongate.wire.openid import OAuthError, Refusal, TokenSet

DIALECT = "zerto-appliance"

_CARRIERS = frozenset({BEARER})

_JSON = ("content-type", "application/json")
_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))


class OpenIdEndpoint:
    """Answers everything below the realm."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        bearers: Bearers,
        *,
        provider: str,
        client_provider: str,
        clients: Collection[str],
    ) -> None:
        self._sessions = sessions
        self._logins = logins
        self._bearers = bearers
        self._provider = provider
        self._client_provider = client_provider
        self._clients = clients
        self._addresses: Mapping[
            str, tuple[tuple[str, ...], Callable[[Request], Awaitable[Reply]]]
        ] = {
            openid.TOKEN: (("POST",), self._token),
            openid.LOGOUT: (("POST",), self._logout),
            openid.USERINFO: (("GET", "POST"), self._userinfo),
            openid.INTROSPECT: (("POST",), self._introspect),
            openid.REVOKE: (("POST",), self._revoke),
            openid.CERTS: (("GET",), self._certs),
            openid.DISCOVERY: (("GET",), self._discovery),
            openid.REALM: (("GET",), self._realm),
        }

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in OAuth's form."""
        try:
            return await self._answer(request)
        except OAuthError as refused:
            return _refused(refused.refusal)
        except errors.SessionGateError as error:
            return _refused(openid.FORMS[type(error)], error)

    async def _answer(self, request: Request) -> Reply:
        found = self._addresses.get(request.path.removesuffix("/"))
        if found is None:
            raise errors.UnknownAddress("nothing here")
        verbs, answer = found
        if request.method not in verbs:
            raise errors.WrongVerb(*verbs)
        return await answer(request)

    async def _token(self, request: Request) -> Reply:
        form = openid.read_form(request.body, request.header("content-type"))
        grant = openid.grant_of(form)
        client = openid.client_of(form, request.all("authorization"))
        if client.id != openid.PUBLIC_CLIENT and client.id not in self._clients:
            raise OAuthError(openid.UNKNOWN_CLIENT)
        issuer = _origin(request) + openid.REALM
        if grant == "client_credentials":
            opened = await self._service_account(request, client)
            scope = openid.scope_of(form.get("scope", ""))
            reply = self._granted(opened.session, issuer, client.id, scope, by_service=True)
            reply.undelivered = opened.undelivered
            return reply
        if client.id != openid.PUBLIC_CLIENT:
            raise OAuthError(openid.NO_DIRECT_GRANT)
        if grant == "password":
            opened = await self._user(request, form)
            scope = openid.scope_of(form.get("scope", ""))
            reply = self._granted(opened.session, issuer, client.id, scope)
            reply.undelivered = opened.undelivered
            return reply
        # A refresh opens nothing: the client has had tokens of this session before.
        claims = self._refresh_claims(request, form, client.id)
        session, generation = await self._refreshed(request, claims)
        scope = openid.scope_of(claims.scope)
        return self._granted(session, issuer, client.id, scope, generation)

    async def _user(self, request: Request, form: Mapping[str, str]) -> Opened:
        name, password = form.get("username", ""), Secret(form.get("password", ""))
        return await self._logins.login(
            name,
            password,
            client_of(request, DIALECT),
            provider=self._provider,
            default=self._provider,
        )

    async def _service_account(self, request: Request, client: openid.ClientCredential) -> Opened:
        if client.id == openid.PUBLIC_CLIENT:
            raise OAuthError(openid.NO_SERVICE_ACCOUNT)
        try:
            return await self._logins.login(
                client.id,
                Secret(client.secret or ""),
                client_of(request, DIALECT),
                provider=self._client_provider,
                default=self._client_provider,
            )
        except (errors.BadCredentials, errors.LockedOut):
            raise OAuthError(openid.WRONG_SECRET) from None

    async def _refreshed(self, request: Request, claims: Claims) -> tuple[Session, int]:
        try:
            return await self._bearers.refresh(claims, client_of(request, DIALECT))
        except Spent:
            raise OAuthError(openid.SPENT_REFRESH_TOKEN) from None
        except errors.NoSession:
            raise OAuthError(openid.DEAD_SESSION) from None

    def _refresh_claims(self, request: Request, form: Mapping[str, str], client: str) -> Claims:
        """What the form's refresh token says. The request's own carriers must not disagree."""
        text = form.get("refresh_token")
        if not text:
            raise OAuthError(openid.NO_REFRESH_TOKEN)
        claims = self._bearers.read(text)
        if claims is None or claims.kind != REFRESH or claims.client != client:
            raise OAuthError(openid.WRONG_REFRESH_TOKEN)
        if claims.expired:
            raise OAuthError(openid.EXPIRED_REFRESH_TOKEN)
        require_same_session(request, self._bearers, claims.digest)
        return claims

    def _granted(
        self,
        session: Session,
        issuer: str,
        client: str,
        scope: str,
        generation: int = 0,
        *,
        by_service: bool = False,
    ) -> Reply:
        """The tokens of a session. `by_service`: of an account that asks again instead."""
        life = self._bearers.refresh_life
        tokens = TokenSet(
            access_token=self._bearers.tokens.access(session, issuer, client, scope, generation),
            expires_in=int(self._bearers.tokens.life.total_seconds()),
            refresh_expires_in=0 if by_service else int(life.total_seconds()),
            token_type="Bearer",
            scope=scope,
        )
        if not by_service:
            tokens.session_state = session.key
            tokens.refresh_token = self._bearers.tokens.refresh(
                session, issuer, client, scope, life, generation
            )
        if openid.has_identity(scope):
            tokens.id_token = self._bearers.tokens.identity(session, issuer, client)
        return Reply(200, (_JSON, *_NO_STORE), openid.write_tokens(tokens))

    async def _logout(self, request: Request) -> Reply:
        """End the session of a refresh token.

        Keycloak refuses a logout without one. A script in the field posts `logout=true` with the
        bearer alone and ignores the refusal, so that its session stays; here it ends.
        """
        form = openid.read_form(request.body, request.header("content-type"))
        if "refresh_token" in form:
            claims = self._refresh_claims(request, form, form.get("client_id", ""))
            await self._sessions.end(claims.key, Ended.LOGOUT)
            return Reply(204)
        session = await self._caller(request)
        if session is None:
            raise OAuthError(openid.NO_REFRESH_TOKEN)
        await self._sessions.end(session.key, Ended.LOGOUT)
        return Reply(204)

    async def _caller(self, request: Request) -> Session | None:
        return await caller(request, self._sessions, self._bearers, _CARRIERS)

    async def _userinfo(self, request: Request) -> Reply:
        session = known(await self._caller(request))
        claims = self._bearers.read(carried(request.headers, _CARRIERS).signed)
        if claims is not None and not openid.has_identity(claims.scope):
            raise OAuthError(openid.INSUFFICIENT_SCOPE)
        facts = {
            "sub": subject_of(session),
            "preferred_username": session.login_name,
            "name": session.full_name,
            "email_verified": False,
        }
        return Reply(200, (_JSON, *_NO_STORE), msgspec.json.encode(facts))

    async def _introspect(self, request: Request) -> Reply:
        form = openid.read_form(request.body, request.header("content-type"))
        client = openid.client_of(form, request.all("authorization"))
        if client.id == openid.PUBLIC_CLIENT or client.id not in self._clients:
            raise OAuthError(openid.UNKNOWN_CLIENT)
        await self._vouch(request, client)
        claims = self._any_claims(request, form)
        session = await self._sessions.find(claims.key) if claims is not None else None
        if claims is None or session is None or await self._bearers.is_spent(claims):
            return Reply(200, (_JSON, *_NO_STORE), openid.write_inactive())
        if claims.kind == ACCESS:
            # Whoever asks was sent it by a client, which so has it.
            await self._bearers.used(claims)
        facts = {
            **{name: value for name, value in claims.all.items() if name not in OURS},
            "active": True,
            "client_id": claims.client,
            "username": session.login_name,
        }
        return Reply(200, (_JSON, *_NO_STORE), msgspec.json.encode(facts))

    async def _vouch(self, request: Request, client: openid.ClientCredential) -> None:
        """Check a client's secret without opening a session."""
        try:
            await self._logins.verify_credentials(
                client.id,
                Secret(client.secret or ""),
                client_of(request, DIALECT),
                provider=self._client_provider,
            )
        except (errors.BadCredentials, errors.LockedOut):
            raise OAuthError(openid.WRONG_SECRET) from None

    async def _revoke(self, request: Request) -> Reply:
        form = openid.read_form(request.body, request.header("content-type"))
        client = openid.client_of(form, request.all("authorization"))
        if client.id != openid.PUBLIC_CLIENT:
            await self._vouch(request, client)
        claims = self._any_claims(request, form)
        if claims is not None and claims.client == client.id:
            await self._sessions.end(claims.key, Ended.LOGOUT)
        return Reply(200)

    def _any_claims(self, request: Request, form: Mapping[str, str]) -> Claims | None:
        """What the form's token says, None where it is of no use any more or was none of ours."""
        claims = self._bearers.read(form.get("token", ""))
        if claims is None or claims.kind not in (ACCESS, REFRESH) or claims.expired:
            return None
        require_same_session(request, self._bearers, claims.digest)
        return claims

    async def _certs(self, request: Request) -> Reply:
        return Reply(200, (_JSON,), msgspec.json.encode(self._bearers.tokens.public()))

    async def _discovery(self, request: Request) -> Reply:
        return Reply(200, (_JSON,), openid.discovery(_origin(request)))

    async def _realm(self, request: Request) -> Reply:
        return Reply(
            200, (_JSON,), openid.realm(_origin(request), self._bearers.tokens.public_der())
        )

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen."""
        return _refused(openid.FORMS[type(error)] if error is not None else openid.INTERNAL, error)


def _origin(request: Request) -> str:
    """Scheme and host as the client reached us: discovery, issuer and tokens must say the same."""
    return f"{'https' if request.secure else 'http'}://{request.header('host') or ''}"


def _refused(refusal: Refusal, error: errors.SessionGateError | None = None) -> Reply:
    headers = [_JSON, *_NO_STORE]
    if refusal is openid.UNKNOWN_CLIENT or refusal is openid.WRONG_SECRET:
        headers.append(("www-authenticate", 'Basic realm="zerto"'))
    if refusal in (openid.INVALID_TOKEN, openid.INSUFFICIENT_SCOPE):
        said = f'error="{refusal.code}", error_description="{refusal.description}"'
        headers.append(("www-authenticate", f'Bearer realm="zerto", {said}'))
    return Reply(refusal.status, (*headers, *extra_headers(error)), openid.write_refusal(refusal))
