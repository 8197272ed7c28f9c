"""Which sessions of a list are wanted: by user, dialect, address, agent, idle time, provider, role.

Read from what people type; what cannot be read names the field and says what goes there.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from sessiongate.errors import InvalidArgument
from sessiongate.rules.name_pattern import LONGEST, fits_name
from sessiongate.session import Session

FIELDS = ("user", "dialect", "address", "agent", "idle", "provider", "role")
"""The names of what a filter is given by, as queries have them."""

_SPAN = re.compile(r"([0-9]{1,5})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SessionFilter(msgspec.Struct, frozen=True):
    """What must hold of a session; what is "" or None holds of all."""

    user: str = ""
    """Canonical name in lower case, `*` for any characters."""
    dialect: str = ""
    network: IPv4Network | IPv6Network | None = None
    place: str = ""
    """An address that is no IP address: a Unix socket's."""
    agent: str = ""
    """In lower case, anywhere in the User-Agent."""
    idle: timedelta | None = None
    """Not used for longer than this."""
    provider: str = ""
    role: str = ""

    def fits(self, session: Session, now: datetime) -> bool:
        """Whether this session is wanted."""
        if self.idle is not None and now - session.active_at < self.idle:
            return False
        return self.fits_client(session)

    def fits_client(self, session: Session) -> bool:
        """The same, whenever it was used: what holds of all sessions of one client."""
        if self.user and not fits_name(session.principal.lower(), self.user):
            return False
        if self.dialect and session.dialect != self.dialect:
            return False
        if self.provider and session.provider != self.provider:
            return False
        if self.role and self.role not in session.roles:
            return False
        if self.agent and self.agent not in session.user_agent.lower():
            return False
        return self._is_from_there(session.ip_address)

    def _is_from_there(self, address: str) -> bool:
        if self.place:
            return address == self.place
        if self.network is None:
            return True
        try:
            return ip_address(address.partition("%")[0]) in self.network
        except ValueError:
            return False


def read_filter(value_of: Callable[[str], str]) -> SessionFilter:
    """The filter of what `value_of` says of each of `FIELDS`. Raises InvalidArgument."""
    address = value_of("address")
    network = None if not address or address.startswith("/") else _network(address)
    return SessionFilter(
        user=read_user(value_of("user")),
        dialect=value_of("dialect"),
        network=network,
        place=address if address.startswith("/") else "",
        agent=value_of("agent").lower(),
        idle=_span(value_of("idle")) if value_of("idle") else None,
        provider=value_of("provider"),
        role=value_of("role"),
    )


def read_user(text: str) -> str:
    """The pattern of names that somebody typed. Raises InvalidArgument."""
    if len(text) > LONGEST:
        raise InvalidArgument("user", f"a name of at most {LONGEST} characters")
    return text.lower()


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise InvalidArgument(
            "address", "an address such as 192.0.2.7, or a network such as 192.0.2.0/24"
        ) from None


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text.lower())
    if found is None:
        raise InvalidArgument("idle", "a time such as 30s, 10m, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
