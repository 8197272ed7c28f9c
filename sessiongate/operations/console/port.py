"""What the console has others say and do: of server, users, locks, pools, and faults in `dev`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sessiongate.audit.event import EventDetails
from sessiongate.operations.port import Pools
from sessiongate.secret import Secret
from sessiongate.session import Person


class LocalUser(msgspec.Struct, frozen=True):
    """Somebody in a users file of this server."""

    provider: str
    name: str
    """Canonical."""
    full_name: str
    role: str
    disabled: bool
    created: datetime | None = None


class Provider(msgspec.Struct, frozen=True):
    """Where users come from."""

    name: str
    type: str
    answers: bool
    """False where it was found to be away, and is not asked for the time being."""


class ServerFacts(msgspec.Struct, frozen=True):
    """What a server says of itself: where it is, by which certificate, and what it goes by."""

    urls: tuple[str, ...]
    """Where the dialects are."""
    certificate: str
    """SHA-256 fingerprint; "" for plain HTTP."""
    until: datetime | None
    """When the certificate ends."""
    authority: bytes
    """The CA that clients may trust, as PEM; b"" where it is none of ours."""
    settings: Mapping[str, Mapping[str, object]]
    """Value and origin of each, without secrets."""
    providers: tuple[Provider, ...] = ()
    own_urls: Mapping[str, str] = {}
    """Where else it listens: the console and the operations listener."""


class ClientLease(msgspec.Struct, frozen=True):
    """By which session at an upstream a client's calls go."""

    lease: str
    """Our name for it."""
    client: str
    """The key of the client's session here."""
    objects: int
    """What the client has in it: it is pinned there by as many."""
    calls: int
    """Under way."""


class PoolsInUse(Pools, Protocol):
    """The gateway's side, and which clients go by what there, as far as this process knows."""

    def leases_of(self, clients: Sequence[str]) -> Mapping[str, ClientLease]:
        """By which lease each of these clients goes, by its key; none that goes by none."""
        ...

    def pins(self, name: str) -> Sequence[ClientLease]:
        """Who has most in the leases of one pool, that first; some hundred."""
        ...


class UserRules(msgspec.Struct, frozen=True):
    """What local users may be given."""

    roles: Sequence[str]
    """Those that there are."""
    files: Sequence[str]
    """The providers whose users stand in files of this server."""
    password: str
    """Which passwords may be set, in a sentence."""


class LocalUsers(Protocol):
    """The users of this server's own files, and the locks of all names.

    Whoever does something is named by `by`, and says from where and why by `said`. Changes raise
    InvalidArgument and NotFound with a sentence; sessions that end by one have ended on return.
    """

    @property
    def rules(self) -> UserRules:
        """What they may be given."""
        ...

    async def all(self) -> list[LocalUser]:
        """Everybody in any of the files."""
        ...

    async def locked(self) -> Mapping[str, Mapping[str, datetime]]:
        """Provider and name of whoever is locked for some address, and until when."""
        ...

    async def unlock(self, name: str, by: str, said: EventDetails) -> bool:
        """Let this name try again. False if nothing was held against it."""
        ...

    async def set_disabled(self, who: Person, disabled: bool, by: str, said: EventDetails) -> None:
        """Disable a user, or enable one again; never keep out the last administrator."""
        ...

    async def set_role(self, who: Person, role: str, by: str, said: EventDetails) -> None:
        """Set a user's role; never take the last administrator's."""
        ...

    async def add(
        self, who: Person, full_name: str, role: str, password: Secret, by: str, said: EventDetails
    ) -> str:
        """Add a user, who may log in at once. The canonical name."""
        ...

    async def set_password(
        self, who: Person, password: Secret, by: str, said: EventDetails
    ) -> None:
        """Set a user's password; sessions that were opened with the old one end."""
        ...


class FaultControl(Protocol):
    """Faults on purpose, and the time, of a server that clients are tested against."""

    @property
    def scenarios(self) -> Mapping[str, str]:
        """The names of scenarios, and what happens in each."""
        ...

    def now(self) -> datetime:
        """The server's time."""
        ...

    def list(self) -> Sequence[Mapping[str, object]]:
        """All rules in order: `id`, `fault`, `rule` (all else it says, as text), `hits`, `over`."""
        ...

    def add(self, line: str) -> None:
        """Add the rule that these words say. Raises ConfigError with all that is wrong."""
        ...

    def add_scenario(self, name: str) -> int:
        """Add the rules of this scenario. How many those are. Raises ConfigError."""
        ...

    def remove(self, rule_id: str) -> None:
        """Forget a rule. Raises NotFound."""
        ...

    def clear(self) -> int:
        """Forget all rules. How many those were."""
        ...

    async def advance(self, span: str) -> int:
        """Go ahead in time, by such as `31m`. How many sessions that has ended.

        Raises ConfigError.
        """
        ...
