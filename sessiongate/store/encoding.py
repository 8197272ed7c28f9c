"""How times and facts are written, for every store, and what of a lease never changes."""

from datetime import UTC, datetime, timedelta

from sessiongate.session import Session
from sessiongate.store.port import StoredLease

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Facts = tuple[
    str, str, str, str, tuple[str, ...], str, str, str, str, bool, str, str
]  # in the order of Session's fields, principal to user_agent

_AT = "@"
"""Between dialect and upstream, as in "soap@vc1". An earlier release, which knows of no upstreams
and reads just these twelve, takes it for the name of a dialect."""

_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since the epoch, exact."""
    return (at - EPOCH) // _MICROSECOND


def moment(written: int) -> datetime:
    """The time of so many microseconds since the epoch."""
    return EPOCH + _MICROSECOND * written  # half of what timedelta(microseconds=...) takes


def facts_of(session: Session) -> Facts:
    """What sessions of one client have in common."""
    return (
        session.principal,
        session.user_name,
        session.login_name,
        session.full_name,
        session.roles,
        session.provider,
        f"{session.dialect}{_AT}{session.upstream}" if session.upstream else session.dialect,
        session.locale,
        session.message_locale,
        session.extension,
        session.ip_address,
        session.user_agent,
    )


def session_of(
    digest: bytes,
    key: str,
    facts: Facts,
    login_at: datetime = EPOCH,
    active_at: datetime = EPOCH,
    call_count: int = 0,
) -> Session:
    """A session with these facts."""
    session = Session(digest, key, *facts, login_at, active_at, call_count)
    session.dialect, _, session.upstream = session.dialect.partition(_AT)
    return session


def check_same_lease(old: StoredLease, new: StoredLease) -> None:
    """Raise ValueError where these are two leases, and not one that has changed."""
    if (old.id, old.upstream, old.account) != (new.id, new.upstream, new.account):
        raise ValueError("id, upstream and account of a lease never change")


REMEMBERED = timedelta(minutes=2)
"""For how long a client of the gateway is known to be over of whom nothing is left.

A call that began before that comes to its lease within its time in the queue.
"""


def instance_of(stay: str) -> str:
    """The instance by which a stay at a lease is named."""
    return stay.rpartition(":")[0]
