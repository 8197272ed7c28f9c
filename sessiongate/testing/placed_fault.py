"""Faults that a test has placed, until the test is done with them."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

from sessiongate.testing.context import OverInTheEnd


class _Removable(OverInTheEnd):
    """What is removed in the end."""

    @abstractmethod
    def remove(self) -> None:
        """Take it away. Idempotent."""

    def _end(self) -> None:
        self.remove()


class PlacedFault(_Removable):
    """A rule of a server. As a context manager it is removed in the end."""

    def __init__(
        self,
        rule_id: str,
        hits: Callable[[], int],
        remove: Callable[[], None],
        told: Mapping[str, object],
    ) -> None:
        self.id = rule_id
        """What replies that it has touched name in `x-sessiongate-fault`."""
        self._hits = hits
        self._remove = remove
        self._last: int | None = None
        more = (f"{key}={value}" for key, value in told.items() if key != "fault")
        self._rule_text = " ".join([str(told.get("fault")), *more])

    @property
    def hits(self) -> int:
        """How many requests have met it, also after it was removed."""
        return self._hits() if self._last is None else self._last

    def must_hit(self) -> None:
        """Raise AssertionError if no request has met it: then the test has tried nothing."""
        if not self.hits:
            raise AssertionError(f"no request has met the fault {self}")

    def __str__(self) -> str:
        return f"{self.id} ({self._rule_text})"

    def remove(self) -> None:
        """Take it away. Idempotent."""
        if self._last is None:
            self._last = self._hits()
            self._remove()


class PlacedScenario(_Removable):
    """The rules of a scenario. As a context manager they are removed in the end."""

    def __init__(self, faults: Sequence[PlacedFault]) -> None:
        self.faults = tuple(faults)
        """Each rule, in order."""

    @property
    def hits(self) -> int:
        """How many requests and connections have met any of them."""
        return sum(one.hits for one in self.faults)

    def must_hit(self) -> None:
        """Raise AssertionError if no request has met any: then the test has tried nothing."""
        if not self.hits:
            raise AssertionError(f"no request has met any of {', '.join(map(str, self.faults))}")

    def remove(self) -> None:
        """Take all of them away. Idempotent."""
        for one in self.faults:
            one.remove()
