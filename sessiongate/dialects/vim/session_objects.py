"""What clients make for their session: views, filters and collectors, and the waits for updates.

They are of one session, are found by nobody else, and go when it ends. They live in this process
only: with several, a client finds what it made as long as it keeps its connection. All is bounded,
for each session, for each user and in all. A wait is the task of its own request and nothing more:
it ends with the session, with the client's connection, and before the server stops.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from itertools import islice
from weakref import WeakValueDictionary

import msgspec

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire.vim.methods import OBJECTS, PROPERTY_COLLECTOR, session_object_id
from sessiongate.wire.vim.types import Data, MoRef

# Of one session. Real clients have up to a few dozen, of 1 to 3 kB each.
MOST = 100
MOST_BYTES = 256 * 1024
MOST_WAITS = 32

# Of all together. What is kept of a request takes about ten times the bytes that it had.
MOST_OF_ALL = 10_000
MOST_BYTES_OF_ALL = 8 * 1024 * 1024
MOST_WAITS_OF_ALL = 1_000

# Of these, one user's sessions together have at most one part in so many.
USERS = 4

# Bytes of a request that waits: it is held meanwhile, with all that was read from it. Real ones
# have less than 1 KiB.
LARGEST_WAIT = 16 * 1024

# Sessions that are asked in one round whether they are still there: so many at least, and one part
# in so many of all, so that what is left of ended ones does not grow with their number.
_ASKED_AT_ONCE = 50
_PARTS = 20

_ID_BYTES = 16

_FULL = "too many views, filters and collectors of all sessions"


class Woken(Enum):
    """Why a wait is over."""

    CHANGED = "there is something to tell"
    CANCELLED = "its client cancelled it, or destroyed what it waited on"
    ENDED = "the session has ended"
    LEFT = "nobody waits any more: the client has gone, or the server stops"
    LATE = "the time is up"


class SessionObject:
    """An object that a client made."""

    size = 0
    """Bytes of the request that made it, or of what it was changed to."""


class View(SessionObject):
    """A view. `objects` are those in it."""

    def __init__(self, objects: list[MoRef], asked: Data | None = None) -> None:
        self.objects = objects
        self.asked = asked
        """Of a container view what it was made with: container, type, recursive."""


NOT_TOLD = 0
BEING_TOLD = -1
"""A request is under way that tells of it."""


class Filter(SessionObject):
    """A filter of a collector."""

    def __init__(self, spec: Data, *, partial: bool, of: "Collector") -> None:
        self.spec = spec
        self.partial = partial
        self.of = of
        self.told = NOT_TOLD
        """The version in which its objects were told of."""


class Collector(SessionObject):
    """A property collector with its filters and waits."""

    def __init__(self) -> None:
        self.filters: dict[MoRef, Filter] = {}
        self.version = 0
        """The one that was given out last."""
        self.named = 0
        """The last one that the client has named, so that it has its reply."""
        self.waits: set[asyncio.Future[Woken]] = set()
        self.over: Woken | None = None
        """Why nobody waits on it any more, once it is no session's."""

    def wake(self, why: Woken) -> None:
        """Let its waits go on."""
        _wake(self.waits, why)

    def end(self, why: Woken) -> None:
        """It is no session's any more: end its waits, those too that have been woken already."""
        self.over = self.over or why
        self.wake(why)


class _Share(msgspec.Struct, weakref=True):
    """How much all sessions of one user have."""

    count: int = 0
    size: int = 0
    waits: int = 0


class _SessionState(msgspec.Struct):
    """All of one session."""

    digest: bytes
    share: _Share
    """Of the user who had the session when this was begun."""
    made: dict[str, SessionObject]
    collector: Collector
    """The one that every session has without making it."""
    size: int = 0
    waits: int = 0

    @property
    def idle(self) -> bool:
        return not self.made and not self.waits and not self.collector.version


