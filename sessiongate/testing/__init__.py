"""For tests of what uses sessiongate, and of plugins for it.

`Gate` is a server in your own process; the pytest plugin has it as the fixture `sessiongate`. For
plugins there are a clock and an identity provider that obey, and what stores, providers and
counters of failed tries (`AttemptsContract`) promise, each tested by a subclass:

    class TestMine(StoreContract):
        async def make(self, limits: Limits) -> Store:
            return MyStore(limits)

They are async methods, for pytest-asyncio in auto mode; none of them sleeps.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessiongate.testing.attempts import AttemptsContract as AttemptsContract
    from sessiongate.testing.attempts import Policies as Policies
    from sessiongate.testing.clock import T0 as T0
    from sessiongate.testing.clock import TICK as TICK
    from sessiongate.testing.clock import FakeClock as FakeClock
    from sessiongate.testing.clock import TravelClock as TravelClock
    from sessiongate.testing.gate import Gate as Gate
    from sessiongate.testing.gate_choice import starter as starter
    from sessiongate.testing.identity import FakeIdentity as FakeIdentity
    from sessiongate.testing.observed import LeakedSessions as LeakedSessions
    from sessiongate.testing.providers import LONGEST_STALL as LONGEST_STALL
    from sessiongate.testing.providers import ProviderContract as ProviderContract
    from sessiongate.testing.sessions import LIMITS as LIMITS
    from sessiongate.testing.sessions import NO_CAPS as NO_CAPS
    from sessiongate.testing.sessions import a_session as a_session
    from sessiongate.testing.sessions import a_ticket as a_ticket
    from sessiongate.testing.sessions import digest_of as digest_of
    from sessiongate.testing.sessions import everyone as everyone
    from sessiongate.testing.stores.client_books import ClientBookContract as ClientBookContract
    from sessiongate.testing.stores.generations import GenerationContract as GenerationContract
    from sessiongate.testing.stores.generations import advanced as advanced
    from sessiongate.testing.stores.lease_users import LeaseUserContract as LeaseUserContract
    from sessiongate.testing.stores.lease_users import NoteContract as NoteContract
    from sessiongate.testing.stores.leases import LeaseContract as LeaseContract
    from sessiongate.testing.stores.leases import a_lease as a_lease
    from sessiongate.testing.stores.manager_tokens import (
        ManagerTokenContract as ManagerTokenContract,
    )
    from sessiongate.testing.stores.manager_tokens import a_token as a_token
    from sessiongate.testing.stores.notices import NoticeContract as NoticeContract
    from sessiongate.testing.stores.notices import message_of as message_of
    from sessiongate.testing.stores.sessions import StoreContract as StoreContract
    from sessiongate.testing.stores.tickets import TicketContract as TicketContract
    from sessiongate.testing.stores.tickets import take_all as take_all

_MODULES = {
    "attempts": ("AttemptsContract", "Policies"),
    "clock": ("T0", "TICK", "FakeClock", "TravelClock"),
    "gate": ("Gate",),
    "gate_choice": ("starter",),
    "identity": ("FakeIdentity",),
    "observed": ("LeakedSessions",),
    "providers": ("LONGEST_STALL", "ProviderContract"),
    "sessions": ("LIMITS", "NO_CAPS", "a_session", "a_ticket", "digest_of", "everyone"),
    "stores.client_books": ("ClientBookContract",),
    "stores.generations": ("GenerationContract", "advanced"),
    "stores.lease_users": ("LeaseUserContract", "NoteContract"),
    "stores.leases": ("LeaseContract", "a_lease"),
    "stores.manager_tokens": ("ManagerTokenContract", "a_token"),
    "stores.notices": ("NoticeContract", "message_of"),
    "stores.sessions": ("StoreContract",),
    "stores.tickets": ("TicketContract", "take_all"),
}
"""Where each name is. Imported when it is asked for: the plugin of pytest is in this package, and
costs nothing where it is not used."""

EXPORTED = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in EXPORTED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"sessiongate.testing.{EXPORTED[name]}"), name)
