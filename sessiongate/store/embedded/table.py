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
from sessiongate.store.embedded.wheel import SessionRecord, Wheel
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


def ignore_end(_: bytes) -> None:
    """Do nothing when a session ends: nobody else keeps it."""


class SessionTable:
    """Sessions by digest and by key. `ended` is called with the digest of each
    session that a limit ends.
    """

    def __init__(self, limits: Limits, ended: Callable[[bytes], None] = ignore_end) -> None:
        self._limits = limits
        self._on_end = ended
        self._by_digest: list[dict[bytes, SessionRecord]] = [{} for _ in range(SHARDS)]
        self._by_key: list[dict[str, SessionRecord]] = [{} for _ in range(SHARDS)]
        # Of each of these the latest login that was put in, None where an earlier one came later.
        self._last: list[datetime | None] = [EPOCH] * SHARDS
        self._wheel = Wheel(self._at)
        self._names = NameIndex(self._at)
        self._counts: dict[Who, int] = {}
        self._clients: dict[Facts, Session] = {}
        self._interned: dict[str, str] = {}
        # Few sessions are refreshed, so this is beside them and not in each.
        self._generations: dict[bytes, int] = {}
        self._noticed: deque[tuple[Session, Ended]] = deque()
        self.seen = EPOCH
        """The latest time that any caller has passed in."""
        self.total = 0
        """How many sessions are kept."""
        self.revision = 0
        """Another number whenever a session has come, gone, changed or been used."""

    def add(self, session: Session, caps: Caps) -> SessionRecord:
        """Keep a new session, or raise CapReached and keep nothing."""
        if self._full(session, caps):
            self.step(session.login_at, ROOM_STEP)
            if scope := self._full(session, caps):
                limit = caps.total if scope == "total" else caps.per_principal
                raise CapReached(scope, limit, session.principal)
        self.seen = max(self.seen, session.login_at)
        for same in (self._record_of(session.digest), self.by_key(session.key)):
            if same is None or same.second == 0:
                continue
            verdict = self._verdict(same)
            if verdict is None:
                # 128 random bits do not repeat; a caller who adds a session twice does.
                raise ValueError("a session with this digest or key is already kept")
            self._notice(same, verdict)
        record = SessionRecord(
            session.digest,
            session.key,
            self.shared(session),
            session.login_at,
            session.active_at,
            session.call_count,
        )
        self.keep(record)
        return record

    def keep(self, record: SessionRecord) -> None:
        """Store a record without checking caps: for `add`, and for loading a file."""
        self._by_digest[record.digest[0]][record.digest] = record
        number = _shard(record.key)
        self._by_key[number][record.key] = record
        last = self._last[number]
        if last is not None:
            self._last[number] = record.login_at if record.login_at >= last else None
        who = who_of(record.facts)
        self._counts[who] = self._counts.get(who, 0) + 1
        self.total += 1
        self.revision += 1
        self._names.put(record)
        if record.login_at > self.seen:
            self.seen = record.login_at
        if record.active_at > self.seen:
            self.seen = record.active_at
        self._wheel.put(record, due_at(record.login_at, record.active_at, self._limits))

    def use(self, digest: bytes, now: datetime) -> SessionRecord | None:
        """The live session of this digest, touched; None when there is none or it has ended."""
        record = self._by_digest[digest[0]].get(digest)
        if record is None:
            return None
        if now > self.seen:
            self.seen = now
        verdict = judge(record.login_at, record.active_at, self._limits, self.seen)
        if verdict is not None:
            self._notice(record, verdict)
            return None
        if now > record.active_at:
            record.active_at = now
        record.call_count += 1
        self.revision += 1
        return record

    def peek(self, digest: bytes, now: datetime) -> SessionRecord | None:
        """The live session of this digest, untouched."""
        record = self._record_of(digest)
        return record if record is not None and self.alive(record, now) else None

    def find(self, key: str, now: datetime) -> SessionRecord | None:
        """The live session of this key, untouched."""
        record = self.by_key(key)
        return record if record is not None and self.alive(record, now) else None

    def alive(self, record: SessionRecord, now: datetime) -> bool:
        """Whether a session once taken from this table is still kept and within its limits."""
        if now > self.seen:
            self.seen = now
        return record.second != 0 and self._verdict(record) is None

    def by_key(self, key: str) -> SessionRecord | None:
        """The kept session of this key, whatever its limits say."""
        return self._by_key[_shard(key)].get(key)

    def newest(self, number: int, most: int | None = None) -> list[SessionRecord]:
        """The kept sessions of one of `SHARDS` parts, the newest logins first, at most so many."""
        shard = self._by_key[number]
        if self._last[number] is None:  # loaded in another order, or the clock was set back
            ordered = sorted(shard.values(), key=_login_of)
            shard = self._by_key[number] = {record.key: record for record in ordered}
            self._last[number] = ordered[-1].login_at if ordered else EPOCH
        return list(islice(reversed(shard.values()), most))

    def of_name(self, name: str) -> list[SessionRecord] | None:
        """The kept sessions of this principal, in lower case. None: a scan finds them as fast."""
        return self._names.of(name)

    def rows(self) -> Iterator[SessionRecord]:
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
        record = self._record_of(session.digest)
        if record is None:
            return
        self._uncount(who_of(record.facts))
        self._names.drop(record)
        record.facts = self.shared(session)
        self._names.put(record)
        self.revision += 1
        who = who_of(session)
        self._counts[who] = self._counts.get(who, 0) + 1

    def advance(self, digest: bytes, generation: int) -> int:
        """The newest generation of refresh tokens used for a session; of none kept, this one."""
        newest = max(self._generations.get(digest, 0), generation)
        if newest and self._record_of(digest) is not None:
            self._generations[digest] = newest
        return newest

    def end(self, key: str) -> SessionRecord | None:
        """End this session by somebody's deed. None if its limits came first."""
        record = self.by_key(key)
        if record is None:
            return None
        verdict = self._verdict(record)
        if verdict is not None:
            self._notice(record, verdict)
            return None
        self.drop(record)
        return record

    def drop(self, record: SessionRecord) -> None:
        """Remove a session without reporting it."""
        if record.second == 0:
            return
        self._wheel.drop(record)
        self._names.drop(record)
        del self._by_digest[record.digest[0]][record.digest]
        del self._by_key[_shard(record.key)][record.key]
        self._generations.pop(record.digest, None)
        self._uncount(who_of(record.facts))
        self.total -= 1
        self.revision += 1

    def step(self, now: datetime, at_most: int) -> int:
        """Look at so many sessions that are due, end those whose time is up; how many were seen."""
        self.seen = max(self.seen, now)
        for looked_at in range(at_most):
            record = self._wheel.due(self.seen)
            if record is None:
                return looked_at
            verdict = self._verdict(record)
            if verdict is not None:
                self._notice(record, verdict)
            else:
                self._wheel.drop(record)
                self._wheel.put(record, due_at(record.login_at, record.active_at, self._limits))
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
        if len(self._interned) >= WORDS_SHARED:
            self._interned.clear()
        word = self._interned.setdefault
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

    def _verdict(self, record: SessionRecord) -> Ended | None:
        return judge(record.login_at, record.active_at, self._limits, self.seen)

    def _at(self, digest: bytes) -> SessionRecord:
        return self._by_digest[digest[0]][digest]

    def _record_of(self, digest: bytes) -> SessionRecord | None:
        return self._by_digest[digest[0]].get(digest)

    def _notice(self, record: SessionRecord, verdict: Ended) -> None:
        self.drop(record)
        self._noticed.append((session_of(record), verdict))
        self._on_end(record.digest)

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


def session_of(record: SessionRecord) -> Session:
    """The session as the port knows it: a copy, the caller's to change."""
    session = _copy(record.facts)
    session.digest = record.digest
    session.key = record.key
    session.login_at = record.login_at
    session.active_at = record.active_at
    session.call_count = record.call_count
    return session


def who_of(session: Session) -> Who:
    """Whose session this is, for the caps: two providers may each have somebody of one name."""
    return session.provider, session.principal


_login_of = attrgetter("login_at")


def _shard(key: str) -> int:
    # High bits: the dict within the shard goes by the low ones, and they must still differ there.
    return hash(key) >> 40 & 255
