"""Whether two ways can be told apart by how long they take, judged by ranks."""

import pytest


def chance_of_longer(one: list[float], other: list[float]) -> float:
    """How often a span of one is longer than one of the other: 0.5 where nothing tells them apart.

    This is Mann and Whitney's U over the number of pairs, which asks for ranks alone.
    """
    pairs = len(one) * len(other)
    return sum((a > b) + (a == b) / 2 for a in one for b in other) / pairs


TIMES = 3
"""How often ways are timed anew where they looked apart. A machine that becomes busy in the middle
may tell two ways apart that are alike, but hardly three times in a row; ways that do differ are
told apart each time, since one of them always has the longer spans."""

# With 100 of each, chance alone stays within 0.14 of a half but once in a thousand, with 40 of each
# within 0.21; the rest is for a machine that becomes busy meanwhile. A hash that costs half as
# much, or none, is at 0 or at 1.
ALIKE = pytest.approx(0.5, abs=0.25)
