"""Clients of the appliance dialect that have a secret: programs, each with a role of its own.

A provider like any other, so that the guard around it locks out whoever guesses secrets.
"""

from collections.abc import Callable, Mapping

import msgspec

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal

PROVIDER = "appliance clients"
"""What sessions of clients show as their provider. No identity table can have this name."""


class ClientAccount(msgspec.Struct, frozen=True):
    """A registered client."""

    id: str
    secret: Secret
    role: str

    def __repr__(self) -> str:
        return f"ClientAccount({self.id!r}, role={self.role!r})"


class ClientIdentity:
    """Vouches for the clients of the settings."""

    def __init__(self, clients: Mapping[str, ClientAccount]) -> None:
        self._clients = {name.casefold(): client for name, client in clients.items()}

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Which client this is, or BadCredentials. Settings hold the secret: no slow hash."""
        client = self._clients.get(account.canonical)
        # Compared also where there is no such client, in the same time.
        right = password.same_as(client.secret if client is not None else Secret(""))
        if client is None or not right:
            raise BadCredentials("unknown client or wrong secret", known=client is not None)
        return self._principal(client)

    async def find(self, account: Account) -> Principal | None:
        """The client without its secret."""
        client = self._clients.get(account.canonical)
        return self._principal(client) if client is not None else None

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Clients change with the settings, at a start."""

    async def start(self) -> None:
        """Nothing to read."""

    async def close(self) -> None:
        """Nothing to close."""

    def _principal(self, client: ClientAccount) -> Principal:
        return Principal(client.id.casefold(), client.id, client.id, (client.role,), PROVIDER)
