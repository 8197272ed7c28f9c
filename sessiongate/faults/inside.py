"""Faults inside the server: what a guard, the store or the roles say to one request.

They raise the errors that these raise anyway, so that each dialect answers in its own form and the
audit has what it always has. Which request meets what is known by its context: `meeting`.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar, cast

from sessiongate.errors import (
    BadCredentials,
    CapReached,
    IdentityUnavailable,
    InvalidLocale,
    LockedOut,
    NoPermission,
    NoSession,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.faults.book import Hit
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.tokens.port import TokenVerifier, VerifiedToken
from sessiongate.rules import access
from sessiongate.rules.accounts import Account
from sessiongate.rules.profile import PROFILES
from sessiongate.secret import Secret
from sessiongate.session import Caps, PresentedToken, Principal, Session, Ticket
from sessiongate.store.ending_marks import EndingMarks, ending_marks_of
from sessiongate.store.port import Store, use_nowait_of

R = TypeVar("R", bound=Callable[..., Awaitable[Any]])


class FaultUnderWay:
    """A request and the fault that it meets, until its reply."""

    def __init__(self, hit: Hit) -> None:
        self.hit: Hit | None = hit
        """None after the reply."""
        self.rotten = ""
        """The token of the session at an upstream that has ended for this request."""


_UNDER_WAY: ContextVar[FaultUnderWay | None] = ContextVar("sessiongate_fault", default=None)


@contextmanager
def meeting(hit: Hit) -> Iterator[None]:
    """What is done for a request meanwhile meets this fault; tasks that it leaves behind do not."""
    one = FaultUnderWay(hit)
    token = _UNDER_WAY.set(one)
    try:
        yield
    finally:
        one.hit = None
        _UNDER_WAY.reset(token)


def hit_of(fault: str) -> Hit | None:
    """The hit, where the request under way meets this fault."""
    one = _UNDER_WAY.get()
    hit = one.hit if one is not None else None
    return hit if hit is not None and hit.fault == fault else None


def fault_under_way(family: str) -> FaultUnderWay | None:
    """The fault that the request under way meets, where its name begins so."""
    one = _UNDER_WAY.get()
    if one is None or one.hit is None or not one.hit.fault.startswith(family):
        return None
    return one


def _cap_error(hit: Hit, principal: str) -> CapReached:
    """The refusal of one session more, with the figures of the profile that the rule names."""
    caps = PROFILES[str(hit.args.get("profile", "vc8"))][1]
    if caps.per_principal:
        return CapReached("principal", caps.per_principal, principal)
    return CapReached("total", caps.total or 1, principal)


_REFUSALS: Mapping[str, Callable[[str], SessionGateError]] = {
    "BadCredentials": BadCredentials,
    "PasswordExpired": lambda why: BadCredentials(f"{why}: the password has expired", guess=False),
    "LockedOut": LockedOut,
    "NoPermission": lambda why: NoPermission(access.SYSTEM_VIEW, why),
    "InvalidLocale": InvalidLocale,
}


def _refuse_login() -> None:
    hit = hit_of("login.refuse")
    if hit is not None:
        raise _REFUSALS[str(hit.args["as"])](f"refused by rule {hit.id}")


def _fail_if_nobody_knows_names() -> None:
    hit = hit_of("provider.down")
    if hit is not None:
        raise IdentityUnavailable(f"taken away by rule {hit.id}")


class _FaultyGuard:
    """A guard that refuses some logins, or has nobody to ask for a name."""

    def __init__(self, inner: Guard) -> None:
        self._inner = inner

    async def authenticate(
        self, account: Account, password: Secret, address: str = ""
    ) -> Principal:
        """As the guard does, which is not asked where a fault refuses."""
        _refuse_login()
        _fail_if_nobody_knows_names()
        return await self._inner.authenticate(account, password, address)

    async def find(self, account: Account) -> Principal | None:
        """As the guard does, which is not asked where a fault has its provider away."""
        _fail_if_nobody_knows_names()
        return await self._inner.find(account)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the guard has
        return getattr(self._inner, name)


def faulty_guard(guard: Guard) -> Guard:
    """The same guard, with faults before it."""
    return cast("Guard", _FaultyGuard(guard))


class _FaultyVerifier:
    """A verifier of tokens that cannot find out whose some are."""

    def __init__(self, inner: TokenVerifier) -> None:
        self._inner = inner

    async def verify(
        self, presented: PresentedToken, now: datetime, address: str = ""
    ) -> VerifiedToken:
        """As the verifier does, which is not asked where a fault has its issuer away."""
        _fail_if_nobody_knows_names()
        return await self._inner.verify(presented, now, address)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the verifier has
        return getattr(self._inner, name)


def faulty_verifier(verifier: TokenVerifier) -> TokenVerifier:
    """The same verifier, with faults before it."""
    return cast("TokenVerifier", _FaultyVerifier(verifier))


# What a store that is down keeps: the audit writes later, and the others are asked at a start.
_STAYS = frozenset({"audit", "attempts", "start", "close", "counts", "books", "notes"})


class FaultyStore:
    """A store that fails some requests."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.use = inner.use
        """Every check asks it: the store's own, as long as there are no rules."""
        self.use_nowait = use_nowait_of(inner)
        """Asked only while there are no rules: `handler` waits for every request otherwise."""

    def heed(self, there_are_rules: bool) -> None:
        """Ask whether a check meets a fault from now on, or no longer."""
        self.use = self._use if there_are_rules else self._inner.use

    @property
    def ending_marks(self) -> EndingMarks | None:
        """Those of the store itself."""
        return ending_marks_of(self._inner)

    async def _rotten(self) -> None:
        return None

    def _use(self, digest: bytes, now: datetime) -> Any:  # noqa: ANN401  as the store returns it
        """As the store does, but that it knows no session that is rotten."""
        if _UNDER_WAY.get() is None:
            return self._inner.use(digest, now)
        _fail_if_down()
        hit = hit_of("session.half-rotten")
        if hit is not None and hit.args.get("style") == "fault":
            return self._rotten()
        return self._inner.use(digest, now)

    async def add(self, session: Session, caps: Caps) -> None:
        """As the store does, but for what a fault refuses here: there is no way in without it."""
        _fail_if_down()
        _refuse_login()
        hit = hit_of("cap.reached")
        if hit is not None:
            raise _cap_error(hit, session.principal)
        await self._inner.add(session, caps)

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """As the store does, which takes a ticket that a fault says was taken before."""
        _fail_if_down()
        found = await self._inner.take(digest, kind, now)
        return None if hit_of("ticket.spent") is not None else found

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the store has
        if name not in _STAYS:
            _fail_if_down()
        return getattr(self._inner, name)


def _fail_if_down() -> None:
    hit = hit_of("store.down")
    if hit is not None:
        raise StoreUnavailable(f"taken away by rule {hit.id}")


class FaultyRoles(access.Roles):
    """The same roles, of which a request may lack some privileges."""

    def __init__(self, inner: access.Roles) -> None:
        super().__init__(inner.table)

    def privileges_of(self, roles: Iterable[str]) -> frozenset[str]:
        """What these roles give together, but for what a fault takes."""
        held = super().privileges_of(roles)
        if _UNDER_WAY.get() is None:
            return held
        removed = hit_of("privilege.remove")
        if removed is not None:
            taken = removed.args["privileges"]
            return held - set(taken if isinstance(taken, tuple) else ())
        return held


def faulty_reader(read: R) -> R:
    """The same reader of properties for who collects them, which may find each of them missing.

    Who collects says so of each property that is not read for want of a session.
    """

    async def faulty(*what: Any) -> Any:  # noqa: ANN401  whatever the reader takes and gives
        rotten = hit_of("session.half-rotten")
        if rotten is not None and rotten.args.get("style") == "missing-set":
            raise NoSession(f"taken away by rule {rotten.id}")
        return await read(*what)

    return cast("R", faulty)
