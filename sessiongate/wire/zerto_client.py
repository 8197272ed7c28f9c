"""Sessions at a ZVM as a client of it opens, renews and ends them.

A classic one opens a session by `POST /v1/session/add`. An appliance has bearer tokens of a minute
or so, from a Keycloak in front of it, that a refresh token renews. Requests out, answers in; nobody
is called here.
"""

from base64 import b64encode, urlsafe_b64decode
from binascii import Error as NotBase64
from enum import Enum
from urllib.parse import urlencode

import msgspec

from sessiongate.errors import BadCredentials, Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.openid import DISCOVERY, LOGOUT, PUBLIC_CLIENT, TOKEN
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from sessiongate.wire.zerto import END, SESSION_HEADER, START

LONGEST_LIFE = 31 * 24 * 3600
"""Seconds. A token that says that it is good for longer is not believed."""

_LONGEST_TOKEN = 16 * 1024
_LONGEST_NAME = 256

_PROBE = "/v1/localsite"
"""What every ZVM answers whoever has a session, and is short."""


class Flavor(Enum):
    """The two kinds of ZVM. The value is what settings call them."""

    CLASSIC = "classic"
    APPLIANCE = "appliance"


class Grant(Enum):
    """How a service account asks for a token. The value is what settings call it."""

    PASSWORD = "password"
    CLIENT = "client"
    """Its name is a client of the realm, and its password that one's secret."""


class Renewal(msgspec.Struct, frozen=True):
    """How a short-lived token is followed by another one. Times are seconds since 1970."""

    refresh: Secret
    """"" where there is none: the account asks anew."""
    life: float
    """Seconds for which the token was good when it was given."""
    until: float
    refresh_life: float
    """Seconds for which the refresh token was good then; 0 where that was not said."""
    claimed_until: float = 0.0
    """Until when one process renews it, and others wait for what comes of that."""


ZVM_FORMS = frozenset({WireForm.BEARER.value, WireForm.ZERTO.value})
"""How sessions of ZVMs say what they are, where they are written down."""


class ZvmSession(UpstreamSession, frozen=True):
    """A session at a ZVM: of form BEARER at an appliance, ZERTO at a classic one."""

    renewal: Renewal | None = None
    good_until: float | None = None
    """When the token ends by this process's own clock, which nobody sets; None where another
    process was given it."""

    def secrets(self) -> tuple[Secret, ...]:
        """All that suffices to use it, or get its next token."""
        refresh = (self.renewal.refresh,) if self.renewal is not None else ()
        return (*UpstreamSession.secrets(self), *refresh)


class Tokens(msgspec.Struct, frozen=True):
    """What an appliance gives whoever may have it."""

    access: Secret
    refresh: Secret
    life: float
    refresh_life: float
    name: str
    """Whom the token says that it is for; "" where it does not."""


class TokenRefused(msgspec.Struct, frozen=True):
    """The appliance has answered, and it is no. `code` is OAuth's word."""

    code: str
    description: str


