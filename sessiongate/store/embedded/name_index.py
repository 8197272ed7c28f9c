"""Sessions by the name of whose they are: what a list of one user's is made of, without a scan.

A chain through the sessions themselves, as `wheel` has one, and for the same reasons: it costs two
words of each session, and nothing grows that would hold up the event loop.
"""

from collections.abc import Callable

from sessiongate.store.embedded.wheel import Kept

MOST_WALKED = 10_000
"""Sessions of one name that a walk collects, in some 2 ms. Of more it is no better than a scan."""


class NameIndex:
    """All kept sessions, by principal in lower case, whoever is the provider."""

    def __init__(self, look_up: Callable[[bytes], Kept]) -> None:
        self._look_up = look_up
        self._newest: dict[str, Kept] = {}

    def put(self, kept: Kept) -> None:
        """File it before those of its name."""
        name = _name_of(kept)
        head = self._newest.get(name)
        if head is not None:
            head.newer = kept.digest
            kept.older = head.digest
        self._newest[name] = kept

    def drop(self, kept: Kept) -> None:
        """Take it out; its facts are still those by which it was filed."""
        newer, older = kept.newer, kept.older
        if newer is not None:
            self._look_up(newer).older = older
        elif older is not None:
            self._newest[_name_of(kept)] = self._look_up(older)
        else:
            del self._newest[_name_of(kept)]
        if older is not None:
            self._look_up(older).newer = newer
        kept.newer = kept.older = None

    def of(self, name: str, most: int = MOST_WALKED) -> list[Kept] | None:
        """The sessions of this name, filed last first. None: there are more than `most`."""
        found: list[Kept] = []
        kept = self._newest.get(name)
        while kept is not None:
            if len(found) == most:
                return None
            found.append(kept)
            kept = self._look_up(kept.older) if kept.older is not None else None
        return found


def _name_of(kept: Kept) -> str:
    name = kept.facts.principal
    lower = name.lower()
    return name if lower == name else lower  # the one that is shared by all sessions of the client
