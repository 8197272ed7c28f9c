"""A server's inside without its edge: the real services over the real memory store.

Only time and people are fakes. `ada` is an administrator, `bob` a plain user, `eve` an operator,
and `nil` may do nothing at all; the password of each is the name twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from sessiongate.audit.journal import Journal, Ship
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid.access_tokens import AccessTokens
from sessiongate.dialects.vim.about import about_info
from sessiongate.dialects.vim.center import VirtualCenter, WaysIn
from sessiongate.dialects.vim.context import Context, Outcome
from sessiongate.http.own_names import OwnNames
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.routing import ProviderRouter
from sessiongate.identity.tokens.port import TokenVerifier
from sessiongate.rules.access import Roles
from sessiongate.secret import Secret
from sessiongate.service.account_changes import AccountChanges
from sessiongate.service.extension_login import Extension, Extensions
from sessiongate.service.housekeeping import sweep
from sessiongate.service.impersonation import Impersonation
from sessiongate.service.local_ticket_login import LocalLogin, TicketOffer
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.service.tickets import Tickets
from sessiongate.service.token_login import TokenLogin
from sessiongate.session import Caps, Client, Limits, PresentedToken, Session
from sessiongate.store.port import GenerationStore
from sessiongate.testing import FakeClock, FakeIdentity
from sessiongate.wire.automation.resources import Appliance
from sessiongate.wire.vim.methods import METHODS, OBJECTS, PROPERTIES, SESSION_MANAGER, method_of
from sessiongate.wire.vim.types import MoRef, Value
from sessiongate.wire.zerto_resources import Site
from tests.fake_store import FakeStore

LIMITS = Limits(idle=timedelta(minutes=30), total=timedelta(hours=12))
CLIENT = Client("192.0.2.7", "curl/8", "vi-json")
AT_VC1 = Client("192.0.2.7", "curl/8", "vi-json", upstream="vc1")
"""The same one, at the Host of an upstream of this name."""
HERE = Client("127.0.0.1", "curl/8", "vi-json", local=True)
PEOPLE = {"ada": "administrator", "bob": "user", "eve": "operator", "nil": "no-access"}
INSTANCE = "0f8fad5b-d9cb-469f-a165-70867728950e"
CERTIFICATE = b"a certificate"
OWN_NAMES = OwnNames(["gate.example", "192.0.2.1"])
APPLIANCE = Appliance("gate.example", "a product", "8.0.3", "0", "a gate")
SITE = Site(INSTANCE, "gate.example", "192.0.2.1", "a gate")
SIGNING_KEY = RSAKey.generate_key(2048, private=True)
EXTENSION = Extension("com.example.backup", "", "user")


def password_of(name: str) -> Secret:
    return Secret(name + name)


@dataclass
class Gate:
    """The parts, wired as `app` wires them."""

    folder: Path
    caps: Caps = field(default_factory=Caps)
    extensions: dict[str, Extension] = field(default_factory=dict)
    verifiers: Sequence[TokenVerifier] = ()
    by_callers: Sequence[str] = ()
    """Upstreams whose own users log in there."""
    ship: Ship = lambda line: None
    store: FakeStore = field(default_factory=FakeStore)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.identity = FakeIdentity("local")
        self.other = FakeIdentity("other")
        for name, role in PEOPLE.items():
            self.identity.add(name, name + name, role)
        self.other.add("bob@corp", "bobbob", "user")
        guards = {"local": self._guard(self.identity), "other": self._guard(self.other)}
        self.guards = guards
        self.journal = Journal(self.clock, self.store.audit, self.ship)
        self.sessions = Sessions(
            self.store,
            Roles({"greeter": ("Sessions.GlobalMessage",)}),
            self.clock,
            self.journal,
            caps=self.caps,
        )
        self.changes = AccountChanges(self.sessions, self.clock, self.journal)
        self.logins = Logins(
            self.sessions,
            ProviderRouter(guards, {"corp": "other"}),
            self.changes,
            self.journal,
            default_locale="en",
        )
        self.tickets = Tickets(
            self.sessions, self.store, self.clock, self.journal, host="gate.example"
        )
        self.impersonation = Impersonation(self.sessions, self.logins, self.journal)
        self.bearers = self.bearers_over(self.store)
        self.local = self.local_login(self.folder / "local-tickets")
        self.center = VirtualCenter(
            self.sessions,
            WaysIn(
                provider="local",
                logins=self.logins,
                local=self.local,
                extensions=Extensions(self.logins, self.extensions, self.journal),
                tokens=TokenLogin(
                    self.logins,
                    self.store,
                    self.clock,
                    self.journal,
                    self.verifiers,
                    without=self.by_callers,
                ),
                tickets=self.tickets,
                impersonation=self.impersonation,
            ),
            self.store,
            self.clock,
            self.journal,
            about=about_info("none", INSTANCE, "0.1.0"),
        )

    def bearers_over(self, store: GenerationStore, tokens: AccessTokens | None = None) -> Bearers:
        """What judges signed tokens, with the generations in this store."""
        return Bearers(
            tokens or AccessTokens(SIGNING_KEY, self.clock, timedelta(seconds=60)),
            self.sessions,
            store,
            self.clock,
            self.journal,
            refresh_life=LIMITS.idle,
        )

    def local_login(self, folder: Path, *, offered: bool = True) -> LocalLogin:
        """Local tickets in this folder."""
        return LocalLogin(
            self.sessions,
            self.logins,
            self.store,
            self.clock,
            self.journal,
            TicketOffer(folder, "local") if offered else None,
        )

    async def sweep(self) -> int:
        """End what is over, as the server does once a second."""
        return await sweep(self.store, self.clock, self.journal, self.sessions.ended)

    def _guard(self, identity: FakeIdentity) -> Guard:
        async def nothing(_: Secret) -> None:
            return None

        return Guard(
            identity.name, identity, self.clock, dummy=nothing, lockout=Lockout(attempts=3)
        )

    async def login(self, name: str, client: Client = CLIENT, **facts: Any) -> Opened:
        """A session of one of our people."""
        return await self.logins.login(
            name, password_of(name), client, **{"default": "local", **facts}
        )

    async def call(
        self,
        caller: Session | None,
        name: str,
        client: Client = CLIENT,
        token: PresentedToken | None = None,
        on: MoRef | None = None,
        **arguments: Any,
    ) -> Outcome:
        """Call a method of an object, or of the SessionManager or whatever has one of this name."""
        if on is None:
            on = OBJECTS[next(kind for kind, named in METHODS if named == name)]
        method = method_of(on.kind, name)
        assert method is not None
        context = Context(client, caller, token, on, size=100)
        return await self.center.call(context, method, arguments)

    async def read(
        self,
        caller: Session | None,
        name: str,
        on: MoRef = SESSION_MANAGER,
        client: Client = CLIENT,
    ) -> Value | None:
        """Read a property of an object."""
        context = Context(client, caller, target=on)
        return await self.center.read(context, PROPERTIES[on.kind, name])

    async def live(self) -> list[str]:
        """Who has a session now."""
        return sorted([session.principal async for session in self.sessions.list()])
