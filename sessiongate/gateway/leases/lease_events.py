"""Whose each session at an upstream is, and what is told of it: that it was opened, ended, lost."""

from collections.abc import Callable

from sessiongate.session import Person

OnLeaseEvent = Callable[[str, str, Person, str], None]
"""Is told what has happened, at which upstream, whose session it is, and our id of it."""


class LeaseEvents:
    """Of one upstream. Nothing is told of a session that nobody was told was opened."""

    def __init__(self, upstream: str, tell: OnLeaseEvent | None) -> None:
        self._upstream = upstream
        self._tell = tell
        self._owners: dict[str, Person] = {}

    def known(self, lease_id: str, person: Person) -> None:
        """A process before this one has opened it."""
        self._owners[lease_id] = person

    def opened(self, lease_id: str, person: Person) -> None:
        """It is there."""
        self._owners[lease_id] = person
        self._report("upstream session opened", lease_id, person)

    def left_to_others(self, lease_id: str) -> None:
        """Other processes use it on, and tell of its end."""
        self._owners.pop(lease_id, None)

    def ended(self, lease_id: str) -> None:
        """We have logged it out."""
        self._over("upstream session ended", lease_id)

    def lost(self, lease_id: str) -> None:
        """The upstream has ended it."""
        self._over("upstream session lost", lease_id)

    def given_up(self, lease_id: str) -> None:
        """It does not end, and is left to the upstream's clock."""
        self._over("upstream session given up", lease_id)

    def _over(self, what: str, lease_id: str) -> None:
        person = self._owners.pop(lease_id, None)
        if person is not None:
            self._report(what, lease_id, person)

    def _report(self, what: str, lease_id: str, person: Person) -> None:
        if self._tell is not None:
            self._tell(what, self._upstream, person, lease_id)
