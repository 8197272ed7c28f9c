"""The Zerto appliance's way in: OpenID Connect as Keycloak serves it, below `/auth/realms/zerto`.

Forms in, token sets and errors out; the signing of tokens is elsewhere. Source: the appliance's
own API description, and what Keycloak answers (docs/wire.md).
"""

from base64 import b64decode
from binascii import Error as NotBase64
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from sessiongate import errors
from sessiongate.wire.basic import LONGEST_HEADER
from sessiongate.wire.carriers import scheme_of

REALM = "/auth/realms/zerto"
BASE = f"{REALM}/protocol/openid-connect"
TOKEN = f"{BASE}/token"
LOGOUT = f"{BASE}/logout"
CERTS = f"{BASE}/certs"
USERINFO = f"{BASE}/userinfo"
INTROSPECT = f"{BASE}/token/introspect"
REVOKE = f"{BASE}/revoke"
AUTH = f"{BASE}/auth"
DISCOVERY = f"{REALM}/.well-known/openid-configuration"

PUBLIC_CLIENT = "zerto-client"
"""The client that scripts and the appliance's own API page log in as: no secret."""

GRANTS = ("password", "client_credentials", "refresh_token")

_FORM = "application/x-www-form-urlencoded"
# A handful of members are ever sent; more is no form of this API.
_MOST_MEMBERS = 100

LARGEST_FORM = 16 * 1024
"""Bytes. A refresh token has 1 KiB. Percent signs are read one by one, in Python: a megabyte of
them took 600 ms of everybody's time, the 64 KiB of a stranger 30."""


class Refusal(msgspec.Struct, frozen=True):
    """An OAuth error: status, code and description as Keycloak words them."""

    status: int
    code: str
    description: str


