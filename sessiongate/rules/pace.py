"""How often something may be done: a bucket that fills steadily and holds what the rate says."""

from math import ceil

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """So many in so many seconds."""

    count: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.count}/{ {1: 's', 60: 'm', 3600: 'h'}[self.seconds] }"


class Bucket(msgspec.Struct, frozen=True):
    """What is left of a rate, and when that was so, in seconds."""

    left: float
    at: float


def full(rate: Rate, now: float) -> Bucket:
    """Of somebody who has done nothing yet."""
    return Bucket(float(rate.count), now)


def spend(bucket: Bucket, rate: Rate, now: float) -> tuple[Bucket, int]:
    """Take one. The bucket then, and 0; or the same and after how many seconds there is one."""
    fills = rate.count / rate.seconds
    left = min(float(rate.count), bucket.left + max(0.0, now - bucket.at) * fills)
    if left < 1:
        return Bucket(left, now), max(1, ceil((1 - left) / fills))
    return Bucket(left - 1, now), 0
