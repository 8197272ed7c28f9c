"""Memory of a session, and how long expiry holds up everything else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tools import populate
from tools.children import result_of, scratch, sessiongate
from tools.pipelined import get, latencies
from tools.table import Bench, Measured, Part, Target

from parts.checks import log_in


def _growth(bench: Bench) -> Iterator[Measured]:
    (each,) = result_of("growth.py", str(bench.many), timeout=120)
    yield Measured("growth", each, f"RSS growth over {bench.many:,} additions")


def _expiry(bench: Bench) -> Iterator[Measured]:
    seconds = 2 if bench.quick else 6
    found = result_of("expiry.py", str(bench.many), str(seconds), timeout=150)
    alone, quiet, expiring, wall = found
    yield Measured("step", alone, f"longest of all steps in {seconds} s")
    note = (
        f"processor time of the loop's thread; {quiet:.2g} ms when idle, wall clock {wall:.2g} ms"
    )
    yield Measured("lag", expiring, note)
    yield from _sweep(bench, seconds)


def _sweep(bench: Bench, seconds: int) -> Iterator[Measured]:
    """The server as it is, with log lines, audit and file: what a client sees of its sweep."""
    ended = datetime.now(UTC) - timedelta(minutes=31)
    with scratch() as folder:
        for name, opened in (("quiet", None), ("sweeping", ended)):
            populate.write_sessions(folder / name, bench.many, opened)
            populate.write_users(folder / name, 1)
        longest = {}
        for name in ("quiet", "sweeping"):
            with sessiongate(folder / name) as server:
                [token] = log_in(server, 1)
                request = get(server.url, "/api/session", {"vmware-api-session-id": token})
                found = sorted(latencies(server.url, request, seconds))
                longest[name] = found[-1]
                longest[f"{name} 99.9 %"] = found[-len(found) // 1000]
    note = ", ".join(f"{name}: {took:.2g} ms" for name, took in longest.items())
    yield Measured("sweep", longest["sweeping"], note)


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
            Target("sweep", "longest wait of a check, server's sweep of 1 M", "-", unit="ms"),
        ),
        _expiry,
    ),
)
