"""The port of every identity provider."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, runtime_checkable

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
        """Release what it holds."""
        ...


@runtime_checkable
class Refreshable(Protocol):
    """Optional protocol of a provider that looks for changed accounts on request.

    The server asks once a second, and whenever a command has changed users.
    """

    async def refresh(self) -> None:
        """See which accounts have changed since the last look, and tell of them (`on_change`)."""
        ...


@runtime_checkable
class Dated(Protocol):
    """Optional protocol of a provider that knows since when its accounts are unchanged.

    Asked at a start, so that sessions that a store brings back are compared with the accounts.
    """

    def changed_since(self, when: datetime) -> bool:
        """Whether any account may be another than at that time."""
        ...

    async def find(self, account: Account) -> Principal | None:
        """As every provider says."""
        ...
