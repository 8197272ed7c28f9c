"""What the identity tests share: cheap hashing, a clock that is told, and a provider that waits."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from sessiongate.errors import BadCredentials
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSWORD = Secret("correct horse")
WRONG = Secret("wrong")


def cheap_hasher(threads: int = 2, waiting: int = 1000) -> PasswordHasher:
    """Argon2id at the least cost that it allows."""
    return PasswordHasher(threads, waiting, memory_kib=8, passes=1)


class FakeProvider:
    """Knows passwords by canonical name, counts checks, and holds them while `gate` is shut."""

    def __init__(self, **passwords: str) -> None:
        self.passwords = passwords
        self.checks = 0
        self.outage: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.log: list[str] = []
        self._tell: list[Callable[[str], None]] = []

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        self.checks += 1
        await self.gate.wait()
        if self.outage:
            raise self.outage
        # Also where the password is empty: that is how an anonymous bind looks.
        if password.reveal() not in ("", self.passwords.get(account.canonical)):
            raise BadCredentials("no", known=account.canonical in self.passwords)
        return principal(account.canonical)

    async def find(self, account: Account) -> Principal | None:
        return principal(account.canonical) if account.canonical in self.passwords else None

    def on_change(self, tell: Callable[[str], None]) -> None:
        self._tell.append(tell)

    def change(self, name: str, password: str) -> None:
        self.passwords[name] = password
        for tell in self._tell:
            tell(name)

    async def start(self) -> None:
        self.log.append("start")

    async def close(self) -> None:
        self.log.append("close")


def principal(name: str) -> Principal:
    return Principal(name, name, name.title(), ("user",), "fake")


async def let_run(turns: int = 5) -> None:
    """Let the event loop turn, so that tasks just made get as far as they can."""
    for _ in range(turns):
        turned = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(turned.set_result, None)
        await turned
