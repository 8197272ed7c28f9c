"""For tests of plugins and of what uses sessiongate: a clock and an identity provider that obey,
and what stores, providers and counters of failed tries promise.

A store of your own is tested by a subclass that says how to make one; for counters that all servers
on it share (`Store.attempts`) there is `AttemptsContract`:

    class TestMine(StoreContract):
        async def make(self, limits: Limits) -> Store:
            return MyStore(limits)

The tests are async methods: run them with pytest-asyncio in auto mode. None of them sleeps.
"""

from sessiongate.testing.attempts import AttemptsContract, Policies
from sessiongate.testing.client_books import ClientBookContract
from sessiongate.testing.clock import T0, TICK, FakeClock
from sessiongate.testing.identity import FakeIdentity
from sessiongate.testing.lease_users import LeaseUserContract, NoteContract
from sessiongate.testing.leases import LeaseContract, a_lease
from sessiongate.testing.manager_tokens import ManagerTokenContract, a_token
from sessiongate.testing.providers import LONGEST_STALL, ProviderContract
from sessiongate.testing.sessions import LIMITS, NO_CAPS, a_session, a_ticket, digest_of, everyone
from sessiongate.testing.stores import (
    GenerationContract,
    NoticeContract,
    StoreContract,
    TicketContract,
    advanced,
    message_of,
    take_all,
)

__all__ = [
    "LIMITS",
    "LONGEST_STALL",
    "NO_CAPS",
    "T0",
    "TICK",
    "AttemptsContract",
    "ClientBookContract",
    "FakeClock",
    "FakeIdentity",
    "GenerationContract",
    "LeaseContract",
    "LeaseUserContract",
    "ManagerTokenContract",
    "NoteContract",
    "NoticeContract",
    "Policies",
    "ProviderContract",
    "StoreContract",
    "TicketContract",
    "a_lease",
    "a_session",
    "a_ticket",
    "a_token",
    "advanced",
    "digest_of",
    "everyone",
    "message_of",
    "take_all",
]
