"""What no longer fits a table of counters, in a few hundred kilobytes, and never too low.

A count-min sketch: each key has one bucket in each of four rows, a bucket holds the most that any
of its keys was given, and a key's count is the least of its four. So a count may be too high, where
four strangers share its buckets, and is never too low: whoever floods a table with names frees
nobody. Which buckets are whose goes by a key of this process, so nobody aims at a name.

Two halves, each good for one `span`: what is kept counts for one span at least and two at most.
"""

import secrets
from array import array
from datetime import datetime, timedelta
from hashlib import blake2b

_ROWS = 4
# With as many names in a half as buckets in a row, one stranger in six has company in all four.
_BUCKETS = 2**16
_MOST = 2**16 - 1


class _Half:
    def __init__(self, began: datetime) -> None:
        self.began = self.last = began
        self.rows = [array("H", bytes(2 * _BUCKETS)) for _ in range(_ROWS)]


class Sketch:
    """Counts by key, over two halves in time."""

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._secret = secrets.token_bytes(32)
        self._halves: list[_Half] = []

    def keep(self, key: str, count: int, now: datetime) -> None:
        """Remember at least this count for this key."""
        if not self._halves or now - self._halves[0].began >= self._span:
            self._halves = [_Half(now), *self._halves[:1]]
        half = self._halves[0]
        half.last = max(half.last, now)
        for row, bucket in zip(half.rows, self._buckets(key), strict=True):
            row[bucket] = max(row[bucket], min(count, _MOST))

    def count(self, key: str, now: datetime) -> tuple[int, datetime]:
        """The count of this key, too high by chance but never too low, and since when at latest."""
        found, at = 0, now
        for half in self._halves:
            if now - half.last < self._span:
                here = min(
                    row[bucket] for row, bucket in zip(half.rows, self._buckets(key), strict=True)
                )
                if here > found:
                    found, at = here, half.last
        return found, at

    def _buckets(self, key: str) -> list[int]:
        data = key.encode("utf-8", "surrogatepass")
        digest = blake2b(data, key=self._secret, digest_size=2 * _ROWS).digest()
        return [int.from_bytes(digest[at : at + 2], "big") for at in range(0, 2 * _ROWS, 2)]
