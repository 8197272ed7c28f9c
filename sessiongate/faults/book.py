"""The rules of one server in order, and how far each has come.

The first rule that is about a request decides of it, also where it lets the request go on: while it
skips, between each `every`, and where its draw says no. A rule whose last step is over is about
nothing any more.
"""

import random
from collections.abc import Mapping
from datetime import datetime

import msgspec

from sessiongate.errors import ConfigError, NotFound
from sessiongate.faults.rule import FaultRule, RequestFacts, Step


class Hit(msgspec.Struct, frozen=True):
    """A fault that a request is to meet."""

    id: str
    """Of the rule."""
    fault: str
    args: Mapping[str, object]
    draw: float = 0.0
    """What the rule has drawn for this request, from 0 up to 1: where between the ends of what is
    left open this one is."""


class _Placed:
    """A rule, and how far it has come.

    Its draws are its own: one for each request that matches, in the order in which they come, so
    that no other rule changes them.
    """

    def __init__(self, rule: FaultRule, seed: int, now: datetime) -> None:
        self.rule = rule
        self.hits = 0
        self._random = random.Random(f"{seed}/{rule.id}")  # noqa: S311  to be repeated, not secret
        self._at = 0
        self._since = now
        self._matched = 0

    def step(self, now: datetime) -> Step | None:
        """The step in force; None once all are over."""
        while self._at < len(self.rule.steps):
            step = self.rule.steps[self._at]
            lasts = step.counts.lasts
            if lasts is None or now < self._since + lasts:
                return step
            self._next(self._since + lasts)
        return None

    def judge(self, step: Step, now: datetime) -> Hit | None:
        """Count a request that matches, and say what it meets."""
        self._matched += 1
        draw = self._random.random()
        counts = step.counts
        place = self._matched - counts.skip
        if counts.times is not None and place >= counts.times:
            self._next(now)
        if place < 1 or place % counts.every or draw >= counts.probability:
            return None
        self.hits += 1
        return Hit(self.rule.id, step.fault, step.args, draw / counts.probability)

    def _next(self, since: datetime) -> None:
        self._at, self._since, self._matched = self._at + 1, since, 0


class ListedRule(msgspec.Struct, frozen=True):
    """A rule as commands show it."""

    id: str
    rule: Mapping[str, object]
    hits: int
    over: bool
    """Whether its last step is over."""


class RuleBook:
    """The rules, in the order in which they were added."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._rules: dict[str, _Placed] = {}
        self._added = 0

    def add(self, rule: FaultRule, now: datetime) -> str:
        """Have this rule decide after those that are there. Its id.

        A rule without an id gets `r1`, `r2` and so on. Raises ConfigError for an id that another
        rule has.
        """
        if not rule.id:
            self._added += 1
            while f"r{self._added}" in self._rules:
                self._added += 1
            rule = msgspec.structs.replace(rule, id=f"r{self._added}")
        elif rule.id in self._rules:
            raise ConfigError([f"id: there is a rule {rule.id!r}; remove it first"])
        self._rules[rule.id] = _Placed(rule, self.seed, now)
        return rule.id

    def remove(self, rule_id: str) -> None:
        """Forget a rule. Raises NotFound."""
        self._find(rule_id)
        del self._rules[rule_id]

    def clear(self) -> int:
        """Forget all rules, and count anew from `r1`. How many those were."""
        count = len(self._rules)
        self._rules.clear()
        self._added = 0
        return count

    def hits(self, rule_id: str) -> int:
        """How many requests have met what this rule says. Raises NotFound."""
        return self._find(rule_id).hits

    def show(self, rule_id: str, now: datetime) -> ListedRule:
        """One rule. Raises NotFound."""
        one = self._find(rule_id)
        return ListedRule(one.rule.id, one.rule.told, one.hits, one.step(now) is None)

    def list(self, now: datetime) -> list[ListedRule]:
        """All rules, in order."""
        return [self.show(one, now) for one in self._rules]

    def decide(self, asked: RequestFacts, now: datetime) -> Hit | None:
        """Count this request for the first rule that is about it, and say what it meets."""
        for placed in self._rules.values():
            step = placed.step(now)
            if step is not None and step.is_about(asked):
                return placed.judge(step, now)
        return None

    def __contains__(self, rule_id: str) -> bool:
        return rule_id in self._rules

    def __len__(self) -> int:
        return len(self._rules)

    def _find(self, rule_id: str) -> _Placed:
        try:
            return self._rules[rule_id]
        except KeyError:
            there = ", ".join(self._rules) or "none"
            raise NotFound(f"there is no rule {rule_id!r}; there are: {there}") from None
