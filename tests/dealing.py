"""The order of tests for processes beside each other: none is left with a long one at the end.

Each process gets one part of the list, in one piece, and whoever is done takes over from the end of
another's part. So each part begins with its share of what is slow.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")


def dealt(
    items: Sequence[T], count: int, slow: Callable[[T], bool], group: Callable[[T], object]
) -> list[T]:
    """The items for so many processes. What is of one group and side by side stays together."""
    quick = [item for item in items if not slow(item)]
    runs = [list(run) for _, run in groupby(filter(slow, items), group)]
    size = -(-len(items) // count)
    order: list[T] = []
    for number in range(count):
        share = [item for run in runs[number::count] for item in run]
        rest = max(size - len(share), 0)
        order += [*share, *quick[:rest]]
        quick = quick[rest:]
    return [*order, *quick]
