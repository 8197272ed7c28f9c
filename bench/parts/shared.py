"""Sessions in Redis: what checks cost there, and how soon an end is felt on another server."""

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from urllib.parse import urlsplit

import uvloop
from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.load import CONNECTIONS, compare, cpu_ratios, rates
from tools.pipelined import post, send
from tools.shared import REDIS, VALKEY, add_sessions, redis
from tools.table import Bench, Measured, NotMeasured, Part, Target, median
from tools.trips import Line, counted

from parts.checks import check, log_in

# Fewer than elsewhere: each of them is a login, three times over. All fit the cache.
SESSIONS = 5_000

# Uses are written to Redis every five seconds: a slice must hold one such write.
_TOLD_FOR = 6

_CACHED = {"STORE__CACHE": "true"}
_WORKERS = (2, 4)


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


def _cores(bench: Bench) -> Iterator[Measured]:
    """Workers of one machine over a store on it, each session used at all of them."""
    with scratch() as folder, redis(folder / "redis", (VALKEY, REDIS)) as store:
        for name in ("file", *map(str, _WORKERS)):
            populate.write_users(folder / name, 1)
        tokens = populate.write_sessions(folder / "file", SESSIONS)
        uvloop.run(add_sessions(store, SESSIONS))
        settings = store.settings_on_this_host | _CACHED
        with ExitStack() as started:
            ways = [check(started.enter_context(sessiongate(folder / "file")), tokens)]
            for number in _WORKERS:
                workers = settings | {"SERVER__WORKERS": str(number)}
                server = started.enter_context(sessiongate(folder / str(number), workers))
                # As many requests on their way for each worker, or turns of a loop would differ.
                ways.append(replace(check(server, tokens), connections=number * CONNECTIONS))
            for way in ways[1:]:
                way.run(_TOLD_FOR)  # caches are filled
            rounds = 2 if bench.quick else 5
            found = compare(bench, *ways, rounds=rounds, seconds=_TOLD_FOR)
    for at, number in enumerate(_WORKERS, 1):
        yield Measured.of(f"cores-{number}", cpu_ratios(found, at, 0), rates(found, at, 0))


def _trips(bench: Bench) -> Iterator[Measured]:
    """Logins one by one, through a line that counts how often an answer is waited for."""
    times = 5 if bench.quick else 20
    with scratch() as folder, redis(folder / "redis") as shared, counted(shared.port) as line:
        populate.write_users(folder / "server", times)
        settings = {"STORE__URL": f"redis://127.0.0.1:{line.port}/0"}
        with sessiongate(folder / "server", settings) as server:
            found = [
                [_waited(server, line, f"bench{number}") for number in range(times)]
                for _ in range(2)
            ]
    cold, warm = map(median, found)
    yield Measured("trips", warm, f"of a credential that is remembered; with its hash {cold:.0f}")


def _waited(server: Child, line: Line, name: str) -> int:
    """How many trips a login of this user takes."""
    headers = {"Authorization": populate.basic(name)}
    asked = post(server.url, "/v1/session/add", headers, b"")
    before = line.trips
    [_] = send(server.url, asked, 1, within=10)
    return line.trips - before


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
        "cores",
        (
            Target(
                "cores-2",
                "check, two workers over a local Valkey, cache",
                "one worker, SQLite, CPU",
                ">=",
                0.9,
            ),
            Target("cores-4", "the same, four workers", "one worker, SQLite, CPU"),
        ),
        _cores,
    ),
    Part(
        "trips",
        (Target("trips", "trips to Redis one after the other in a login", "-", "<=", 2),),
        _trips,
    ),
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
