"""What of a run's time is load of a length that was asked for, and what is work besides.

On a machine with other work the clock is no guide to how long a run takes on a quiet one. The
seconds of its slices are the same on both, and so is the processor time of all else, which is
hardly ever spent by two at once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass
class _Slices:
    seconds: float = 0.0
    cpu: float = 0.0


_slices = _Slices()


@contextmanager
def slice_of(seconds: float) -> Iterator[None]:
    """Around load that goes on for so long, however fast the machine is."""
    before = _cpu()
    yield
    _slices.seconds += seconds
    _slices.cpu += _cpu() - before


class Spent:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._seconds, self._cpu = _slices.seconds, _cpu() - _slices.cpu

    @property
    def seconds(self) -> float:
        """Of slices."""
        return _slices.seconds - self._seconds

    @property
    def besides(self) -> float:
        """Seconds of processor time outside them, of this process and all that it has started."""
        return _cpu() - _slices.cpu - self._cpu


def _cpu() -> float:
    """Processor time of this process and of those below it, with those that have ended."""
    return sum(os.times()[:4]) + sum(map(_whole, _children(os.getpid())))


def _whole(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks * _TICK + sum(map(_whole, _children(pid)))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, listed.read_text(encoding="ascii").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
