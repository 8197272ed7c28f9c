"""Accounts that change while somebody is in the middle of something that depends on them."""

from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class OverlappingChanges(Generic[K]):
    """Tells each piece of work under way of the accounts that change before it is done.

        with changes.meanwhile() as changed:
            principal = await check(account)
            if principal.name in changed: ...  # what was found out is no longer true

    What changed before the work began does not concern it, however many others overlap.
    """

    def __init__(self) -> None:
        # By identity: two sets with the same accounts in them are equal.
        self._under_way: dict[int, set[K]] = {}

    def tell(self, account: K) -> None:
        """An account has just changed."""
        for changed in self._under_way.values():
            changed.add(account)

    @contextmanager
    def meanwhile(self) -> Iterator[Collection[K]]:
        """The accounts that have changed since, to be looked into at any time."""
        changed: set[K] = set()
        self._under_way[id(changed)] = changed
        try:
            yield changed
        finally:
            del self._under_way[id(changed)]
