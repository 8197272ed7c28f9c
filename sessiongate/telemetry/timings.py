"""How long things took, in buckets."""

from bisect import bisect_left

# Upper bounds of the buckets, in seconds. A check from memory is in the first, a login in the
# middle, a directory's time-out in the last; Prometheus needs the bounds to stay as they are.
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Timing:
    """How often, how long in all, and how the times spread over the buckets."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
