"""The servers of one directory: which is asked first, and the service account's connections.

A server that gave no answer is asked last for a while. Where all of them are down, all are tried,
so that the first login after an outage finds the directory back. Connections of the service
account are kept and used again; a server that refuses that account is left alone for a while, for
an account that is refused at each login would soon be locked.
"""

import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import msgspec
import structlog

from sessiongate.errors import IdentityUnavailable, Refused
from sessiongate.identity.ldap.connection import LdapAddress, LdapConnection, NoAnswer, Unsure
from sessiongate.identity.ldap.filter import Filter
from sessiongate.identity.ldap.messages import Entry, Result
from sessiongate.identity.ldap.verdicts import SUCCESS, refusal
from sessiongate.secret import Secret

T = TypeVar("T")

# Seconds that a connection may lie unused. Active Directory hangs up after 900 (MaxConnIdleTime),
# firewalls forget a line much earlier.
IDLE = 240.0

_log = structlog.get_logger(__name__)


class LdapAccess(msgspec.Struct, frozen=True):
    """How servers are reached. Without a service account only users bind."""

    tls: ssl.SSLContext | None
    """Whom to believe. None: no TLS, not even StartTLS."""
    service: str
    password: Secret | None
    connect_limit: float
    limit: float
    cool_down: float


class _Refused(NoAnswer):
    """The service account may not log in here."""


class LdapServer:
    """One server, and the connections on which the service account is logged in."""

    def __init__(
        self, address: LdapAddress, means: LdapAccess, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self.address = address
        self.down_since: float | None = None
        self._means = means
        self._ticks = ticks
        self._idle: list[tuple[LdapConnection, float]] = []
        self._refused: tuple[str, float] | None = None

    async def open(self) -> LdapConnection:
        """A connection on which nobody is logged in yet. Raises NoAnswer."""
        means = self._means
        return await LdapConnection.open(
            self.address, means.tls, connect_limit=means.connect_limit, limit=means.limit
        )

    async def search(
        self,
        base: str,
        found: Filter,
        attributes: Sequence[str],
        *,
        subtree: bool = True,
        most: int = 0,
    ) -> tuple[list[Entry], Result]:
        """Search as the service account. Raises NoAnswer."""
        for connection in self._reusable():
            # A line may have died unnoticed since it was last used; a new one will tell.
            with contextlib.suppress(NoAnswer):
                answer = await connection.search(
                    base, found, attributes, subtree=subtree, most=most
                )
                self._keep(connection)
                return answer
        connection = await self._as_service()
        answer = await connection.search(base, found, attributes, subtree=subtree, most=most)
        self._keep(connection)
        return answer

    def close(self) -> None:
        """Close all idle connections."""
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()

    def _reusable(self) -> Iterator[LdapConnection]:
        """The live connection that was used last; none if that was too long ago."""
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.closed and self._ticks() - since < IDLE:
                yield connection
                self.close()  # it failed, and so will those that are older
            else:
                connection.close()

    def _keep(self, connection: LdapConnection) -> None:
        self._idle.append((connection, self._ticks()))

    async def _as_service(self) -> LdapConnection:
        means = self._means
        if means.password is None:
            raise _Refused("there is no service account")
        if self._refused is not None and self._ticks() < self._refused[1]:
            raise _Refused(self._refused[0])
        connection = await self.open()
        result = await connection.bind(means.service, means.password)
        if result.code != SUCCESS or result.policy is not None:
            connection.close()
            text = f"the service account is refused (code {result.code}): {diagnostic_of(result)}"
            if refusal(result.code, result.diagnostic, result.policy) is not None:
                self._refused = (text, self._ticks() + means.cool_down)
            raise _Refused(text)
        self._refused = None
        return connection


class LdapServers:
    """All servers, in the order of the settings."""

    def __init__(
        self,
        name: str,
        addresses: Sequence[LdapAddress],
        means: LdapAccess,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._ticks = ticks
        self._cool_down = means.cool_down
        self._servers = [LdapServer(address, means, ticks) for address in addresses]

    async def ask(self, question: Callable[[LdapServer], Awaitable[T]]) -> T:
        """Put the question to one server after another until one answers.

        Raises what the question raises, and IdentityUnavailable where nobody answers.
        """
        problems = []
        reached = False
        for server in self._in_order():
            try:
                answer = await question(server)
            except Unsure as problem:
                self._is_up(server)
                problems.append(f"{server.address}: {problem}")
                reached = True
            except NoAnswer as problem:
                self._is_down(server, str(problem))
                problems.append(f"{server.address}: {problem}")
            except (Refused, IdentityUnavailable):  # it did answer
                self._is_up(server)
                raise
            else:
                self._is_up(server)
                return answer
        raise IdentityUnavailable(f"{self._name}: {'; '.join(problems)}", answered=reached)

    def close(self) -> None:
        """Close the connections to all servers."""
        for server in self._servers:
            server.close()

    def _in_order(self) -> list[LdapServer]:
        now = self._ticks()

        def is_down(server: LdapServer) -> bool:
            return server.down_since is not None and now - server.down_since < self._cool_down

        return sorted(self._servers, key=is_down)

    def _is_down(self, server: LdapServer, why: str) -> None:
        if server.down_since is None:
            _log.warning(
                "directory does not answer",
                provider=self._name,
                server=str(server.address),
                why=why,
            )
        server.down_since = self._ticks()

    def _is_up(self, server: LdapServer) -> None:
        if server.down_since is not None:
            _log.info("directory answers again", provider=self._name, server=str(server.address))
        server.down_since = None


# Longer than any diagnostic message that says something.
_LONGEST = 200


def diagnostic_of(result: Result) -> str:
    """The diagnostic message of a result, made fit for one line of a log."""
    words = result.diagnostic[:_LONGEST]
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    return words.strip() or "no reason given"
