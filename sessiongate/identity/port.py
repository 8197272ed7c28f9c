"""The port of every identity provider."""

from collections.abc import Callable
from typing import Protocol

from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal


class IdentityProvider(Protocol):
    """Vouches for names.

    `authenticate` raises BadCredentials for unknown, wrong and disabled alike, in about the same
    time, and IdentityUnavailable when it could not find out. It holds settings and clients only;
    facts of one request never stay on it. Others are asked for `account.asked`; `account.canonical`
    is for comparing with names that were folded in the same way.
    """

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is, or BadCredentials or IdentityUnavailable."""
        ...

    async def find(self, account: Account) -> Principal | None:
        """The account without a password check, None where unknown, disabled or not listed."""
        ...

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with the canonical name of each account whose sessions must end now."""
        ...

    async def start(self) -> None:
        """Read what it needs. Raises ConfigError or IdentityUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...
