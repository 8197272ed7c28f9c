"""An identity provider for tests that is set up by calls."""

from collections.abc import Awaitable, Callable

from sessiongate.errors import BadCredentials, IdentityUnavailable
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal


class FakeIdentity:
    """A provider that knows who was added. Set `outage`, and it can find out nothing."""

    def __init__(self, name: str = "local") -> None:
        self.name = name
        self.outage = False
        self.before: Callable[[Account], Awaitable[None]] | None = None
        """What is awaited before a password is looked at, such as for a slow directory."""
        self.checks = 0
        """How often a password was looked at."""
        self._accounts: dict[str, tuple[str, Principal]] = {}
        self._on_change: list[Callable[[str], None]] = []

    def add(self, name: str, password: str, *roles: str) -> Principal:
        """Add somebody, or change who was there; sessions of the latter are told to end."""
        principal = Principal(name, name, f"{name.title()} of {self.name}", roles, self.name)
        known = name in self._accounts
        self._accounts[name] = (password, principal)
        if known:
            self._changed(name)
        return principal

    def remove(self, name: str) -> None:
        """Forget somebody, whose sessions are told to end."""
        del self._accounts[name]
        self._changed(name)

    def _changed(self, name: str) -> None:
        for tell in self._on_change:
            tell(name)

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is, or BadCredentials or IdentityUnavailable."""
        self.checks += 1
        if self.before is not None:
            await self.before(account)
        principal = await self.find(account)
        if principal is None or password.reveal() != self._accounts[principal.name][0]:
            raise BadCredentials("unknown or wrong", known=principal is not None)
        return principal

    async def find(self, account: Account) -> Principal | None:
        """The account without a password check, or IdentityUnavailable."""
        if self.outage:
            raise IdentityUnavailable(f"{self.name} does not answer")
        known = self._accounts.get(account.canonical)
        return known[1] if known is not None else None

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with the name of each account that changes."""
        self._on_change.append(tell)

    async def start(self) -> None:
        """Nothing to read."""

    async def close(self) -> None:
        """Nothing to close."""
