"""The faults of one server: its rules, what it is to tell of hits, and its time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import Unavailable
from sessiongate.faults.book import Hit, ListedRule, RuleBook
from sessiongate.faults.reader import read_rule
from sessiongate.faults.rule import RequestFacts
from sessiongate.store.port import SessionStore

EVENT = "fault met"
"""What the audit calls a hit."""

_log = structlog.get_logger("sessiongate.faults")

Advance = Callable[[timedelta], Awaitable[int]]
"""Goes ahead in time, and says how many sessions that has ended. Raises ValueError for a step
back."""


class FaultState:
    """Rules, and what carries them out. `clock` is the server's, `seed` decides all draws.

    A rule about an upstream is for a `gateway`.
    """

    def __init__(
        self, clock: Clock, seed: int, *, header: bool = True, gateway: bool = False
    ) -> None:
        self._clock = clock
        self._gateway = gateway
        self._book = RuleBook(seed)
        self.rules: RuleBook | None = None
        """None as long as there is none, so that a request costs one question more."""
        self.header = header
        """Whether replies name the rule that has touched them."""
        self._heeds: list[Callable[[bool], None]] = []
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._journal: Journal
        self._counts: Counter[str]
        self.store: SessionStore
        """Where sessions are, without a word to the audit."""
        self.advance: Advance

    @property
    def seed(self) -> int:
        """What all draws follow from."""
        return self._book.seed

    def serve(
        self,
        journal: Journal,
        counts: Counter[str],
        store: SessionStore,
        advance: Advance,
    ) -> None:
        """Be of this server from now on; rules may have been added before."""
        self._journal, self._counts = journal, counts
        self.store, self.advance = store, advance

    def when_rules(self, heed: Callable[[bool], None]) -> None:
        """Call `heed` now and each time: whether there are rules."""
        self._heeds.append(heed)
        heed(self.rules is not None)

    def now(self) -> datetime:
        """The server's time."""
        return self._clock.now()

    def add(self, told: Mapping[str, object]) -> ListedRule:
        """Add a rule after the others. Raises ConfigError with all that is wrong."""
        rule_id = self._book.add(read_rule(told, gateway=self._gateway), self.now())
        self._have(self._book)
        _log.info("faults are on", rules=len(self._book), added=rule_id)
        return self.show(rule_id)

    def show(self, rule_id: str) -> ListedRule:
        """One rule. Raises NotFound."""
        return self._book.show(rule_id, self.now())

    def list(self) -> list[ListedRule]:
        """All rules, in order."""
        return self._book.list(self.now())

    def hits(self, rule_id: str) -> int:
        """How many requests have met what this rule says. Raises NotFound."""
        return self._book.hits(rule_id)

    def remove(self, rule_id: str) -> None:
        """Forget a rule, and let go of whom it has wait. Raises NotFound."""
        self._book.remove(rule_id)
        self._release(rule_id)
        if not len(self._book):
            self._have(None)

    def clear(self) -> int:
        """Forget all rules. How many those were."""
        for rule_id in tuple(self._waiting):
            self._release(rule_id)
        self._have(None)
        return self._book.clear()

    @contextmanager
    def until_removed(self, rule_id: str) -> Iterator[asyncio.Event]:
        """What is set once the rule is removed, or already is, for whoever waits in here."""
        event = asyncio.Event()
        if rule_id not in self._book:
            event.set()
        self._waiting.setdefault(rule_id, set()).add(event)
        try:
            yield event
        finally:
            others = self._waiting.get(rule_id, set())
            others.discard(event)
            if not others:
                self._waiting.pop(rule_id, None)

    async def note(self, hit: Hit, asked: RequestFacts) -> None:
        """Count a hit, and have the audit keep it."""
        self._counts[hit.fault] += 1
        about = f"{hit.fault} by {hit.id}, at {asked.operation or asked.address or 'a connection'}"
        user = asked.users[0] if asked.users else ""
        try:
            await self._journal.happened(EVENT, how=hit.id, detail=about[:256], user=user[:256])
        except Unavailable:
            _log.warning("a hit is not in the audit yet", rule=hit.id)

    def _have(self, rules: RuleBook | None) -> None:
        self.rules = rules
        for heed in self._heeds:
            heed(rules is not None)

    def _release(self, rule_id: str) -> None:
        for event in self._waiting.pop(rule_id, ()):
            event.set()
