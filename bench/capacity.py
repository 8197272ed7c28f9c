"""Measure what one session, one check and one login cost: the figures of docs/capacity.md.

Bytes in SQLite and in Redis, processor time by dialect, and what two workers over one Redis do
against what these costs predict. Processor time is of processes and not of the clock: where others
share the machine it is hardly touched by them, while rates are.
"""

import argparse
import asyncio
import os
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path

import uvloop
from parts.checks import check, log_in
from parts.logins import login
from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.dialects import ALL, Dialect, Opened, Reply, Request
from tools.load import CONNECTIONS, Load, Way, alternate
from tools.pipelined import send, send_all
from tools.shared import Redis, add_sessions, redis

from sessiongate.rules.store_url import parse_redis
from sessiongate.session import Limits
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore

SESSIONS = 100_000
LOGINS = 20_000
ENDS = 5_000
SECONDS = 4
ROUNDS = 5

# More than are used in one second, few enough for two caches to fill in the warming up.
SPARSE = 30_000
WARM = 12

# What workers are measured with: further settings, and how many sessions; none means logins.
_CACHED = {"STORE__CACHE": "true"}
CASES: Sequence[tuple[str, dict[str, str], int]] = (
    ("check, exact", {}, 5_000),
    ("check, local cache, each session used several times a second", _CACHED, 5_000),
    ("check, local cache, each session used every other second", _CACHED, SPARSE),
    ("login", {}, 0),
)

# So many servers in one process, and at all of them together so many who log in again and again.
CHAIN_SERVERS = (1, 2, 4, 8, 16, 32)
CHAIN_LOGINS = 64
CHAIN_SECONDS = 3
_BETWEEN = 0.02
_EVENT = b'{"event":"session opened","more":"%s"}' % (b"x" * 250)


def main() -> None:
    """Measure all, or what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASURES, help="measure these")
    options = parser.parse_args()
    for name, measure in MEASURES.items():
        if not options.only or name in options.only:
            print(f"{name}:", flush=True)
            for line in measure():
                print(f"  {line}", flush=True)


def _sqlite() -> Iterator[str]:
    """Tables of a file that a server has written: sessions, and the audit of their logins."""
    with scratch() as folder:
        populate.write_users(folder, 1)
        with sessiongate(folder) as server:
            log_in_all(server)
        path = folder / "sessiongate.db"
        with closing(sqlite3.connect(path)) as file:
            pages = dict(file.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
            for table in ("session", "audit"):
                ((count,),) = file.execute(f"SELECT count(*) FROM {table}")
                held = sum(size for name, size in pages.items() if table in name)
                yield f"{table}: {held / count:.0f} bytes each, of {count:,}"
        yield f"file: {path.stat().st_size / LOGINS:.0f} bytes for each of {LOGINS:,} logins"


def log_in_all(server: Child) -> None:
    """So many logins."""
    for _ in range(LOGINS // 5_000):
        log_in(server, 5_000)


def _redis() -> Iterator[str]:
    with scratch() as folder, redis(folder / "redis") as shared:
        before = int(shared.info("memory")["used_memory"])
        uvloop.run(add_sessions(shared, SESSIONS))
        each = (int(shared.info("memory")["used_memory"]) - before) / SESSIONS
        yield f"session: {each:.0f} bytes each of used_memory, of {SESSIONS:,}"
        for key in ("places", "due", "counts"):
            held = int(shared.ask("MEMORY", "USAGE", f"sg:{{book}}:{key}", "SAMPLES", "0"))
            yield f"  of these in the book's {key}: {held / SESSIONS:.0f} bytes"
        rss = int(shared.info("memory")["used_memory_rss"])
        yield f"resident: {rss / 2**20:.0f} MiB; append-only file {_size(folder):.0f} MiB"
    with scratch() as folder, redis(folder / "redis") as shared:
        populate.write_users(folder / "one", 1)
        with sessiongate(folder / "one", shared.settings) as server:
            log_in_all(server)
        held = int(shared.ask("MEMORY", "USAGE", "sg:{audit}:chain", "SAMPLES", "0"))
        count = int(shared.ask("XLEN", "sg:{audit}:chain"))
        yield f"audit: {held / count:.0f} bytes each, of {count:,}"


def _size(folder: Path) -> float:
    return sum(one.stat().st_size for one in folder.rglob("*.aof")) / 2**20


def _dialects() -> Iterator[str]:
    """SQLite, plain HTTP, one connection's worth of a user whose password is remembered."""
    with scratch() as folder:
        populate.write_users(folder, 1)
        with sessiongate(folder) as server:
            for dialect in ALL:
                opened = _opened(server, dialect)
                found = [
                    _way(server, folder, f"{dialect.name}-{number}", request)
                    for number, request in enumerate(
                        (dialect.check(opened), dialect.login("bench0"))
                    )
                ]
                checks, logins = (way.run(SECONDS) for way in found)
                yield (
                    f"{dialect.name}: check {checks.cpu:.0f} µs ({checks.rate:,.0f}/s), "
                    f"login {logins.cpu:.0f} µs ({logins.rate:,.0f}/s)"
                )