class SessionObjects:
    """The objects of all sessions that this process serves."""

    def __init__(
        self, sessions: Sessions, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._sessions = sessions
        self._random = random
        self._held: dict[str, _SessionState] = {}
        self._shares: WeakValueDictionary[tuple[str, str], _Share] = WeakValueDictionary()
        self._count = 0
        self._size = 0
        self._waits: set[asyncio.Future[Woken]] = set()
        self._closed = False
        sessions.on_end(self._ended)

    def __len__(self) -> int:
        return self._count

    @property
    def sessions(self) -> int:
        """For how many sessions something is kept."""
        return len(self._held)

    @property
    def waits(self) -> int:
        """How many requests wait for updates."""
        return len(self._waits)

    def add(self, context: Context, kind: str, made: SessionObject) -> MoRef:
        """Keep an object for the caller's session. Raises Malformed or Overloaded where full."""
        caller = context.known_caller
        held = self._of(caller)
        try:
            self._check_room(held, context.size)
        except errors.SessionGateError:
            self._drop_if_idle(caller.key)
            raise
        target = MoRef(kind, session_object_id(kind, caller.key, self._random(_ID_BYTES)))
        made.size = context.size
        held.made[target.name] = made
        self._count_made(held, 1, made.size)
        return target

    def recharge(self, context: Context, made: SessionObject, size: int) -> None:
        """Count what an object of the caller's session has become. Raises as `add` does."""
        held = self._held[context.known_caller.key]
        more = size - made.size
        if more > 0:
            self._check_bytes(held, more)
        made.size = size
        self._count_made(held, 0, more)

    def find(self, context: Context, target: MoRef) -> SessionObject:
        """An object of the caller's session. Raises NoSession or UnknownObject."""
        held = self._held.get(context.known_caller.key)
        made = held.made.get(target.name) if held is not None else None
        if made is None:
            raise errors.UnknownObject(target.kind, target.name)
        return made

    def check(self, context: Context, target: MoRef) -> None:
        """Raise as `find` does where an object that a client makes is not the caller's."""
        if OBJECTS.get(target.kind) != target:
            self.find(context, target)

    def remove(self, context: Context, target: MoRef) -> None:
        """Forget an object of the caller's session. Raises as `find` does."""
        made = self.find(context, target)
        key = context.known_caller.key
        held = self._held[key]
        del held.made[target.name]
        self._count_made(held, -1, -made.size)
        if isinstance(made, Collector):
            made.end(Woken.CANCELLED)
        self._drop_if_idle(key)

    def of_kind(self, context: Context, *kinds: str) -> list[MoRef]:
        """The caller's objects of some types, in the order in which they were made."""
        held = self._held.get(context.known_caller.key)
        names = held.made if held is not None else ()
        targets = [MoRef(name.partition("]")[2].partition("-")[0], name) for name in names]
        return [one for one in targets if one.kind in kinds]

    def collector(self, context: Context) -> Collector:
        """The collector that is called: the session's own or one it made. Raises as `find`."""
        if context.target == PROPERTY_COLLECTOR:
            return self._of(context.known_caller).collector
        made = self.find(context, context.target)
        if not isinstance(made, Collector):
            raise errors.UnknownObject(context.target.kind, context.target.name)
        return made

    async def wait(self, context: Context, collector: Collector, seconds: float) -> Woken:
        """Wait until the collector has something to tell, at most so long, and say why it is over.

        Raises Malformed or Overloaded where too many wait, or by too large a request.
        """
        if self._closed:
            return Woken.LEFT
        key = context.known_caller.key
        held = self._held.get(key)
        if collector.over is not None or held is None:
            return collector.over or Woken.ENDED
        self._check_wait(context, held)
        woken = Woken.LATE
        try:
            with self._waiting(context, held, collector) as wait:
                async with asyncio.timeout(seconds):
                    woken = await wait
        except TimeoutError:
            pass
        finally:
            if woken is not Woken.CHANGED or collector.over is not None:  # else it waits again
                self._drop_if_idle(key)
        # It may have been woken and ended in one turn of the loop.
        return woken if collector.over in (None, Woken.LATE) else collector.over

    @contextmanager
    def _waiting(
        self, context: Context, held: _SessionState, collector: Collector
    ) -> Iterator[asyncio.Future[Woken]]:
        wait: asyncio.Future[Woken] = asyncio.get_running_loop().create_future()
        collector.waits.add(wait)
        self._waits.add(wait)
        held.waits += 1
        held.share.waits += 1
        context.when_gone(lambda: _wake([wait], Woken.LEFT))
        try:
            yield wait
        finally:
            collector.waits.discard(wait)
            self._waits.discard(wait)
            held.waits -= 1
            held.share.waits -= 1

    async def sweep(self) -> None:
        """Ask of some sessions whether they are still there. Call it about once a second.

        Those that this process ends are known at once; this is for the others, and for what was
        made after the end by requests that were under way.
        """
        some = max(_ASKED_AT_ONCE, -(-len(self._held) // _PARTS))
        for key in list(islice(self._held, some)):
            self._drop_if_idle(key)
            held = self._held.pop(key, None)
            if held is None:
                continue
            self._held[key] = held  # behind all others
            if not await self._sessions.lives(held.digest):
                self._over(key)

    def close(self) -> None:
        """End all waits: the server stops."""
        self._closed = True
        _wake(self._waits, Woken.LEFT)

    def _of(self, caller: Session) -> _SessionState:
        held = self._held.get(caller.key)
        if held is None:
            user = (caller.provider, caller.principal)
            share = self._shares.get(user)
            if share is None:
                share = self._shares[user] = _Share()
            held = self._held[caller.key] = _SessionState(caller.digest, share, {}, Collector())
        return held

    def _check_room(self, held: _SessionState, size: int) -> None:
        """Raise Malformed or Overloaded where there is no room for one more, of so many bytes."""
        if len(held.made) >= MOST:
            raise errors.Malformed(f"a session has at most {MOST} views, filters and collectors")
        most = MOST_OF_ALL // USERS
        if held.share.count >= most:
            raise errors.Malformed(
                f"the sessions of a user have at most {most} views, filters and collectors"
            )
        if self._count >= MOST_OF_ALL:
            raise errors.Overloaded(_FULL)
        self._check_bytes(held, size)

    def _check_bytes(self, held: _SessionState, more: int) -> None:
        """Raise Malformed or Overloaded where there is no room for so many bytes more."""
        if held.size + more > MOST_BYTES:
            raise errors.Malformed(f"what a session has made is at most {MOST_BYTES} bytes")
        most = MOST_BYTES_OF_ALL // USERS
        if held.share.size + more > most:
            raise errors.Malformed(f"what the sessions of a user have made is at most {most} bytes")
        if self._size + more > MOST_BYTES_OF_ALL:
            raise errors.Overloaded(_FULL)

    def _check_wait(self, context: Context, held: _SessionState) -> None:
        """Raise Malformed or Overloaded where there is no room for one more wait."""
        if context.size > LARGEST_WAIT:
            raise errors.Malformed(f"a request that waits has at most {LARGEST_WAIT} bytes")
        if held.waits >= MOST_WAITS:
            raise errors.Malformed(f"a session waits at most {MOST_WAITS} times at once")
        most = MOST_WAITS_OF_ALL // USERS
        if held.share.waits >= most:
            raise errors.Malformed(f"the sessions of a user wait at most {most} times at once")
        if len(self._waits) >= MOST_WAITS_OF_ALL:
            raise errors.Overloaded("too many waits of all sessions")

    def _count_made(self, held: _SessionState, count: int, size: int) -> None:
        held.size += size
        held.share.count += count
        held.share.size += size
        self._count += count
        self._size += size

    def _ended(self, session: Session, reason: Ended) -> None:
        self._over(session.key)

    def _over(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is None:
            return
        self._count_made(held, -len(held.made), -held.size)
        held.collector.end(Woken.ENDED)
        for made in held.made.values():
            if isinstance(made, Collector):
                made.end(Woken.ENDED)

    def _drop_if_idle(self, key: str) -> None:
        held = self._held.get(key)
        if held is not None and held.idle:
            del self._held[key]
            held.collector.end(Woken.LATE)


def _wake(waits: Iterable[asyncio.Future[Woken]], why: Woken) -> None:
    for wait in waits:
        if not wait.done():
            wait.set_result(why)
