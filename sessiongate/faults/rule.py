"""Rules as values: which requests one is about, and what becomes of them, step by step. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from fnmatch import fnmatchcase

import msgspec

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import parse_account

TEST_HEADER = "x-sessiongate-test"
"""The header by which a client names the test that it is part of."""


APPLIANCE = "zerto-appliance"
"""The dialect that has access tokens."""


class Scope(Enum):
    """Which requests a fault can be about at all."""

    ANY = "every request"
    LOGIN = "logins"
    CLONE = "logins by a clone ticket"
    NAMES = "logins by password or token, look-ups of a name"
    SESSION = "requests of a live session"
    TOKEN = "logins and refreshes at the appliance"
    STRANGER = "requests without a live session"
    CONNECTION = "new connections"
    HANDSHAKE = "TLS handshakes"


ARRIVALS = frozenset({Scope.CONNECTION, Scope.HANDSHAKE})
"""What comes before any request."""


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule can know of a request, or of a connection that has just come."""

    dialect: str = ""
    operation: str = ""
    """`Login`, `Logout` and `Refresh` in every dialect; else the method's or property's own name,
    `SERVICE.OPERATION` in vAPI JSON-RPC, and verb and path of everything else."""
    login: bool = False
    clones: bool = False
    names: bool = False
    """Whether it asks a directory, or an issuer of tokens, who somebody is."""
    users: tuple[str, ...] = ()
    """The names of the session's user, or of whoever logs in."""
    key: str = ""
    """The public key of its live session, "" where there is none."""
    agent: str = ""
    address: str = ""
    test: str = ""
    arrival: Scope | None = None
    """CONNECTION or HANDSHAKE, of which nothing but the address is known; None for a request."""

    def is_in(self, scope: Scope) -> bool:
        """Whether a fault of this scope can be about it."""
        if self.arrival is not None or scope in ARRIVALS:
            return self.arrival is scope
        return {
            Scope.ANY: True,
            Scope.LOGIN: self.login,
            Scope.CLONE: self.clones,
            Scope.NAMES: self.names,
            Scope.TOKEN: self.dialect == APPLIANCE and self.operation in ("Login", "Refresh"),
            Scope.SESSION: bool(self.key),
            Scope.STRANGER: not self.key,
        }[scope]


class When(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests a rule is about: all that fit each list that is not empty.

    Texts may hold `*`, `?` and `[...]` as file names do. Users are compared as account names are,
    dialects, agents and operations to the letter.
    """

    dialect: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    """Public keys."""
    address: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    """Values of the header X-Sessiongate-Test."""

    def fits(self, asked: RequestFacts) -> bool:
        """Whether a rule with this is about that request."""
        return (
            fits_any(self.dialect, (asked.dialect,))
            and fits_any(self.operation, (asked.operation,))
            and fits_any(self.agent, (asked.agent,))
            and fits_any(self.session, (asked.key,))
            and fits_any(self.address, (asked.address,))
            and fits_any(self.test, (asked.test,))
            and fits_any(
                tuple(one for each in self.user for one in _names_of(each)),
                tuple(one for each in asked.users for one in _names_of(each)),
            )
        )


def fits_any(patterns: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a value fits a pattern; all do where there is none."""
    if not patterns:
        return True
    return any(fnmatchcase(value, one) for one in patterns for value in values if value)


def _names_of(typed: str) -> set[str]:
    """The spellings by which a name may be meant: as typed, and as accounts are compared."""
    try:
        account = parse_account(typed)
    except BadCredentials:
        return {typed}
    return {typed, account.canonical}


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the requests that match meet the fault."""

    skip: int = 0
    times: int | None = None
    """Of the requests that match after those skipped. None: without end."""
    every: int = 1
    probability: float = 1.0
    lasts: timedelta | None = None
    """By the server's clock, from when the step begins."""


HEALTHY = (
    *("CurrentTime", "currentSession", "Login*", "Logout", "RetrieveServiceContent", "content"),
    *("GET /api/session", "GET /rest/com/vmware/cis/session", "com.vmware.cis.session.get"),
    "GET /v1/[sS]erver[dD]ate[tT]ime*",
)
"""Operations that go on in a session that is half rotten, where the rule names none that fail."""

_COLLECTS = ("RetrieveProperties*", "WaitForUpdates*", "CheckForUpdates")
"""Operations that say of each property on its own that it cannot be read."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a rule, and for how long it lasts."""

    fault: str
    args: Mapping[str, object] = {}
    scope: Scope = Scope.ANY
    when: When = When()
    counts: Counts = Counts()

    def is_about(self, asked: RequestFacts) -> bool:
        """Whether that request counts."""
        if self.fault == "session.half-rotten" and not self._rots(asked.operation):
            return False
        return asked.is_in(self.scope_at(asked.dialect)) and self.when.fits(asked)

    def _rots(self, operation: str) -> bool:
        """Whether half a session fails there: what is named, else all but what keeps it alive."""
        if self.args.get("style") == "missing-set" and not fits_any(_COLLECTS, (operation,)):
            return False
        named = self.args.get("fail")
        if isinstance(named, tuple) and named:
            return fits_any(named, (operation,))
        return not fits_any(HEALTHY, (operation,))

    def scope_at(self, dialect: str) -> Scope:
        """Which requests it is about in this dialect.

        A vCenter that has no room for a session makes none for a SOAP client that has none, so
        that each of its calls fails and not only its login.
        """
        whole = self.fault == "cap.reached" and self.args.get("body") == "vendor"
        return Scope.STRANGER if whole and dialect == "soap" else self.scope


class FaultRule(msgspec.Struct, frozen=True, kw_only=True):
    """Steps, one after the other. `told` is the rule as it was asked for."""

    id: str
    steps: tuple[Step, ...]
    told: Mapping[str, object] = {}