def _opened(server: Child, dialect: Dialect) -> Opened:
    host = server.url.partition("://")[2]
    [(head, body)] = send(server.url, dialect.login("bench0").written(host), 1, within=10)
    return dialect.opened(Reply(int(head[9:12]), head, body))


def _way(server: Child, folder: Path, name: str, request: Request) -> Way:
    """The request, again and again."""
    if request.verb == "GET":
        ((carrier, value),) = request.headers
        tokens = folder / f"{name}.txt"
        tokens.write_text(value, encoding="ascii")
        return Way(
            server, request.path, environ={"BENCH_TOKENS": str(tokens), "BENCH_CARRIER": carrier}
        )
    body, headers = folder / f"{name}.body", folder / f"{name}.headers"
    body.write_bytes(request.body)
    lines = [f"{name}: {value}" for name, value in request.headers]
    headers.write_text("\n".join(lines), encoding="ascii")
    environ = {"BENCH_BODY": str(body), "BENCH_HEADERS": str(headers)}
    return Way(server, request.path, "post.lua", environ)


@dataclass(frozen=True)
class Cost:
    """Requests per second, and microseconds of processor time of each, by who spends them."""

    rate: float
    servers: float
    redis: float
    client: float
    free: float
    """Processors that others left to us."""

    def __str__(self) -> str:
        return (
            f"{self.rate:,.0f}/s; a request costs {self.servers:.1f} µs of sessiongate, "
            f"{self.redis:.1f} µs of Redis, {self.client:.1f} µs of wrk; "
            f"{self.free:.2f} processors were ours"
        )

    def predicted(self, workers: int, free: float) -> float:
        """What so many workers can do: each has one processor at most, Redis one, all what is free.

        wrk has one thread, and so one processor too.
        """
        each = (workers / self.servers, 1 / max(self.redis, 1e-9), 1 / self.client)
        together = free / (self.servers + self.redis + self.client)
        return min(*each, together) * 1e6


def _ends() -> Iterator[str]:
    """Logouts over 32 connections."""
    with scratch() as folder, redis(folder / "redis") as shared:
        for name, settings in (("SQLite", {}), ("Redis", shared.settings)):
            data_dir = folder / name
            populate.write_users(data_dir, 1)
            with sessiongate(data_dir, settings) as server:
                host = server.url.partition("://")[2]
                ends = [
                    Request("DELETE", "/v1/session", (("x-zerto-session", token),)).written(host)
                    for token in log_in(server, ENDS)
                ]
                mine, other = server.cpu, shared.child.cpu
                with ThreadPoolExecutor(CONNECTIONS) as threads:
                    shares = [ends[at::CONNECTIONS] for at in range(CONNECTIONS)]
                    done = sum(threads.map(partial(_send, server.url), shares))
                spent = [server.cpu - mine, shared.child.cpu - other]
            ours, its = (seconds / done * 1e6 for seconds in spent)
            yield f"{name}: {ours:.0f} µs of sessiongate, {its:.0f} µs of Redis"


def _send(url: str, requests: Sequence[bytes]) -> int:
    return sum(1 for _ in send_all(url, requests, within=60))


