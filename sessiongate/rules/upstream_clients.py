"""Whose sessions stand at an upstream: its own list, added up by user, program and address.

A session of somebody else's that nobody has used for long is one that its owner may have forgotten.
To end it is suggested, and never done: only its owner knows whether it waits for something.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from sessiongate.rules.agents import agent_family


class SeenThere(msgspec.Struct, frozen=True):
    """A session in an upstream's list. Times as the upstream has written them."""

    key: str
    """Its first letters."""
    user: str
    user_agent: str
    ip_address: str
    login_at: str
    active_at: str
    ours: bool
    """Whether the gateway has opened it."""


class UpstreamClient(msgspec.Struct, kw_only=True):
    """All sessions there of one user, program and address."""

    user: str
    agent: str
    """Its family (`rules.agents`)."""
    address: str
    sessions: int
    ours: int
    oldest: datetime | None
    """When the oldest was opened; None where the upstream says it in no way that we read."""
    last_used: datetime | None
    to_end: list[str]
    """First letters of the keys of those that are not ours and were not used for long."""


def upstream_clients(
    sessions: Iterable[SeenThere], now: datetime, unused_for: timedelta
) -> list[UpstreamClient]:
    """Who has most that was not used for so long comes first; of equals, who has most."""
    groups: dict[tuple[str, str, str], list[SeenThere]] = {}
    for one in sessions:
        name = (one.user, agent_family(one.user_agent), one.ip_address)
        groups.setdefault(name, []).append(one)
    clients = [_client(name, group, now - unused_for) for name, group in groups.items()]
    return sorted(clients, key=lambda one: (-len(one.to_end), -one.sessions, one.user, one.agent))


def _client(
    name: tuple[str, str, str], group: list[SeenThere], unused_since: datetime
) -> UpstreamClient:
    user, agent, address = name
    used = [(_moment(one.active_at), one) for one in group]
    return UpstreamClient(
        user=user,
        agent=agent,
        address=address,
        sessions=len(group),
        ours=sum(one.ours for one in group),
        oldest=min((at for one in group if (at := _moment(one.login_at))), default=None),
        last_used=max((at for at, _ in used if at is not None), default=None),
        to_end=sorted(
            one.key for at, one in used if at is not None and at <= unused_since and not one.ours
        ),
    )


def _moment(text: str) -> datetime | None:
    """A time with its zone; None for what is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
