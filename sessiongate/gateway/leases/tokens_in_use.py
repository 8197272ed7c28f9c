"""The tokens and keys of our sessions at one server, looked for in what goes from it to clients.

Whatever path a reply comes by, it may show one: an event of a login, a file of logs, a service that
echoes its header. Each reply is searched once for all of that server. A token is 31 bytes or
longer, so that one of every three aligned words of eight bytes lies in its last 31 bytes wherever
it stands; the words at all offsets there are kept, with what is before and behind them. So a word
that many tokens share, as all tickets of a vCenter do, is looked at once for all that have it in
the same place, and what somebody else writes cannot make a search long. Where only a few are known,
each by itself is searched for, which is faster then.
"""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import aclosing, contextmanager
from functools import lru_cache
from itertools import count
from typing import TypeVar

from sessiongate.secret import Secret
from sessiongate.wire.vim.client import UpstreamSession

PLACEHOLDER_KEY = "00000000-0000-0000-0000-000000000000"
"""Stands for the keys of other sessions of ours."""

_WORD = 8
_STRIDE = 3
_STEP = _WORD * _STRIDE
_SHORTEST = _STEP + _WORD - 1
"""Bytes of a text in which such a word lies, wherever it stands."""

_FEW = 6
"""Tokens up to which one search for each is faster than one for all."""

PART = 1 << 18
"""Bytes that are searched in one turn of the event loop. It takes some two milliseconds."""

_Shape = tuple[int, int]
"""Bytes from the begin of a word to the end of the text that has it, and of the whole text."""

T = TypeVar("T")

_GUID = re.compile(r"(?i:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")

_TICKET_LIFE = 600.0
"""Seconds for which a ticket is looked for that somebody else has. Upstreams take one for less."""

_MOST_TICKETS = 1000
"""Of those, the newest. Each takes some six kilobytes."""

