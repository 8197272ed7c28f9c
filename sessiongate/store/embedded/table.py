"""The session table in memory: indexes, caps, limits. Decides everything, waits for nothing.

The stores of one process stand on it. No method suspends, so each is one atomic step of the event
loop: that is what makes caps exact and lets each session end once. Time is judged at the latest
`now` ever seen, so a clock that steps back revives nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter

from sessiongate.errors import CapReached
from sessiongate.rules.life import due_at, judge
from sessiongate.session import Caps, Ended, Limits, Session
from sessiongate.store import encoding
from sessiongate.store.embedded.name_index import NameIndex
from sessiongate.store.embedded.wheel import Kept, Wheel
from sessiongate.store.encoding import EPOCH, Facts, facts_of

# An index is split into this many dicts by a byte of the key: growing one dict of a million
# entries would hold up the event loop for tens of milliseconds, and so would copying its keys.
SHARDS = 256

# How many different clients (name, address, agent, ...) are remembered for sharing, and how many
# strings. Bounds memory to a few megabytes; past it sharing starts afresh.
CLIENTS_SHARED = 20_000
WORDS_SHARED = 50_000

# Due sessions looked at before a login is refused for a cap: the next `expire` may be a second off.
ROOM_STEP = 250


# What C code offers and the type stubs do not say: 60 ns against 400 ns of copy.copy.
_copy: Callable[[Session], Session] = Session.__copy__  # type: ignore[attr-defined]

Who = tuple[str, str]
"""Provider and canonical name."""


def nobody(_: bytes) -> None:
    """Tell no one."""


class SessionTable:
    """Sessions by digest and by key. `ended` is told of each that its limits have ended."""

    def __init__(self, limits: Limits, ended: Callable[[bytes], None] = nobody) -> None:
        self._limits = limits
        self._tell = ended
        self._by_digest: list[dict[bytes, Kept]] = [{} for _ in range(SHARDS)]
        self._by_key: list[dict[str, Kept]] = [{} for _ in range(SHARDS)]
        # Of each of these the latest login that was put in, None where an earlier one came later.
        self._last: list[datetime | None] = [EPOCH] * SHARDS
        self._wheel = Wheel(self._at)
        self._names = NameIndex(self._at)
        self._counts: dict[Who, int] = {}
        self._clients: dict[Facts, Session] = {}
        self._words: dict[str, str] = {}
        # Few sessions are refreshed, so this is beside them and not in each.
        self._generations: dict[bytes, int] = {}
        self._noticed: deque[tuple[Session, Ended]] = deque()
        self.seen = EPOCH
        """The latest time that any caller has told."""
        self.total = 0
        """How many sessions are kept."""
        self.revision = 0
        """Another number whenever a session has come, gone, changed or been used."""

    def add(self, session: Session, caps: Caps) -> Kept:
        """Keep a new session, or raise CapReached and keep nothing."""
        if self._full(session, caps):
            self.step(session.login_at, ROOM_STEP)
            if scope := self._full(session, caps):
                limit = caps.total if scope == "total" else caps.per_principal
                raise CapReached(scope, limit, session.principal)
        self.seen = max(self.seen, session.login_at)
        for same in (self._known(session.digest), self.by_key(session.key)):
            if same is None or same.second == 0:
                continue
            verdict = self._verdict(same)
            if verdict is None:
                # 128 random bits do not repeat; a caller who adds a session twice does.
                raise ValueError("a session with this digest or key is already kept")
            self._notice(same, verdict)
        kept = Kept(
            session.digest,
            session.key,
            self.shared(session),
            session.login_at,
            session.active_at,
            session.call_count,
        )
        self.keep(kept)
        return kept

    def keep(self, kept: Kept) -> None:
        """Take in a row as it is: no caps, no questions. For `add`, and for loading a file."""
        self._by_digest[kept.digest[0]][kept.digest] = kept
        number = _shard(kept.key)
        self._by_key[number][kept.key] = kept
        last = self._last[number]
        if last is not None:
            self._last[number] = kept.login_at if kept.login_at >= last else None
        who = who_of(kept.facts)
        self._counts[who] = self._counts.get(who, 0) + 1
        self.total += 1
        self.revision += 1
        self._names.put(kept)
        if kept.login_at > self.seen:
            self.seen = kept.login_at
        if kept.active_at > self.seen:
            self.seen = kept.active_at
        self._wheel.put(kept, due_at(kept.login_at, kept.active_at, self._limits))

    def use(self, digest: bytes, now: datetime) -> Kept | None:
        """The live session of this digest, touched; None when there is none or it has ended."""
        kept = self._by_digest[digest[0]].get(digest)
        if kept is None:
            return None
        if now > self.seen:
            self.seen = now
        verdict = judge(kept.login_at, kept.active_at, self._limits, self.seen)
        if verdict is not None:
            self._notice(kept, verdict)
            return None
        if now > kept.active_at:
            kept.active_at = now
        kept.call_count += 1
        self.revision += 1
        return kept

    def peek(self, digest: bytes, now: datetime) -> Kept | None:
        """The live session of this digest, untouched."""
        kept = self._known(digest)
        return kept if kept is not None and self.alive(kept, now) else None

    def find(self, key: str, now: datetime) -> Kept | None:
        """The live session of this key, untouched."""
        kept = self.by_key(key)
        return kept if kept is not None and self.alive(kept, now) else None

    def alive(self, kept: Kept, now: datetime) -> bool:
        """Whether a session once taken from this table is still kept and within its limits."""
        if now > self.seen:
            self.seen = now
        return kept.second != 0 and self._verdict(kept) is None

    def by_key(self, key: str) -> Kept | None:
        """The kept session of this key, whatever its limits say."""
        return self._by_key[_shard(key)].get(key)

    def newest(self, number: int, most: int | None = None) -> list[Kept]:
        """The kept sessions of one of `SHARDS` parts, the newest logins first, at most so many."""
        shard = self._by_key[number]
        if self._last[number] is None:  # loaded in another order, or the clock was set back
            ordered = sorted(shard.values(), key=_login_of)
            shard = self._by_key[number] = {kept.key: kept for kept in ordered}
            self._last[number] = ordered[-1].login_at if ordered else EPOCH
        return list(islice(reversed(shard.values()), most))

    def of_name(self, name: str) -> list[Kept] | None:
        """The kept sessions of this principal, in lower case. None: a scan finds them as fast."""
        return self._names.of(name)

    def rows(self) -> Iterator[Kept]:
        """Every kept session. The table may change meanwhile; ask `alive` of what comes."""
        for shard in self._by_key:
            yield from list(shard.values())

    def oldest_alive(self, now: datetime) -> tuple[datetime, datetime]:
        """Sessions that were opened, or used last, by these times at the latest are over."""
        self.seen = max(self.seen, now)
        total = self._limits.total
        opened = EPOCH if total is None else _earlier(self.seen, total)
        return opened, _earlier(self.seen, self._limits.idle)

    def change(self, session: Session) -> None:
        """Take over the facts of a kept session; digest, key, times and count stay as they are."""
        kept = self._known(session.digest)
        if kept is None:
            return
        self._uncount(who_of(kept.facts))
        self._names.drop(kept)
        kept.facts = self.shared(session)
        self._names.put(kept)
        self.revision += 1
        who = who_of(session)
        self._counts[who] = self._counts.get(who, 0) + 1

    def advance(self, digest: bytes, generation: int) -> int:
        """The newest generation of refresh tokens used for a session; of none kept, this one."""
        newest = max(self._generations.get(digest, 0), generation)
        if newest and self._known(digest) is not None:
            self._generations[digest] = newest
        return newest

    def end(self, key: str) -> Kept | None:
        """End this session by somebody's deed. None if its limits came first."""
        kept = self.by_key(key)
        if kept is None:
            return None
        verdict = self._verdict(kept)
        if verdict is not None:
            self._notice(kept, verdict)
            return None
        self.drop(kept)
        return kept

    def drop(self, kept: Kept) -> None:
        """Forget a session without a word."""
        if kept.second == 0:
            return
        self._wheel.drop(kept)
        self._names.drop(kept)
        del self._by_digest[kept.digest[0]][kept.digest]
        del self._by_key[_shard(kept.key)][kept.key]
        self._generations.pop(kept.digest, None)
        self._uncount(who_of(kept.facts))
        self.total -= 1
        self.revision += 1

    def step(self, now: datetime, at_most: int) -> int:
        """Look at so many sessions that are due, end those whose time is up; how many were seen."""
        self.seen = max(self.seen, now)
        for looked_at in range(at_most):
            kept = self._wheel.due(self.seen)
            if kept is None:
                return looked_at
            verdict = self._verdict(kept)
            if verdict is not None:
                self._notice(kept, verdict)
            else:
                self._wheel.drop(kept)
                self._wheel.put(kept, due_at(kept.login_at, kept.active_at, self._limits))
        return at_most

    @property
    def unreported(self) -> int:
        """How many sessions their limits have ended that nobody was told of."""
        return len(self._noticed)

    def report(self, at_most: int) -> list[tuple[Session, Ended]]:
        """Sessions that their limits have ended, each reported once."""
        return [self._noticed.popleft() for _ in range(min(at_most, len(self._noticed)))]

    def shared(self, session: Session) -> Session:
        """A Session with the same facts that all sessions of the same client share."""
        facts = facts_of(session)
        found = self._clients.get(facts)
        if found is None:
            found = self.share(facts)
        return found

    def share(self, facts: Facts) -> Session:
        """Remember these facts for sharing, their strings too."""
        if len(self._clients) >= CLIENTS_SHARED:
            self._clients.clear()
        if len(self._words) >= WORDS_SHARED:
            self._words.clear()
        word = self._words.setdefault
        told = tuple(word(fact, fact) if isinstance(fact, str) else fact for fact in facts)
        form = encoding.session_of(b"", "", told)  # type: ignore[arg-type]
        self._clients[facts_of(form)] = form
        return form

    def _full(self, session: Session, caps: Caps) -> str:
        if 0 < caps.total <= self.total:
            return "total"
        if 0 < caps.per_principal <= self._counts.get(who_of(session), 0):
            return "principal"
        return ""

    def _verdict(self, kept: Kept) -> Ended | None:
        return judge(kept.login_at, kept.active_at, self._limits, self.seen)

    def _at(self, digest: bytes) -> Kept:
        return self._by_digest[digest[0]][digest]

    def _known(self, digest: bytes) -> Kept | None:
        return self._by_digest[digest[0]].get(digest)

    def _notice(self, kept: Kept, verdict: Ended) -> None:
        self.drop(kept)
        self._noticed.append((session_of(kept), verdict))
        self._tell(kept.digest)

    def _uncount(self, who: Who) -> None:
        left = self._counts[who] - 1
        if left:
            self._counts[who] = left
        else:
            del self._counts[who]


def _earlier(now: datetime, by: timedelta) -> datetime:
    try:
        return now - by
    except OverflowError:  # before the calendar begins
        return EPOCH


def session_of(kept: Kept) -> Session:
    """The session as the port knows it: a copy, the caller's to change."""
    session = _copy(kept.facts)
    session.digest = kept.digest
    session.key = kept.key
    session.login_at = kept.login_at
    session.active_at = kept.active_at
    session.call_count = kept.call_count
    return session


def who_of(session: Session) -> Who:
    """Whose session this is, for the caps: two providers may each have somebody of one name."""
    return session.provider, session.principal


_login_of = attrgetter("login_at")


def _shard(key: str) -> int:
    # High bits: the dict within the shard goes by the low ones, and they must still differ there.
    return hash(key) >> 40 & 255