class _Said(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"
    expires_in: object = None
    refresh_token: str = ""
    refresh_expires_in: object = None


class _Left(msgspec.Struct):
    refresh_token: str


class _Error(msgspec.Struct):
    error: str
    error_description: str = ""


class _Named(msgspec.Struct):
    preferred_username: str = ""


_said = msgspec.json.Decoder(_Said).decode
_left = msgspec.json.Decoder(_Left).decode
_error = msgspec.json.Decoder(_Error).decode
_named = msgspec.json.Decoder(_Named).decode

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_FORM: Headers = (
    ("content-type", "application/x-www-form-urlencoded"),
    ("accept", "application/json"),
)


def write_discovery() -> Ask:
    """Ask for what an appliance alone has."""
    return Ask(DISCOVERY, (("accept", "application/json"),), b"", "GET")


def write_unnamed_start() -> Ask:
    """Ask a classic ZVM for a session without saying who asks. Counts against nobody."""
    return Ask(START, (), b"")


def says_appliance(answer: Answer) -> bool:
    """Whether this answer to `write_discovery` is an appliance's."""
    return answer.status == 200 and b'"issuer"' in answer.body


def says_classic(answer: Answer) -> bool:
    """Whether this answer to `write_unnamed_start` is a classic ZVM's."""
    return answer.status == 401


def write_password_grant(name: str, password: Secret) -> Ask:
    """Ask for the tokens of a user. Raises BadCredentials for letters that no form carries."""
    client = {"grant_type": "password", "client_id": PUBLIC_CLIENT, "scope": "openid"}
    return _form(TOKEN, **client, username=name, password=password.reveal())


def write_client_grant(client: str, secret: Secret) -> Ask:
    """Ask for the token of a service account. Raises as `write_password_grant` does."""
    grant = {"grant_type": "client_credentials", "scope": "openid"}
    return _form(TOKEN, **grant, client_id=client, client_secret=secret.reveal())


def write_refresh(refresh: Secret) -> Ask:
    """Ask for the tokens that follow."""
    grant = {"grant_type": "refresh_token", "client_id": PUBLIC_CLIENT}
    return _form(TOKEN, **grant, refresh_token=refresh.reveal())


def write_token_logout(refresh: Secret) -> Ask:
    """End the session of this refresh token."""
    return _form(LOGOUT, client_id=PUBLIC_CLIENT, refresh_token=refresh.reveal())


def write_start(name: str, password: Secret, *, windows: bool = True) -> Ask:
    """Ask a classic ZVM for a session, of a Windows account or of the hypervisor manager's.

    Raises BadCredentials for what no Basic credential carries.
    """
    if ":" in name:
        raise BadCredentials("a name with a colon, which Basic cannot carry", answered=False)
    pair = _utf8(f"{name}:{password.reveal()}")
    basic = ("authorization", f"Basic {b64encode(pair).decode('ascii')}")
    if windows:
        return Ask(START, (basic,), b"")
    return Ask(START, (basic, ("content-type", "application/json")), b'{"AuthenticationMethod":1}')


def write_end(token: Secret) -> Ask:
    """End a session at a classic ZVM."""
    return Ask(END, (carrier(WireForm.ZERTO, token),), b"", "DELETE")


def write_probe(form: WireForm, token: Secret) -> Ask:
    """Use a session for what has no effect."""
    return Ask(_PROBE, (carrier(form, token), ("accept", "application/json")), b"", "GET")


def carrier(form: WireForm, token: Secret) -> tuple[str, str]:
    """The header that carries a session: one, whatever the client has sent."""
    if form is WireForm.BEARER:
        return ("authorization", f"Bearer {token.reveal()}")
    return (SESSION_HEADER, token.reveal())


def read_tokens(answer: Answer) -> Tokens | TokenRefused:
    """What came of a request for tokens. Raises Malformed for anything else, such as an outage."""
    if answer.status in (400, 401):
        return _refusal(answer)
    if answer.status != 200:
        raise Malformed(f"status {answer.status} of its tokens")
    try:
        said = _said(answer.body)
    except _UNREADABLE:
        raise Malformed("its tokens are not JSON with an access_token") from None
    if said.token_type.lower() != "bearer":
        raise Malformed("its token is none of type Bearer")
    access = _token(said.access_token, "access_token")
    refresh = _token(said.refresh_token, "refresh_token") if said.refresh_token else Secret("")
    life = _life(said.expires_in, "expires_in")
    refresh_life = 0.0
    if refresh.reveal() and said.refresh_expires_in not in (None, 0):
        refresh_life = _life(said.refresh_expires_in, "refresh_expires_in")
    return Tokens(access, refresh, life, refresh_life, _name_in(said.access_token))


def read_start(answer: Answer) -> Secret | None:
    """The session that a classic ZVM has opened, None where it refuses. Raises Malformed."""
    if answer.status == 401:
        return None
    if answer.status != 200:
        raise Malformed(f"status {answer.status} of its login")
    found = answer.all(SESSION_HEADER)
    if len(found) != 1:
        raise Malformed(f"its login has not one {SESSION_HEADER}")
    return _token(found[0], SESSION_HEADER)


def write_end_of_unread(flavor: Flavor, answer: Answer) -> Ask | None:
    """What ends the session of a login whose answer cannot be used; None for no session."""
    if answer.status != 200:
        return None
    try:
        if flavor is Flavor.CLASSIC:
            return write_end(_token(answer.all(SESSION_HEADER)[0], SESSION_HEADER))
        return write_token_logout(_token(_left(answer.body).refresh_token, "refresh_token"))
    except (*_UNREADABLE, Malformed, IndexError):
        return None


def is_over(answer: Answer) -> bool:
    """Whether the session has ended, by this answer to its end.

    A refresh token that the appliance knows no more is told so by `invalid_grant`.
    """
    if answer.status == 400:
        try:
            return _error(answer.body).error == INVALID_GRANT
        except _UNREADABLE:
            return False
    return answer.status in (200, 204, 401)


INVALID_GRANT = "invalid_grant"
"""OAuth's word for a wrong password, and for a refresh token that is good for nothing more."""


def zvm_session(
    flavor: Flavor,
    token: Secret,
    name: str,
    renewal: Renewal | None = None,
    good_until: float | None = None,
) -> ZvmSession:
    """A session as leases have it. A ZVM has no public name for one."""
    form = WireForm.BEARER if flavor is Flavor.APPLIANCE else WireForm.ZERTO
    user = UserSession("", name, "", "")
    return ZvmSession(form, token, user, renewal=renewal, good_until=good_until)


def write_times(renewal: Renewal) -> str:
    """The times of a renewal, for where its tokens are written down."""
    times = (renewal.life, renewal.until, renewal.refresh_life, renewal.claimed_until)
    return " ".join(map(repr, times))


def read_session(form: str, token: Secret, refresh: Secret, times: str) -> ZvmSession:
    """A session that was written down. Raises ValueError for what nobody has written so."""
    flavor = Flavor.APPLIANCE if form == WireForm.BEARER.value else Flavor.CLASSIC
    renewal = None
    if times:
        life, until, refresh_life, claimed = map(float, times.split())
        renewal = Renewal(refresh, life, until, refresh_life, claimed)
    return zvm_session(flavor, token, "", renewal)


def _form(path: str, **members: str) -> Ask:
    try:
        body = urlencode(members, errors="strict").encode("ascii")
    except UnicodeEncodeError:
        raise BadCredentials("letters that no form can carry", answered=False) from None
    return Ask(path, _FORM, body)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadCredentials("letters that Basic cannot carry", answered=False) from None


def _refusal(answer: Answer) -> TokenRefused:
    try:
        error = _error(answer.body)
    except _UNREADABLE:
        raise Malformed(f"status {answer.status} of its tokens, without a reason") from None
    return TokenRefused(error.error[:100], error.error_description[:200])


def _token(text: str, what: str) -> Secret:
    if not text or len(text) > _LONGEST_TOKEN or not text.isascii():
        raise Malformed(f"its {what} is none that a header can carry")
    if not text.isprintable() or " " in text:
        raise Malformed(f"its {what} is none that a header can carry")
    return Secret(text)


def _life(said: object, what: str) -> float:
    """Seconds. What is not said, or makes no sense, would have us guess when to ask again."""
    if said is None:
        raise Malformed(f"it does not say {what}: a token of unknown life is not used")
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise Malformed(f"{what} is no number of seconds")
    if not 1 <= said <= LONGEST_LIFE:
        rule = f"between 1 and {LONGEST_LIFE} (31 days)"
        raise Malformed(f"{what} is not {rule}: the token is not used")
    return float(said)


def _name_in(token: str) -> str:
    """Whom a token is for. It came from where it was made, by a connection that is trusted."""
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        name = _named(claims).preferred_username
    except (*_UNREADABLE, NotBase64, ValueError):
        return ""
    return name if len(name) <= _LONGEST_NAME and name.isprintable() else ""