def _workers() -> Iterator[str]:
    """One worker and two over one Redis, in turns: the second as predicted from the first?"""
    for name, settings, sessions in CASES:
        with scratch() as folder, redis(folder / "redis") as shared:
            settings = shared.settings | settings
            for number in (1, 2):
                populate.write_users(folder / str(number), 1)
            tokens = [populate.token(number) for number in range(sessions)]
            populate.write_tokens(folder, tokens)
            if sessions:
                uvloop.run(add_sessions(shared, sessions))
            with (
                sessiongate(folder / "1", settings) as single,
                sessiongate(folder / "2", settings | {"SERVER__WORKERS": "2"}) as double,
            ):
                ways = [
                    check(server, folder / "tokens.txt")
                    if sessions
                    else login(server, folder / str(number) / "logins.txt")
                    for number, server in ((1, single), (2, double))
                ]
                # As many requests on their way for each worker, or batches would differ.
                ways[1] = replace(ways[1], connections=2 * CONNECTIONS)
                for way in ways:
                    way.run(WARM)
                found = alternate(ROUNDS, [partial(_cost, way, shared) for way in ways])
        one, two = (
            sorted(costs, key=attrgetter("rate"))[ROUNDS // 2] for costs in zip(*found, strict=True)
        )
        yield f"{name}, 1 worker: {one}"
        yield f"{name}, 2 workers: {two}"
        guess = one.predicted(2, two.free)
        yield f"  predicted for 2 from 1: {guess:,.0f}/s; measured is {two.rate / guess:.2f} of it"


def _chain() -> Iterator[str]:
    """How often servers that add to the audit's one chain come too late and try again."""
    with scratch() as folder, redis(folder / "redis") as shared:
        for servers in CHAIN_SERVERS:
            shared.ask("CONFIG", "RESETSTAT")
            times = sorted(uvloop.run(_note(shared, servers)))
            calls = shared.info("commandstats")
            tried, added = _called(calls, "hget") / 2, _called(calls, "hset")
            yield (
                f"{servers} servers: {len(times) / CHAIN_SECONDS:,.0f} events/s, "
                f"{tried / added:.1f} tries for each addition, "
                f"{times[len(times) // 2] * 1e3:.1f} ms at the median"
            )


def _called(stats: Mapping[str, str], command: str) -> int:
    return int(stats[f"cmdstat_{command}"].partition(",")[0].removeprefix("calls="))


async def _note(shared: Redis, servers: int) -> list[float]:
    """Seconds that each event took until it was in."""
    limits = Limits(idle=timedelta(hours=1), total=None)
    address = parse_redis(shared.settings["STORE__URL"])
    stores = [RedisStore(RedisSettings(address), limits) for _ in range(servers)]
    until, times = time.monotonic() + CHAIN_SECONDS, list[float]()

    async def logins(store: RedisStore) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            await store.audit.write(_EVENT, datetime.now(UTC))
            times.append(time.monotonic() - began)
            await asyncio.sleep(_BETWEEN)

    for store in stores:
        await store.start()
    await asyncio.gather(*(logins(stores[at % servers]) for at in range(CHAIN_LOGINS)))
    for store in stores:
        await store.close()
    return times


def _cost(way: Way, shared: Redis) -> Cost:
    began = time.monotonic()
    mine, other = way.server.cpu, shared.child.cpu
    client, busy = _wrk(), _busy()
    load: Load = way.run(SECONDS)
    took = time.monotonic() - began
    mine, other = way.server.cpu - mine, shared.child.cpu - other
    client, busy = _wrk() - client, _busy() - busy
    free = (os.cpu_count() or 1) - max(busy - mine - other - client, 0) / took
    requests = load.rate * SECONDS / 1e6
    return Cost(load.rate, mine / requests, other / requests, client / requests, free)


def _wrk() -> float:
    """Processor time of children that have ended: while servers run, those are wrk's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy() -> float:
    """Processor time of the whole machine, without idling and waiting for disks."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    ticks = list(map(int, fields))
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


MEASURES: dict[str, Callable[[], Iterator[str]]] = {
    "sqlite": _sqlite,
    "redis": _redis,
    "dialects": _dialects,
    "ends": _ends,
    "chain": _chain,
    "workers": _workers,
}

if __name__ == "__main__":
    main()
