"""The tokens and keys of our sessions at upstreams, looked for in what goes to clients.

Whatever path a reply comes by, it may show one: an event of a login, a file of logs, a service that
echoes its header. Each reply is searched once for all of them. A token is 31 bytes or longer, so
that one of every three aligned words of eight bytes lies in it wherever it stands; the words at all
its offsets are kept, and what is searched is taken by those few words, however many tokens there
are. Where only a few are known, each by itself is searched for, which is faster then.
"""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import aclosing, contextmanager
from itertools import count

from sessiongate.secret import Secret
from sessiongate.wire.vim.client import UpstreamSession

NOBODY = "00000000-0000-0000-0000-000000000000"
"""Stands for the keys of other sessions of ours."""

_WORD = 8
_STRIDE = 3
_STEP = _WORD * _STRIDE
_SHORTEST = _STEP + _WORD - 1
"""Bytes of a text in which such a word lies, wherever it stands."""

_FEW = 6
"""Tokens up to which one search for each is faster than one for all."""

_AROUND = 1 << 16
"""Bytes that are searched for one token while one place of a word is looked at for all of them. A
thousand tokens were measured to take 90 ms for a MiB, and such a place five microseconds."""

_GUID = re.compile(r"(?i:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")

_TICKET_LIFE = 600.0
"""Seconds for which a ticket is looked for that somebody else has. Upstreams take one for less."""

_MOST_TICKETS = 1000
"""Of those, the newest. Each takes some six kilobytes."""

_MEANT = 8
"""Characters of a token. What is no longer could be anything."""


class TokenShown(Exception):
    """What was to go to a client shows a token of ours at an upstream."""


