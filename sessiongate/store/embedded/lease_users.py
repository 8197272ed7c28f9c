"""Who uses a lease, for the stores of one process: in memory, as all that uses it is there too."""

import time
from collections.abc import Callable
from datetime import timedelta

from sessiongate.store.gateway_port import LeaseState, LeaseUse

_OPEN = (LeaseState.OPEN,)
_USABLE = (LeaseState.OPEN, LeaseState.RETIRED)

_REMOVED = 1000
"""Leases of which it is remembered that they were removed: whoever uses one hears it in seconds."""


class Use:
    """Who uses one lease, and which clients have their home in it."""

    __slots__ = ("homes", "instances", "state")

    def __init__(self, *instances: str) -> None:
        self.state = LeaseState.OPEN
        self.instances = set(instances)
        self.homes: set[str] = set()


class LeaseUserTable:
    """Uses by the id of the lease."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_at: dict[str, float] = {}
        self.uses: dict[str, Use] = {}
        self._removed: dict[str, None] = {}
        """Leases that were removed lately, the oldest first."""

    def lives(self, instance: str) -> bool:
        """Whether this instance has been heard of lately."""
        return self._silent_at.get(instance, 0.0) > self._clock()

    async def beat(self, instance: str, lasting: timedelta) -> None:
        """Count an instance as one that runs."""
        now = self._clock()
        self._silent_at = {one: at for one, at in self._silent_at.items() if at > now}
        self._silent_at[instance] = now + lasting.total_seconds()

    async def look(self) -> list[LeaseUse]:
        """All leases."""
        found = []
        for lease, use in self.uses.items():
            live = frozenset(filter(self.lives, use.instances))
            left = len(live) < len(use.instances)
            found.append(LeaseUse(lease, use.state, live, left, len(use.homes)))
        return found

    def remove(self, lease_id: str) -> None:
        """Forget a lease, but not at once that there was one."""
        if self.uses.pop(lease_id, None) is not None:
            self._removed[lease_id] = None
            if len(self._removed) > _REMOVED:
                del self._removed[next(iter(self._removed))]

    async def attach(
        self, lease_id: str, instance: str, *, only_open: bool = False
    ) -> LeaseState | None:
        """Use a lease."""
        use = self.uses.get(lease_id)
        if use is None or use.state not in (_OPEN if only_open else _USABLE):
            return None
        use.instances = {instance, *filter(self.lives, use.instances)}
        return use.state

    async def retire(self, lease_id: str) -> None:
        """Let no client begin in it."""
        use = self.uses.get(lease_id)
        if use is not None and use.state is LeaseState.OPEN:
            use.state = LeaseState.RETIRED

    async def detach(
        self, lease_id: str, instance: str, *, despite_homes: bool = False, ends: bool = True
    ) -> bool | None:
        """Let go of a lease: whether it has to be logged out."""
        use = self.uses.get(lease_id)
        if use is None:
            return False if lease_id in self._removed else None
        use.instances = set(filter(self.lives, use.instances - {instance}))
        if use.instances or (use.homes and not despite_homes) or not ends:
            return False
        if use.state is not LeaseState.LOST:
            use.state = LeaseState.ENDING
        use.instances = {instance}
        return True

    async def clients(self, lease_id: str) -> list[str]:
        """The clients that have their home in it."""
        use = self.uses.get(lease_id)
        return sorted(use.homes) if use is not None else []
