"""Sessions in Redis: what checks cost there, and how soon an end is felt on another server."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.load import compare, cpu_ratios, rates
from tools.shared import redis
from tools.table import Bench, Measured, NotMeasured, Part, Target, median

from parts.checks import check, log_in

# Fewer than elsewhere: each of them is a login, three times over. All fit the cache.
SESSIONS = 5_000

# Uses are written to Redis every five seconds: a slice must hold one such write.
_TOLD_FOR = 6

_CACHED = {"STORE__CACHE": "true"}


def _checks(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder, redis(folder / "redis") as shared:
        for name in ("memory", "exact", "cached"):
            populate.write_users(folder / name, 1)
        with (
            sessiongate(folder / "memory", {"STORE__URL": "memory:"}) as memory,
            sessiongate(folder / "exact", shared.settings) as exact,
            sessiongate(folder / "cached", shared.settings | _CACHED) as cached,
        ):
            tokens = log_in(exact, SESSIONS)
            files = [
                populate.write_tokens(folder / "memory", log_in(memory, SESSIONS)),
                populate.write_tokens(folder / "exact", tokens),
                populate.write_tokens(folder / "cached", tokens),
            ]
            servers = (memory, exact, cached)
            ways = map(check, servers, files)
            found = compare(bench, *ways, rounds=2 if bench.quick else 5, seconds=_TOLD_FOR)
    yield Measured.of("exact", cpu_ratios(found, 1, 0), rates(found, 1, 0))
    yield Measured.of("cached", cpu_ratios(found, 2, 0), rates(found, 2, 0))


def _ends(bench: Bench) -> Iterator[Measured]:
    """A session that both have in their caches ends on one; from that answer on, ask the other."""
    times = 100 if bench.quick else 1_000
    with scratch() as folder, redis(folder / "redis") as shared:
        for name in ("one", "other"):
            populate.write_users(folder / name, 1)
        with (
            sessiongate(folder / "one", shared.settings | _CACHED) as one,
            sessiongate(folder / "other", shared.settings | _CACHED) as other,
            closing(_connection(one)) as here,
            closing(_connection(other)) as there,
        ):
            felt = sorted(_felt(here, there, token) for token in log_in(one, times))
    late = felt[len(felt) * 99 // 100]
    note = f"{times:,} ends; median {median(felt):.2g} ms, longest {felt[-1]:.2g} ms"
    yield Measured("ends", late, note)


def _connection(server: Child) -> http.client.HTTPConnection:
    where = urlsplit(server.url)
    return http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)


def _status(connection: http.client.HTTPConnection, verb: str, token: str) -> int:
    connection.request(verb, "/api/session", headers={"vmware-api-session-id": token})
    reply = connection.getresponse()
    reply.read()
    return reply.status


def _felt(here: http.client.HTTPConnection, there: http.client.HTTPConnection, token: str) -> float:
    """Milliseconds from the answer to a logout here until it has been refused there."""
    for connection in (here, there):
        if _status(connection, "GET", token) != 200:
            raise NotMeasured("a session was not known on both servers")
    if _status(here, "DELETE", token) != 204:
        raise NotMeasured("a logout was refused")
    began = time.perf_counter()
    while _status(there, "GET", token) != 401:
        if time.perf_counter() - began > 10:
            raise NotMeasured("an end was not felt in ten seconds")
    return (time.perf_counter() - began) * 1e3


PARTS = (
    Part(
        "redis",
        (
            Target("exact", "check, Redis, exact", "memory only, CPU", ">=", 0.5),
            Target("cached", "check, Redis, local cache", "memory only, CPU", ">=", 0.9),
        ),
        _checks,
    ),
    Part(
        "redis-ends",
        (Target("ends", "end felt on another server, local cache, p99", "-", "<=", 5, "ms"),),
        _ends,
    ),
)
