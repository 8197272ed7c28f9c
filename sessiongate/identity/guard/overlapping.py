"""Accounts that change while somebody is in the middle of something that depends on them."""

from collections.abc import Collection, Hashable
from contextlib import AbstractContextManager
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

    def meanwhile(self) -> AbstractContextManager[Collection[K]]:
        """The accounts that have changed since, to be looked into at any time."""
        return _WorkUnderWay(self._under_way)


class _WorkUnderWay(AbstractContextManager[Collection[K]]):
    """One piece of work. Each login is one, and a generator takes nearly twice as long."""

    __slots__ = ("_changed", "_under_way")

    def __init__(self, under_way: dict[int, set[K]]) -> None:
        self._under_way = under_way
        self._changed: set[K] = set()

    def __enter__(self) -> Collection[K]:
        self._under_way[id(self._changed)] = self._changed
        return self._changed

    def __exit__(self, *error: object) -> None:
        del self._under_way[id(self._changed)]
