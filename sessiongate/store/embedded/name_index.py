"""Sessions by the name of whose they are: what a list of one user's is made of, without a scan.

A chain through the sessions themselves, as `wheel` has one, and for the same reasons: it costs two
words of each session, and nothing grows that would hold up the event loop.
"""

from collections.abc import Callable

from sessiongate.store.embedded.wheel import SessionRecord

MOST_WALKED = 10_000
"""Sessions of one name that a walk collects, in some 2 ms. Of more it is no better than a scan."""


class NameIndex:
    """All kept sessions, by principal in lower case, whoever is the provider."""

    def __init__(self, look_up: Callable[[bytes], SessionRecord]) -> None:
        self._look_up = look_up
        self._newest: dict[str, SessionRecord] = {}

    def put(self, record: SessionRecord) -> None:
        """File it before those of its name."""
        name = _name_of(record)
        head = self._newest.get(name)
        if head is not None:
            head.newer = record.digest
            record.older = head.digest
        self._newest[name] = record

    def drop(self, record: SessionRecord) -> None:
        """Take it out; its facts are still those by which it was filed."""
        newer, older = record.newer, record.older
        if newer is not None:
            self._look_up(newer).older = older
        elif older is not None:
            self._newest[_name_of(record)] = self._look_up(older)
        else:
            del self._newest[_name_of(record)]
        if older is not None:
            self._look_up(older).newer = newer
        record.newer = record.older = None

    def of(self, name: str, most: int = MOST_WALKED) -> list[SessionRecord] | None:
        """The sessions of this name, filed last first. None: there are more than `most`."""
        found: list[SessionRecord] = []
        record = self._newest.get(name)
        while record is not None:
            if len(found) == most:
                return None
            found.append(record)
            record = self._look_up(record.older) if record.older is not None else None
        return found


def _name_of(record: SessionRecord) -> str:
    name = record.facts.principal
    lower = name.lower()
    return name if lower == name else lower  # the one that is shared by all sessions of the client
