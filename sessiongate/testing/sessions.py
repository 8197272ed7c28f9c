"""Sessions and tickets for tests."""

from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count

from sessiongate.session import Caps, Limits, Session, Ticket
from sessiongate.store.port import SessionStore
from sessiongate.testing.clock import T0

LIMITS = Limits(idle=timedelta(minutes=30), total=timedelta(hours=12))
"""The limits of the stores in the contracts."""


NO_CAPS = Caps()


_numbers = count(1)


def digest_of(text: str) -> bytes:
    """A digest as a store sees it."""
    return sha256(text.encode()).digest()


def a_session(token: str = "", *, principal: str = "ada", at: datetime = T0) -> Session:
    """A session of its own kind: give the token where the story uses it."""
    number = next(_numbers)
    return Session(
        digest=digest_of(token or f"token-{number}"),
        key=f"52000000-0000-4000-8000-{number:012x}",
        principal=principal,
        user_name=principal.title(),
        login_name=f"LAB\\{principal}",
        full_name=f"{principal.title()} Lovelace",
        roles=("operator", "auditor"),
        provider="local",
        dialect="vijson",
        locale="en_US",
        message_locale="en_US",
        extension=False,
        ip_address="192.0.2.7",
        user_agent="govc/0.50",
        login_at=at,
        active_at=at,
    )


async def everyone(store: SessionStore, now: datetime) -> dict[str, Session]:
    """All live sessions by key."""
    return {session.key: session async for session in store.list(now)}


def a_ticket(kind: str = "clone", *, at: datetime = T0) -> Ticket:
    """A ticket that lives for a minute."""
    return Ticket(kind, "52000000-0000-4000-8000-000000000000", at + timedelta(seconds=60))
