"""What one request may still read: objects, steps along traversals, and values.

An update shares one budget among all of its filters. Whatever stands in it is read once.
"""

from datetime import datetime

from sessiongate import errors
from sessiongate.errors import SessionGateError
from sessiongate.wire.vim.types import Boxed, Data, MoRef, Value

# Each object that is named once more repeats all of its lists: 280 kB of such names were answered
# by 58 MB, to anybody. Whoever has a session may have views.
_MOST_OBJECTS = 8
_MOST_OBJECTS_OF_CALLERS = 200

# A traversal from one object, or an object that it leads to: traversals may name each other, and
# lead to everything that a view holds.
_MOST_STEPS = 2000

# Items of lists and members of data, in everything that is written. A list of 2,000 sessions has
# 26,000 of them, which take about 20 ms to write.
_MOST_VALUES = 10_000
_MOST_VALUES_OF_CALLERS = 30_000

# What is read at once before others have their turn, in values; and how many values are as dear as
# one property that is looked up, such as the page of a collector that no event fits.
_PORTION = 3000
_PROPERTY = 200

# Characters or bytes that are as dear as one value more.
_LONG = 100


class ReadBudget:
    """Counts what one request reads, and keeps what was read."""

    def __init__(self, *, known: bool) -> None:
        """`known` says whether the caller has a session."""
        self._most_objects = _MOST_OBJECTS_OF_CALLERS if known else _MOST_OBJECTS
        self._most_values = _MOST_VALUES_OF_CALLERS if known else _MOST_VALUES
        self._objects = 0
        self._steps = 0
        self._values = 0
        self._paused_at = 0
        self.read: dict[tuple[MoRef, str], Value | SessionGateError | None] = {}
        """What properties of objects gave, or why they gave nothing."""

    @property
    def spent(self) -> bool:
        """Whether something was asked for that is beyond it."""
        return (
            self._objects > self._most_objects
            or self._steps > _MOST_STEPS
            or self._values > self._most_values
        )

    def take_object(self) -> None:
        """One object more. Raises InvalidArgument where there were too many."""
        self._objects += 1
        if self._objects > self._most_objects:
            why = f"more than {self._most_objects} objects in one request"
            raise errors.InvalidArgument("specSet", why)

    def take_step(self) -> None:
        """One step more. Raises InvalidArgument where there were too many."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise errors.InvalidArgument("selectSet", f"more than {_MOST_STEPS} steps to walk")

    def take_value(self, value: Value | None) -> None:
        """One path more, with all in its value. Raises InvalidArgument where that is too much."""
        left = self._most_values - self._values
        self._values += 1 + count(value, left)
        if self._values > self._most_values:
            why = f"more than {self._most_values} values in one request"
            raise errors.InvalidArgument("specSet", why)

    def is_due(self) -> bool:
        """Whether so much has been read since this was last so that others have their turn now."""
        work = self._values + _PROPERTY * len(self.read)
        if work - self._paused_at < _PORTION:
            return False
        self._paused_at = work
        return True


def count(value: Value | None, most: int) -> int:
    """How many values are in a value, itself included. It is not counted far beyond `most`."""
    found = 0
    waiting = [] if value is None else [value]
    while waiting and found <= most:
        one = waiting.pop()
        found += 1
        if isinstance(one, Data):
            # Most of what a request reads is one of these with a dozen leaves: they are counted
            # at once, and none is asked whether it is a Sequence, which takes longest.
            for member in one.members.values():
                if isinstance(member, str):
                    found += 1 + len(member) // _LONG
                elif isinstance(member, _SINGLE):
                    found += 1
                else:
                    waiting.append(member)
        elif isinstance(one, _TEXTS):
            found += len(one) // _LONG
        elif isinstance(one, Boxed):
            waiting.append(one.value)
        elif not isinstance(one, _SINGLE):
            waiting.extend(one)
    return found


_TEXTS = (str, bytes)
_SINGLE = (int, datetime, MoRef)  # int also stands for bool