class OAuthError(Exception):
    """A request that is refused in a way of this dialect alone."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal


def read_form(body: bytes, content_type: str | None) -> dict[str, str]:
    """The members of a form. Raises OAuthError for another type, or a member given twice.

    For one that is too large, too.
    """
    if len(body) > LARGEST_FORM:
        raise OAuthError(Refusal(413, "invalid_request", "The form is too large"))
    media = (content_type or "").partition(";")[0].strip().lower()
    if media != _FORM and (media or body):
        raise OAuthError(Refusal(415, "invalid_request", "The body must be a form"))
    try:
        pairs = parse_qsl(
            body.removeprefix(BOM_UTF8).decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MOST_MEMBERS,
            errors="strict",
        )
    except ValueError:
        raise OAuthError(Refusal(400, "invalid_request", "The form cannot be read")) from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError(Refusal(400, "invalid_request", "duplicated parameter"))
    return form


def grant_of(form: Mapping[str, str]) -> str:
    """The grant type: judged before the client, as Keycloak does."""
    grant = form.get("grant_type")
    if not grant:
        raise OAuthError(Refusal(400, "invalid_request", "Missing form parameter: grant_type"))
    if grant not in GRANTS:
        raise OAuthError(Refusal(400, "unsupported_grant_type", "Unsupported grant_type"))
    return grant


class ClientCredential(msgspec.Struct, frozen=True):
    """What a client said it is. `secret` is None where it gave none."""

    id: str
    secret: str | None

    def __repr__(self) -> str:
        return f"ClientCredential({self.id!r})"


def client_of(form: Mapping[str, str], authorizations: Iterable[str]) -> ClientCredential:
    """The client, from HTTP Basic or the form.

    `authorizations` are the request's Authorization headers. Raises OAuthError where it is in
    neither, and where two of them differ (RFC 6749, 2.3: no more than one method).
    """
    basic = {client for one in authorizations if (client := _by_basic(one)) is not None}
    if len(basic) > 1:
        raise OAuthError(UNKNOWN_CLIENT)
    for client in basic:
        if (
            form.get("client_id", client.id) != client.id
            or form.get("client_secret", client.secret) != client.secret
        ):
            raise OAuthError(UNKNOWN_CLIENT)
        return client
    if not form.get("client_id"):
        raise OAuthError(UNKNOWN_CLIENT)
    return ClientCredential(form["client_id"], form.get("client_secret"))


def _by_basic(authorization: str) -> ClientCredential | None:
    scheme, blob = scheme_of(authorization)
    if scheme != "basic" or len(blob) > LONGEST_HEADER:
        return None
    try:
        text = b64decode(blob, validate=True).decode("utf-8")
    except (NotBase64, ValueError):
        raise OAuthError(UNKNOWN_CLIENT) from None
    name, _, secret = text.partition(":")
    return ClientCredential(unquote_plus(name), unquote_plus(secret))


UNKNOWN_CLIENT = Refusal(401, "invalid_client", "Invalid client or Invalid client credentials")
WRONG_SECRET = Refusal(401, "unauthorized_client", "Invalid client or Invalid client credentials")
NO_DIRECT_GRANT = Refusal(400, "unauthorized_client", "Client not allowed for direct access grants")
NO_SERVICE_ACCOUNT = Refusal(
    401, "unauthorized_client", "Public client not allowed to retrieve service account"
)
WRONG_USER = Refusal(401, "invalid_grant", "Invalid user credentials")
NO_RIGHTS = Refusal(400, "invalid_grant", "Account is not fully set up")
NO_REFRESH_TOKEN = Refusal(400, "invalid_request", "No refresh token")
WRONG_REFRESH_TOKEN = Refusal(400, "invalid_grant", "Invalid refresh token")
DEAD_SESSION = Refusal(400, "invalid_grant", "Session not active")
EXPIRED_REFRESH_TOKEN = Refusal(400, "invalid_grant", "Token is not active")
SPENT_REFRESH_TOKEN = Refusal(400, "invalid_grant", "Maximum allowed refresh token reuse exceeded")
BUSY = Refusal(503, "temporarily_unavailable", "The service is not available now")
TOO_MANY = Refusal(503, "temporarily_unavailable", "There are too many sessions")
INVALID_TOKEN = Refusal(401, "invalid_token", "Token verification failed")
INSUFFICIENT_SCOPE = Refusal(403, "insufficient_scope", "Missing openid scope")
INTERNAL = Refusal(500, "server_error", "An internal error occurred")
ENCODED = Refusal(415, "invalid_request", "The body must not have a Content-Encoding")
FOREIGN = Refusal(403, "access_denied", "The request comes from a page of another origin")
_INVALID = Refusal(400, "invalid_request", "The request is not valid")
_NOWHERE = Refusal(404, "not_found", "There is nothing at this address")

FORMS: Mapping[type[errors.SessionGateError], Refusal] = {
    errors.BadCredentials: WRONG_USER,
    errors.LockedOut: WRONG_USER,  # a guesser must learn no more than "wrong"
    errors.AlreadyLoggedIn: WRONG_USER,
    errors.BadTicket: WRONG_USER,
    errors.NoClientCertificate: WRONG_USER,
    errors.NoSubjectName: WRONG_USER,
    errors.NoSession: INVALID_TOKEN,
    errors.NoPermission: NO_RIGHTS,
    errors.InvalidLocale: _INVALID,
    errors.InvalidArgument: _INVALID,
    errors.Malformed: _INVALID,
    errors.EncodedBody: ENCODED,
    errors.ForeignOrigin: FOREIGN,
    errors.NotSupported: _INVALID,
    errors.NotFound: _NOWHERE,
    errors.UnknownAddress: _NOWHERE,
    errors.UnknownObject: _NOWHERE,
    errors.UnknownMethod: _NOWHERE,
    errors.UnknownName: _NOWHERE,
    errors.UnknownProperty: _NOWHERE,
    errors.UnknownType: _NOWHERE,
    errors.UnknownVersion: _NOWHERE,
    errors.WaitCancelled: _NOWHERE,
    errors.WrongVerb: Refusal(405, "invalid_request", "Not this method here"),
    errors.CapReached: TOO_MANY,
    errors.IdentityUnavailable: BUSY,
    errors.StoreUnavailable: BUSY,
    errors.EndNotWritten: BUSY,
    errors.UnreadableRow: BUSY,
    errors.UpstreamUnavailable: BUSY,
    errors.OutcomeUnknown: INTERNAL,
    errors.QuotaReached: _INVALID,
    errors.Overloaded: BUSY,
}


def write_refusal(refusal: Refusal) -> bytes:
    """The error body of RFC 6749."""
    return msgspec.json.encode({"error": refusal.code, "error_description": refusal.description})


class TokenSet(msgspec.Struct, omit_defaults=True):
    """The reply of the token endpoint, in the order and under the names that clients know."""

    access_token: str
    expires_in: int
    refresh_expires_in: int
    token_type: str
    scope: str
    session_state: str = ""
    """Not of a service account, which has none at Keycloak."""
    refresh_token: str = ""
    id_token: str = ""


def write_tokens(tokens: TokenSet) -> bytes:
    """The token set as JSON, with the one member that is always 0 here."""
    return msgspec.json.encode({**msgspec.to_builtins(tokens), "not-before-policy": 0})


def scope_of(asked: str) -> str:
    """The scope granted: the two that are always there, and openid where it is among those asked.

    A refresh asks for what was granted before, whatever scope its form names: so does Keycloak.
    """
    return _WITH_OPENID if has_identity(asked) else _PLAIN


def has_identity(scope: str) -> bool:
    """Whether tokens of this scope say who somebody is: by an ID token, and at USERINFO."""
    return _OPENID in scope.split()


_OPENID = "openid"
_PLAIN = "profile email"
_WITH_OPENID = f"{_OPENID} {_PLAIN}"


def discovery(origin: str) -> bytes:
    """The discovery document, for a client that reaches us at this origin."""

    def at(path: str) -> str:
        return f"{origin}{path}"

    methods = ["client_secret_basic", "client_secret_post"]
    return msgspec.json.encode(
        {
            "issuer": at(REALM),
            "authorization_endpoint": at(AUTH),
            "token_endpoint": at(TOKEN),
            "introspection_endpoint": at(INTROSPECT),
            "userinfo_endpoint": at(USERINFO),
            "end_session_endpoint": at(LOGOUT),
            "jwks_uri": at(CERTS),
            "revocation_endpoint": at(REVOKE),
            "grant_types_supported": list(GRANTS),
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": methods,
            "scopes_supported": ["openid", "profile", "email"],
            "claims_supported": [
                "aud",
                "sub",
                "iss",
                "name",
                "preferred_username",
                "email_verified",
            ],
            "code_challenge_methods_supported": ["S256"],
        }
    )


def realm(origin: str, public_key: str) -> bytes:
    """What the realm's root says."""
    return msgspec.json.encode(
        {
            "realm": "zerto",
            "public_key": public_key,
            "token-service": f"{origin}{BASE}",
            "account-service": f"{origin}{REALM}/account",
            "tokens-not-before": 0,
        }
    )


def write_inactive() -> bytes:
    """What introspection says of a token that is not one of a live session."""
    return b'{"active":false}'