_LARGE = 4096
"""Bytes of a piece of a body from which on it is worth while not to copy it twice, if no token is
longer: else it could lie over three pieces."""

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
        self._keys = Counter[bytes]()
        self._places = Counter[tuple[int, _Shape]]()
        """How many have a word where it is looked for, by the word and the shape."""
        self._shapes: dict[int, tuple[_Shape, ...]] = {}
        """By a word, the shapes of those that have it."""
        self._short = Counter[bytes]()
        """Those of less than `_SHORTEST` bytes."""
        self.shortest = sys.maxsize
        """Bytes of the shortest that there has been: in less there is none."""
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

    def found_in(self, data: bytes) -> bool:
        """Whether a token or key stands in this."""
        if len(data) < self.shortest:
            return False
        if len(self._counts) <= _FEW:
            for one in self._counts:  # noqa: SIM110  `any` takes four times as long, `in` twice
                if data.find(one) >= 0:
                    return True
            return False
        return next(self._find(data), None) is not None

    def cleaned(self, body: bytes, theirs: str, ours: str) -> bytes:
        """The body of a reply as a client may have it: with its own key in the place of `theirs`,
        and nobody's in that of all others. Raises TokenShown.
        """
        if body.find(key := theirs.encode()) >= 0:  # `in` takes twice as long
            body = body.replace(key, ours.encode())
        if not self.found_in(body):
            return body
        body = _with_placeholder(body, self._keys_in(body))
        self.require_none(body)
        return body

    async def cleaned_in_turns(self, body: bytes, theirs: str, ours: str) -> bytes:
        """The same of a body of any size: others have their turns meanwhile."""
        if len(body) <= PART:
            return self.cleaned(body, theirs, ours)
        body = body.replace(theirs.encode(), ours.encode())
        keys: list[tuple[int, int]] = []
        async for at, part in self._parts(body):
            keys += [(at + begin, at + end) for begin, end in self._keys_in(part)]
        body = _with_placeholder(body, keys)
        await self.require_none_in_turns(body)
        return body

    async def require_none_in_turns(self, data: bytes) -> None:
        """The same as `require_none`, of any size: others have their turns meanwhile."""
        async for _, part in self._parts(data):
            self.require_none(part)

    def require_none(self, data: bytes) -> None:
        """Raise TokenShown where a token or key stands in this."""
        if self.found_in(data):
            raise TokenShown

    def require_none_in(self, texts: Collection[str]) -> None:
        """The same of what goes into a head."""
        if sum(map(len, texts)) + len(texts) > self.shortest:
            self.require_none("\n".join(texts).encode("latin-1", "replace"))

    async def passed(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """A body that comes in pieces, as far as none is in it. Raises TokenShown.

        The end of a piece waits for the next one: what stands over two pieces is seen before any
        of it has gone out.
        """
        held = b""
        async with aclosing(pieces):
            async for piece in pieces:
                edge = self._longest - 1
                if len(piece) < max(_LARGE, self._longest):
                    data = held + piece
                    self.require_none(data)
                    ready = max(0, len(data) - edge)
                    held = data[ready:]
                    if ready:
                        yield data[:ready]
                    continue
                self.require_none(held + piece[:edge])
                self.require_none(piece)
                ready = len(piece) - edge
                begun, held = held, piece[ready:]
                yield b"".join((begun, memoryview(piece)[:ready]))  # it is copied once
        if held:
            yield held

    async def _parts(self, data: bytes) -> AsyncGenerator[tuple[int, bytes]]:
        """Parts in one of which each token stands whole, and where they begin."""
        for at in range(0, max(1, len(data)), PART):
            if at:
                await asyncio.sleep(0)
            yield at, data[at : at + PART + self._longest - 1]

    def _keys_in(self, data: bytes) -> list[tuple[int, int]]:
        """Where keys stand."""
        return [where for where in self._find(data) if data[slice(*where)] in self._keys]

    def _find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where each of them stands."""
        for one in self._short:
            at = data.find(one)
            while at >= 0:
                yield at, at + len(one)
                at = data.find(one, at + 1)
        if len(data) < _SHORTEST:
            return
        words = memoryview(data)[: len(data) & -_WORD].cast("Q")[::_STRIDE]
        shapes = self._shapes
        if shapes.keys().isdisjoint(words):
            return
        for place in [at for at, word in enumerate(words) if word in shapes]:
            for after, length in shapes[words[place]]:
                end = place * _STEP + after
                if end >= length and data[end - length : end] in self._counts:
                    yield end - length, end

    def _put_ticket(self, ticket: Secret) -> str:
        """Look for it under a name that no lease has."""
        name = f"ticket {next(self._tickets)}"
        self._put(name, [ticket.reveal()], [])
        return name

    def _take_back(self, name: str) -> None:
        self._handed_out.pop(name).cancel()
        self.drop(name)

    def _put(self, lease: str, tokens: Collection[str], keys: Collection[str]) -> None:
        made = _bytes_of(tokens), _bytes_of(keys)
        for old, more in ((self._of.pop(lease, ((), ())), -1), (made, 1)):
            for texts, counts in zip(old, (None, self._keys), strict=True):
                for one in texts:
                    self._count(one, more)
                    if counts is not None:
                        _add(counts, one, more)
        self._of[lease] = made

    def _count(self, one: bytes, more: int) -> None:
        _add(self._counts, one, more)
        self.shortest = min(self.shortest, len(one))
        self._longest = max(self._longest, len(one))
        if len(one) < _SHORTEST:
            _add(self._short, one, more)
            return
        tail = len(one) - _SHORTEST
        for at in range(tail, tail + _STEP):
            word = int.from_bytes(one[at : at + _WORD], sys.byteorder)
            self._count_shape(word, _shape(len(one) - at, len(one)), more)

    def _count_shape(self, word: int, shape: tuple[_Shape], more: int) -> None:
        """So many more texts of this shape have the word there."""
        here = self._shapes.get(word, ())
        left = _add(self._places, (word, shape[0]), more)
        if left and shape[0] not in here:
            self._shapes[word] = (*here, shape[0]) if here else shape
        elif not left and len(here) > 1:
            self._shapes[word] = tuple(one for one in here if one != shape[0])
        elif not left:
            self._shapes.pop(word, None)


def _add(counts: Counter[T], one: T, more: int) -> int:
    """Count it, and say how many there are now."""
    counts[one] += more
    left = counts[one]
    if left <= 0:
        del counts[one]
    return max(0, left)


@lru_cache(maxsize=4096)
def _shape(after: int, length: int) -> tuple[_Shape]:
    """One for all words of it: nearly every word has a single shape."""
    return ((after, length),)


def _with_placeholder(body: bytes, keys: Iterable[tuple[int, int]]) -> bytes:
    """The body with nobody's key in these places."""
    parts, at = list[bytes](), 0
    for begin, end in sorted(keys):
        if begin >= at:
            parts += [body[at:begin], PLACEHOLDER_KEY.encode()]
            at = end
    return b"".join((*parts, body[at:])) if parts else body


def _forms(token: str) -> tuple[str, ...]:
    """A token as a server takes it: one that is a GUID in either case."""
    return (token, token.lower(), token.upper()) if _GUID.fullmatch(token) else (token,)


def _bytes_of(texts: Collection[str]) -> tuple[bytes, ...]:
    plain = (text.strip('"') for text in texts)
    return tuple(dict.fromkeys(one.encode() for one in plain if len(one) > _MEANT))
