"""The words that every part of the house shares: session, ticket, principal, and how one ends."""

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

import msgspec

from sessiongate.secret import Secret


class Ended(Enum):
    """Why a session is over. The value is what logs, audit and metrics show."""

    LOGOUT = "logout"
    IDLE = "idle"
    AGED = "aged"
    TERMINATED = "terminated"
    USER_CHANGED = "user_changed"
    """The account was disabled, removed, or its password or role changed."""
    UNCLAIMED = "unclaimed"
    """The client had gone before the reply of the login: nobody ever had the token."""
    UPSTREAM_LOST = "upstream_lost"
    """The session at the upstream has ended in which the client had objects."""
    TOKEN_REUSED = "token_reused"
    """A refresh token came again after its successor was used: somebody has a copy."""


class Session(msgspec.Struct, gc=False):
    """What we opened for a client. Holds the digest of its token, never the token.

    `key` is public: shown in lists, used to end the session, useless as a credential. Mutable
    only by the store that owns it (touches, locale, impersonation).
    """

    digest: bytes
    key: str
    principal: str
    """Canonical account name. With `provider` it says who this is: caps go by the two together."""
    user_name: str
    """The name as its directory spells it (vSphere's userName)."""
    login_name: str
    """The name as typed at login."""
    full_name: str
    roles: tuple[str, ...]
    provider: str
    dialect: str
    locale: str
    message_locale: str
    extension: bool
    ip_address: str
    """The peer's address, or the name of the Unix socket it came by."""
    user_agent: str
    login_at: datetime
    active_at: datetime
    call_count: int = 0
    upstream: str = ""
    """The upstream at whose Host it was opened, which alone it is for; "" for none."""


class Ticket(msgspec.Struct, frozen=True):
    """Something single-use, in a table of its own: never a session.

    `kind` says what it may be used for ("clone", "service", "local"); `subject` is the key of the
    session it belongs to, or the account name for a local ticket.
    """

    kind: str
    subject: str
    expires_at: datetime


class Limits(msgspec.Struct, frozen=True):
    """How long a session may live. `total` of None means no absolute limit."""

    idle: timedelta
    total: timedelta | None = None


class Caps(msgspec.Struct, frozen=True):
    """How many sessions may live at once. 0 means no cap."""

    per_principal: int = 0
    total: int = 0

    def and_more(self, count: int) -> "Caps":
        """So many more of either, where there is a cap."""
        return Caps(*(cap + count if cap else 0 for cap in (self.per_principal, self.total)))


class Person(NamedTuple):
    """One account: provider and canonical name. The same name elsewhere is somebody else."""

    provider: str
    name: str


class Principal(msgspec.Struct, frozen=True):
    """Who an identity provider says this is."""

    name: str
    """Canonical account name (see `rules.accounts`)."""
    user_name: str
    """The name as its directory spells it."""
    full_name: str
    roles: tuple[str, ...]
    provider: str

    @classmethod
    def of(cls, session: Session) -> "Principal":
        """Whose session this is."""
        return cls(
            session.principal,
            session.user_name,
            session.full_name,
            session.roles,
            session.provider,
        )

    @property
    def person(self) -> Person:
        """Which account it is."""
        return Person(self.provider, self.name)


class Client(msgspec.Struct, frozen=True):
    """Where a request came from."""

    ip_address: str
    user_agent: str
    dialect: str
    certificate: bytes | None = None
    """The client's certificate (DER), where it showed one that somebody checked."""
    user: int | None = None
    """Who is at the other end of the Unix socket it came by, where the system says so."""
    local: bool = False
    """It is proved to be on the server's own host. Only found out where that matters."""
    upstream: str = ""
    """The upstream that the Host of its request means; "" for none."""

    @property
    def origin(self) -> str:
        """What failed logins count under: the address, or each user of a Unix socket."""
        return self.ip_address if self.user is None else f"{self.ip_address}#{self.user}"


class PresentedToken(msgspec.Struct, frozen=True):
    """A token that a request carried outside its body's arguments, unread. Never logged.

    `text` is a bearer token as it stood in the header, or the XML document with a SAML assertion
    in it, whole: the signature is over its very bytes, each of which is one character here.
    """

    kind: str
    """SAML or BEARER."""
    text: Secret

    @classmethod
    def of_document(cls, document: bytes) -> "PresentedToken":
        """The assertion in this document."""
        return cls(SAML, Secret(document.decode("latin-1")))

    def document(self) -> bytes:
        """The document as it came."""
        return self.text.reveal().encode("latin-1")


SAML = "saml"
BEARER = "bearer"

CONSOLE = "console"
"""The dialect of people's sessions at the console: their tokens open nothing else."""
