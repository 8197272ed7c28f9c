"""One connection to one LDAP server: opened, secured, and asked one question at a time.

Runs on the event loop and holds no thread, so a server that falls silent costs a timer and no
more. Every way of not getting an answer is a NoAnswer, and leaves the connection closed: nobody
can know what would still come on it. What an answer means is decided elsewhere.
"""

import asyncio
import math
import ssl
from collections.abc import Sequence
from typing import Self, cast

import msgspec

from sessiongate.identity.ldap import messages
from sessiongate.identity.ldap.filter import Filter
from sessiongate.identity.ldap.messages import Entry, Result
from sessiongate.identity.ldap.verdicts import SUCCESS
from sessiongate.secret import Secret

_TOO_LARGE = "an answer too large to be believed"

# Messages of one answer that are taken in before others on the event loop have their turn.
_AT_ONCE = 50


class NoAnswer(Exception):
    """There was no answer. The text is for logs and holds no secret."""


class Unsure(NoAnswer):
    """An answer that decides nothing about this account: another server may be able to.

    Other accounts are not affected.
    """


class LdapAddress(msgspec.Struct, frozen=True):
    """A server: where it is, and whether TLS begins at once (`ldaps`)."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls else 'ldap'}://{host}:{self.port}"


class LdapConnection(asyncio.Protocol):
    """Made by `open`. `close` it; after a NoAnswer that has been done already."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._news: asyncio.Future[None] | None = None
        self._number = 0
        self._why = ""
        self._flooded = False

    @classmethod
    async def open(
        cls,
        address: LdapAddress,
        tls: ssl.SSLContext | None,
        *,
        connect_limit: float,
        limit: float,
    ) -> Self:
        """Connect and secure the connection by `tls` within `connect_limit` seconds.

        Without `tls` it stays open to all on the way, which `ldaps` addresses do not allow.

        Later questions have `limit` seconds each. Raises NoAnswer.
        """
        connection = cls(limit)
        try:
            async with asyncio.timeout(connect_limit):
                await connection._connect(address, tls)
        except TimeoutError:
            connection._drop()
            raise NoAnswer(f"no connection within {connect_limit:g} s") from None
        except ssl.SSLError as problem:
            connection._drop()
            raise NoAnswer(f"TLS failed: {_reason(problem)}") from problem
        except OSError as problem:
            connection._drop()
            raise NoAnswer(f"no connection: {problem.strerror or problem}") from problem
        except BaseException:
            connection._drop()
            raise
        return connection

    @property
    def closed(self) -> bool:
        """Whether either side has hung up."""
        return self._transport is None or self._transport.is_closing()

    async def bind(self, name: str, password: Secret) -> Result:
        """Say who we are. The password must not be empty: that would be nobody, and succeed."""
        secret = password.reveal().encode()
        if not name or not secret:
            raise ValueError("an anonymous bind proves nothing")
        number = self._next()
        answers = await self._ask(number, messages.bind_request(number, name, secret))
        return messages.read_result(answers[-1])

    async def search(
        self,
        base: str,
        found: Filter,
        attributes: Sequence[str],
        *,
        subtree: bool = True,
        most: int = 0,
    ) -> tuple[list[Entry], Result]:
        """The entries found, and how the search ended. References to elsewhere are passed over."""
        number = self._next()
        request = messages.search_request(
            number,
            base,
            found,
            attributes,
            subtree=subtree,
            most=most,
            # A second less than we wait: a search that takes long is told from a silent server.
            seconds=max(1, math.ceil(self._limit) - 1),
        )
        answers = await self._ask(number, request)
        try:
            entries = [messages.read_entry(one) for one in answers if _is_entry(one)]
        except ValueError as problem:
            raise self._fail(f"an unreadable answer: {problem}") from problem
        return entries, messages.read_result(answers[-1])

    async def who_am_i(self) -> str | None:
        """Who is logged in, as `dn:...` or `u:...` (RFC 4513, 5.2.1.8). None where it is not told.

        "" is nobody.
        """
        number = self._next()
        request = messages.extended_request(number, messages.WHO_AM_I)
        answer = (await self._ask(number, request))[-1]
        if messages.read_result(answer).code != SUCCESS:
            return None
        try:
            return messages.read_value(answer)
        except ValueError as problem:
            raise self._fail(f"an unreadable answer: {problem}") from problem

    def close(self) -> None:
        """Unbind and close. Idempotent, and never waits."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(messages.unbind_request(self._next()))
        self._drop()

    # What asyncio tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's are no subclass of asyncio's, though they are the same to whoever uses them.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came and wake whoever waits. More than an answer may have is not kept."""
        self._data += data
        if len(self._data) > 2 * messages.LARGEST:
            self._data.clear()
            self._flooded = True
            self._drop()
        self._wake()

    def connection_lost(self, problem: Exception | None) -> None:
        """Remember why, and wake whoever waits."""
        self._why = "the server hung up" if problem is None else f"the line broke: {problem}"
        self._transport = None
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # Talking

    async def _connect(self, address: LdapAddress, context: ssl.SSLContext | None) -> None:
        await self._loop.create_connection(
            lambda: self,
            address.host,
            address.port,
            ssl=context if address.tls else None,
            server_hostname=address.host if address.tls else None,
        )
        if context is not None and not address.tls:
            await self._start_tls(context, address.host)

    async def _start_tls(self, context: ssl.SSLContext, host: str) -> None:
        number = self._next()
        request = messages.extended_request(number, messages.START_TLS)
        result = messages.read_result((await self._ask(number, request))[-1])
        if result.code != SUCCESS:
            raise self._fail(f"StartTLS is refused (code {result.code})")
        # Bytes that came before TLS are nobody's word. (Called "response injection" elsewhere.)
        if self._data or self._transport is None:
            raise self._fail("something came between StartTLS and TLS")
        secured = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if secured is None:
            raise self._fail("the server hung up")
        self._transport = secured

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _ask(self, number: int, request: bytes) -> list[messages.LdapMessage]:
        """Send a request and collect its answers, up to the one that ends them."""
        try:
            async with asyncio.timeout(self._limit):
                return await self._collect(number, request)
        except TimeoutError:
            raise self._fail(f"no answer within {self._limit:g} s") from None
        except ValueError as problem:
            raise self._fail(f"an unreadable answer: {problem}") from problem
        except BaseException:
            # Cancelled in the middle: the answer would be taken for that of the next question.
            self._drop()
            raise

    async def _collect(self, number: int, request: bytes) -> list[messages.LdapMessage]:
        if self.closed or self._transport is None:
            raise NoAnswer(self._why or "the connection is closed")
        self._transport.write(request)
        answers: list[messages.LdapMessage] = []
        size = 0
        taken_in = 0
        while True:
            while (taken := messages.take(self._data)) is not None:
                answer, length = taken
                del self._data[:length]
                size += length
                taken_in += 1
                if taken_in % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                if answer.number != number:
                    # Number 0 is the server's notice that it hangs up (section 4.4.1).
                    raise self._fail("the server ends the connection")
                if size > messages.LARGEST:
                    self._drop()
                    raise Unsure(_TOO_LARGE)
                if answer.operation != messages.REFERENCE:
                    answers.append(answer)
                if answer.operation not in (messages.ENTRY, messages.REFERENCE):
                    messages.read_result(answer)  # a ValueError now, and not at the caller's
                    return answers
            if self._flooded:
                raise Unsure(_TOO_LARGE)
            if self._transport is None:
                raise NoAnswer(self._why)
            self._news = self._loop.create_future()
            await self._news

    def _fail(self, why: str) -> NoAnswer:
        self._drop()
        return NoAnswer(why)

    def _drop(self) -> None:
        """Abort the connection. The transport's close() would wait for the close_notify of TLS."""
        if self._transport is not None:
            self._transport.abort()


def _is_entry(answer: messages.LdapMessage) -> bool:
    return answer.operation == messages.ENTRY


def _reason(problem: ssl.SSLError) -> str:
    """What OpenSSL has against the server: the sentence for people where there is one."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return str(problem.verify_message)
    return problem.reason or "no reason given"
