"""What clients of the gateway have at one upstream, for the stores of one process: in memory.

Books are handed out themselves and not as copies, so that nothing is read twice. A file has none of
them: what clients had in a lease ends with the process that knew of it.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable

from sessiongate.store.embedded.lease_users import LeaseUserTable
from sessiongate.store.encoding import REMEMBERED, instance_of
from sessiongate.store.gateway_port import Book, Changes, Entered, LeaseState, StayOutcome


class _Client:
    """One client, and where its things are."""

    __slots__ = ("book", "cleared_by", "home", "lost", "stays", "turned", "version")

    def __init__(self, version: int) -> None:
        self.book = Book()
        self.home = ""
        self.version = version
        self.stays: set[str] = set()
        self.turned: dict[str, str] = {}
        """Tokens that were used up, and by which stay."""
        self.cleared_by = ""
        self.lost = False


class MemoryBooks:
    """The books of one upstream. No method suspends."""

    shared = False

    def __init__(self, users: LeaseUserTable) -> None:
        self._users = users
        self._clients: dict[str, _Client] = {}
        self._owners: dict[str, str] = {}
        self._version = 0
        """The last one of any book: a client that begins anew has never been told a later one."""
        self._over: OrderedDict[str, float] = OrderedDict()
        """Clients of which nothing else is left, and until when that is remembered."""

    def is_untouched(self, client: str, names: Collection[str]) -> bool:
        """Whether this client has nothing, its session goes on, and none of these is another's."""
        return (
            client not in self._clients
            and client not in self._over
            and self._owners.keys().isdisjoint(names)
        )

    async def enter(
        self,
        client: str,
        stay: str,
        lease_id: str,
        *,
        exclusive: bool = False,
        known: int = -1,
        names: Iterable[str] = (),
    ) -> Entered:
        """Begin a stay. The version is of no use here."""
        del known
        found = self._clients.get(client)
        if client in self._over or (found is not None and (found.cleared_by or found.lost)):
            return Entered(StayOutcome.OVER)
        for name in names:
            if self._owners.get(name, client) != client:
                return Entered(StayOutcome.FOREIGN, foreign=name)
        if found is None:
            if not lease_id:
                return Entered(StayOutcome.IN, "", self._version, Book())
            found = _Client(self._version)
        if lease_id:
            if not found.home:
                use = self._users.uses.get(lease_id)
                if use is None or use.state is not LeaseState.OPEN:
                    return Entered(StayOutcome.CLOSED)
                if exclusive and use.homes:
                    return Entered(StayOutcome.TAKEN)
                use.homes.add(client)
                found.home, found.version = lease_id, self._next_version()
            found.stays.add(stay)
            self._clients[client] = found
        return Entered(StayOutcome.IN, found.home, found.version, found.book)

    async def note(self, client: str, lease_id: str, changes: Changes, known: int) -> Entered:
        """Keep what has changed."""
        del known
        found = self._clients.get(client)
        if found is None or found.cleared_by or found.home != lease_id:
            return Entered(StayOutcome.OVER)
        before = found.book.names()
        found.book.apply(changes)
        after = found.book.names()
        self._release_objects(client, before - after)
        opened = {name for name, _ in changes.opened}
        self._owners.update(dict.fromkeys(after - before | opened, client))
        found.version = self._next_version()
        return Entered(StayOutcome.IN, found.home, found.version, found.book)

    async def turn(self, client: str, stay: str, token: str, now: float) -> bool:
        """Use up a token."""
        found = self._clients.get(client)
        if found is None:
            return False
        until = found.book.pages.pop(token, None)
        if until is None:
            return found.turned.get(token) == stay
        found.version = self._next_version()
        if until <= now:
            return False
        found.turned[token] = stay
        return True

    async def leave(self, client: str, stay: str, lease_id: str, now: float) -> bool:
        """End a stay."""
        found = self._clients.get(client)
        if found is None:
            return True
        own = instance_of(stay)
        found.stays = {
            one
            for one in found.stays
            if one != stay and (instance_of(one) == own or self._users.lives(instance_of(one)))
        }
        found.turned = {token: one for token, one in found.turned.items() if one != stay}
        book = found.book
        for token in [one for one, until in book.pages.items() if until <= now]:
            del book.pages[token]
        if stay and found.cleared_by == stay:
            self._release_objects(client, book.names())
            book.apply(Changes((*book.objects, *book.pages, book.collector)))
        elif book.size:
            return found.home != lease_id
        if found.stays:
            return found.home != lease_id
        if found.home not in ("", lease_id):
            return True
        use = self._users.uses.get(found.home)
        if use is not None:
            use.homes.discard(client)
        if found.lost and not found.cleared_by:
            found.home = ""
            return True  # until its session ends, nothing of it may begin
        del self._clients[client]
        if found.cleared_by:
            self._remember(client, now)
        return True

    async def clear(self, client: str, stay: str, now: float) -> Entered | None:
        """Let nothing of this client begin any more."""
        found = self._clients.get(client)
        if found is None or not found.home:
            if client in self._over or (found is not None and found.cleared_by):
                return None
            self._clients.pop(client, None)
            self._remember(client, now)
            return Entered(StayOutcome.IN, book=Book())
        by = found.cleared_by
        if by and by != stay and self._users.lives(instance_of(by)):
            return None
        found.cleared_by = stay
        found.stays.add(stay)
        return Entered(StayOutcome.IN, found.home, found.version, found.book)

    async def lost(self, lease_id: str, instance: str) -> list[str]:
        """The lease is over with all in it."""
        use = self._users.uses.get(lease_id)
        if use is None:
            return []
        use.state = LeaseState.LOST
        use.instances = {instance}
        homes, use.homes = use.homes, set()
        had = []
        for client in sorted(homes):
            found = self._clients.get(client)
            if found is None or found.home != lease_id:
                continue
            book = found.book
            if book.size:
                had.append(client)
                found.lost = True
                self._release_objects(client, book.names())
                book.apply(Changes((*book.objects, *book.pages, book.collector)))
            found.home = ""
            if found.stays or found.lost or found.cleared_by:
                found.version = self._next_version()
            else:
                del self._clients[client]
        return had

    def _next_version(self) -> int:
        self._version += 1
        return self._version

    def _release_objects(self, client: str, names: Iterable[str]) -> None:
        for name in names:
            if self._owners.get(name) == client:
                del self._owners[name]

    def _remember(self, client: str, now: float) -> None:
        while self._over and next(iter(self._over.values())) <= now:
            self._over.popitem(last=False)
        self._over.setdefault(client, now + REMEMBERED.total_seconds())
