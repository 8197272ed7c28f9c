"""Memory of a session, and how long expiry holds up everything else."""

from collections.abc import Iterator

from tools.children import result_of
from tools.table import Bench, Measured, Part, Target


def _growth(bench: Bench) -> Iterator[Measured]:
    (each,) = result_of("growth.py", str(bench.many), timeout=120)
    yield Measured("growth", each, f"RSS growth over {bench.many:,} additions")


def _expiry(bench: Bench) -> Iterator[Measured]:
    seconds = 2 if bench.quick else 6
    found = result_of("expiry.py", str(bench.many), str(seconds), timeout=150)
    alone, quiet, expiring, sweeping = found
    yield Measured("step", alone, f"longest of all steps in {seconds} s")
    yield Measured("lag", expiring, f"longest gap between turns; {quiet:.2g} ms when idle")
    yield Measured("sweep", sweeping, "the same, with the log line of each end")


PARTS = (
    Part(
        "memory",
        (Target("growth", "memory per session, added one by one", "-", "<=", 500, "B"),),
        _growth,
    ),
    Part(
        "expiry",
        (
            Target("step", "longest step of expiry, 1 M ending at once", "-", "<=", 2, "ms"),
            Target("lag", "longest pause of the loop, store's expiry", "-", "<=", 2, "ms"),
            Target("sweep", "longest pause of the loop, server's sweep", "-", "<=", 2, "ms"),
        ),
        _expiry,
    ),
)