class TokensInUse:
    """Those that this process knows of, by the ids of their leases.

    It keeps them in clear, in memory alone, and shows none.
    """

    def __init__(self) -> None:
        self._of: dict[str, tuple[tuple[bytes, ...], tuple[bytes, ...]]] = {}
        """By the id of a lease: its tokens and its keys."""
        self._counts = Counter[bytes]()
        """How many leases have a token or key. With some servers the two are one."""
        self._by_word = Counter[int]()
        self._words = set[int]()
        self._short = Counter[bytes]()
        """Those of less than `_SHORTEST` bytes."""
        self._lengths = Counter[int]()
        """Of all others."""
        self._shortest = sys.maxsize
        self._tickets = count(1)
        self._handed_out: dict[str, asyncio.TimerHandle] = {}
        """By the names of tickets that others have, the oldest first: what takes them back."""
        self._longest = 1
        """Bytes of the longest that there has been, as the shortest above."""

    def __repr__(self) -> str:
        return f"TokensInUse({len(self._of)})"

    @property
    def longest(self) -> int:
        """Bytes of the longest that there has been; 1 for none."""
        return self._longest

    def put(self, lease: str, opened: UpstreamSession | None) -> None:
        """Look for what this session is used by, and for nothing else of this lease.

        None: nobody here can know what that is.
        """
        if opened is None:
            self.drop(lease)
            return
        tokens = [form for one in opened.secrets() for form in _forms(one.reveal())]
        self._put(lease, tokens, [opened.user.key])

    @contextmanager
    def holding(self, ticket: Secret) -> Iterator[None]:
        """Look for a ticket of ours that opens a session, until it has been used."""
        name = self._put_ticket(ticket)
        try:
            yield
        finally:
            self.drop(name)

    def hand_out(self, ticket: Secret) -> None:
        """Look for a ticket that somebody else gets, for as long as it may open a session.

        Whether it has been used cannot be seen from here.
        """
        name = self._put_ticket(ticket)
        loop = asyncio.get_running_loop()
        self._handed_out[name] = loop.call_later(_TICKET_LIFE, self._take_back, name)
        if len(self._handed_out) > _MOST_TICKETS:
            self._take_back(next(iter(self._handed_out)))

    def drop(self, lease: str) -> None:
        """The session is over."""
        self._put(lease, [], [])
        self._of.pop(lease)

    def show_in(self, data: bytes) -> bool:
        """Whether a token or key stands in this."""
        if len(data) < self._shortest:
            return False
        if len(self._counts) <= _FEW:
            return any(one in data for one in self._counts)
        if any(one in data for one in self._short):
            return True
        words = memoryview(data)[: len(data) & -_WORD].cast("Q")[::_STRIDE]
        if self._words.isdisjoint(words):
            return False
        # Such a word may stand elsewhere, too: all tickets of a vCenter begin with the same one.
        places = [at * _STEP for at, word in enumerate(words) if word in self._words]
        if len(places) * _AROUND > len(data) * len(self._counts):
            return any(one in data for one in self._counts)
        return self._stands_around(places, data)

    def cleaned(self, body: bytes, theirs: str, ours: str) -> bytes:
        """The body of a reply as a client may have it: with its own key in the place of `theirs`,
        and nobody's in that of all others. Raises TokenShown.
        """
        body = body.replace(theirs.encode(), ours.encode())
        if not self.show_in(body):
            return body
        for _, keys in self._of.values():
            for key in keys:
                body = body.replace(key, NOBODY.encode())
        self.require_none(body)
        return body

    def require_none(self, data: bytes) -> None:
        """Raise TokenShown where a token or key stands in this."""
        if self.show_in(data):
            raise TokenShown

    def require_none_in(self, texts: Collection[str]) -> None:
        """The same of what goes into a head."""
        if texts:
            self.require_none("\n".join(texts).encode("latin-1", "replace"))

    async def passed(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """A body that comes in pieces, as far as none is in it. Raises TokenShown.

        The end of a piece waits for the next one: what stands over two pieces is seen before any
        of it has gone out.
        """
        held = b""
        async with aclosing(pieces):
            async for piece in pieces:
                data = held + piece
                self.require_none(data)
                ready = max(0, len(data) - self._longest + 1)
                held = data[ready:]
                if ready:
                    yield data[:ready]
        if held:
            yield held

    def _stands_around(self, places: Iterable[int], data: bytes) -> bool:
        """Whether a token stands in this whose first word that is looked at has such a place."""
        for at in places:
            for begin in range(max(0, at - _STEP + 1), at + 1):
                head = int.from_bytes(data[begin : begin + _WORD], sys.byteorder)
                if head in self._words and any(
                    data[begin : begin + length] in self._counts for length in self._lengths
                ):
                    return True
        return False

    def _put_ticket(self, ticket: Secret) -> str:
        """Look for it under a name that no lease has."""
        name = f"ticket {next(self._tickets)}"
        self._put(name, [ticket.reveal()], [])
        return name

    def _take_back(self, name: str) -> None:
        self._handed_out.pop(name).cancel()
        self.drop(name)

    def _put(self, lease: str, tokens: Collection[str], keys: Collection[str]) -> None:
        for old in self._of.pop(lease, ((), ())):
            for one in old:
                self._count(one, -1)
        made = _bytes_of(tokens), _bytes_of(keys)
        self._of[lease] = made
        for new in made:
            for one in new:
                self._count(one, 1)

    def _count(self, one: bytes, more: int) -> None:
        self._counts[one] += more
        if self._counts[one] <= 0:
            del self._counts[one]
        self._shortest = min(self._shortest, len(one))
        self._longest = max(self._longest, len(one))
        if len(one) < _SHORTEST:
            self._short[one] += more
            if self._short[one] <= 0:
                del self._short[one]
            return
        self._lengths[len(one)] += more
        if self._lengths[len(one)] <= 0:
            del self._lengths[len(one)]
        for at in range(len(one) - _WORD + 1):
            word = int.from_bytes(one[at : at + _WORD], sys.byteorder)
            self._by_word[word] += more
            if self._by_word[word] > 0:
                self._words.add(word)
            else:
                del self._by_word[word]
                self._words.discard(word)


def _forms(token: str) -> tuple[str, ...]:
    """A token as a server takes it: one that is a GUID in either case."""
    return (token, token.lower(), token.upper()) if _GUID.fullmatch(token) else (token,)


def _bytes_of(texts: Collection[str]) -> tuple[bytes, ...]:
    plain = (text.strip('"') for text in texts)
    return tuple(dict.fromkeys(one.encode() for one in plain if len(one) > _MEANT))
