"""What a check costs: against the bare server, over TLS, among a million, and beside other work."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tools import populate
from tools.children import (
    Child,
    floor,
    hello,
    nginx,
    parsing,
    result_of,
    scratch,
    sessiongate,
)
from tools.load import (
    Load,
    Rounds,
    Way,
    alternate,
    compare,
    cpu_ratios,
    p99s,
    rate_ratios,
    rates,
)
from tools.pipelined import post, send
from tools.table import Bench, Measured, NotMeasured, Part, Target, median

FEW = 10_000
_TOKEN = re.compile(rb"x-zerto-session: *(\S+)", re.IGNORECASE)

# Why it adds more than is asked: by the row beside it.
_OPENSSL = "uvloop's own layer adds no less to a protocol that only reads, see the row below"

_ALIKE = 1.15
"""What differs by less is the same."""

# Touches are collected for five seconds and written over five more: a slice must see both.
_TOUCHED_FOR = 11


def check(server: Child, tokens: Path, path: str = "/api/session") -> Way:
    """An authenticated GET that clients really make, each request with another session."""
    carrier = "x-zerto-session" if path.startswith("/v1/") else "vmware-api-session-id"
    return Way(server, path, environ={"BENCH_TOKENS": str(tokens), "BENCH_CARRIER": carrier})


def _floor(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        tokens = populate.write_sessions(folder / "few", FEW)
        with (
            floor(folder) as bare,
            hello(folder) as edge,
            sessiongate(folder / "few") as server,
            nginx(folder / "nginx") as constant,
            parsing(folder) as reads,
        ):
            ways = [Way(bare, "/"), Way(edge, "/"), check(server, tokens), Way(constant, "/")]
            ways.append(replace(ways[2], server=reads))
            found = compare(bench, *ways)
    yield Measured.of("check", cpu_ratios(found, 2, 0), rates(found, 2, 0))
    yield Measured.of("check-nginx", cpu_ratios(found, 2, 3), rates(found, 2, 3))
    yield Measured.of("hello", cpu_ratios(found, 1, 0), rates(found, 1, 0))
    yield Measured.of("parsing", cpu_ratios(found, 4, 0), rates(found, 4, 0))


def _faultable(bench: Bench) -> Iterator[Measured]:
    """What is added is measured by itself, in pairs; a whole check is what it is held against."""
    pairs, count = (9, 2_000) if bench.quick else (9, 20_000)
    found = result_of("faultable.py", str(pairs), str(count), timeout=120)
    added = sorted(with_ - without for without, with_ in _pairs(found))
    with scratch() as folder:
        tokens = populate.write_sessions(folder / "few", FEW)
        with sessiongate(folder / "few") as server:
            whole = check(server, tokens).run(bench.seconds).cpu
    # Of nine pairs the second and the eighth have the median between them in 96 of 100 runs.
    low, high = (whole / (whole + one) for one in (added[-2], added[1]))
    span = f"{added[1]:.2f} to {added[-2]:.2f} µs more"
    note = f"{span} of {whole:.1f}, {pairs} pairs of {count:,} checks"
    value = whole / (whole + median(added))
    yield Measured("faultable", value, note, between=(low, high))


def _pairs(found: Sequence[float]) -> Iterator[tuple[float, float]]:
    """The first two, the next two, and so on."""
    return zip(found[::2], found[1::2], strict=True)


def _tls(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        plain = populate.write_sessions(folder / "plain", FEW)
        tls = populate.write_sessions(folder / "tls", FEW)
        with (
            sessiongate(folder / "plain") as one,
            sessiongate(folder / "tls", tls=True) as other,
            parsing(folder) as reads,
            parsing(folder, folder / "tls") as reads_tls,
        ):
            ways = [check(one, plain), check(other, tls)]
            ways += [
                replace(way, server=by) for way, by in zip(ways, (reads, reads_tls), strict=False)
            ]
            found = compare(bench, *ways)
    added = [[loads[at + 1].cpu - loads[at].cpu for loads in found] for at in (0, 2)]
    ours = Measured.of("tls", added[0], rates(found, 1, 0))
    reading = Measured.of("parsing-added", added[1], rates(found, 3, 2))
    yield replace(ours, owed=ours.value <= _ALIKE * reading.value)
    yield reading


def _connections(bench: Bench) -> Iterator[Measured]:
    """A connection of its own for each check, against nginx, which answers a constant."""
    closing = {"BENCH_CLOSE": "1"}
    with scratch() as folder:
        plain = populate.write_sessions(folder / "plain", FEW)
        tls = populate.write_sessions(folder / "tls", FEW)
        with (
            sessiongate(folder / "plain") as one,
            sessiongate(folder / "tls", tls=True) as other,
            nginx(folder / "nginx") as plain_in_c,
            nginx(folder / "nginx-2", folder / "tls", tls="TLSv1.2") as older,
            nginx(folder / "nginx-3", folder / "tls", tls="TLSv1.3") as newer,
            parsing(folder) as reads,
            parsing(folder, folder / "tls") as reads_tls,
        ):
            ours = [check(one, plain), check(other, tls)]
            ways = [replace(way, environ={**(way.environ or {}), **closing}) for way in ours]
            ways += [Way(server, "/", environ=closing) for server in (plain_in_c, older, newer)]
            ways += [
                replace(way, server=one) for way, one in zip(ways, (reads, reads_tls), strict=False)
            ]
            found = compare(bench, *ways)
    yield Measured.of("new-tls", cpu_ratios(found, 1, 4), rates(found, 1, 4))
    yield Measured.of("new-tls-2", cpu_ratios(found, 1, 3), rates(found, 1, 3))
    yield Measured.of("new-plain", cpu_ratios(found, 0, 2), rates(found, 0, 2))
    yield Measured.of("parsing-tls", cpu_ratios(found, 6, 4), rates(found, 6, 4))
    yield Measured.of("parsing-plain", cpu_ratios(found, 5, 2), rates(found, 5, 2))


def _many(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        few = populate.write_sessions(folder / "few", FEW)
        many = populate.write_sessions(folder / "many", bench.many)
        populate.write_users(folder / "many", 1)
        with sessiongate(folder / "many") as first:
            # The first start looks whether somebody is gone. A restart need not, where the users
            # are those of when the server last did something.
            log_in(first, 1)
        with sessiongate(folder / "many") as crowd, sessiongate(folder / "few") as small:
            each = (crowd.rss - small.rss) / (bench.many - FEW)
            yield Measured("restart", crowd.took, f"{bench.many:,} sessions, start to listening")
            yield Measured("rss", each, f"RSS of the server at {bench.many:,} less that at {FEW:,}")
            found = compare(bench, check(small, few), check(crowd, many))
    yield Measured.of("many", rate_ratios(found, 1, 0), f"{bench.many:,}: {rates(found, 1, 0)}")


def log_in(server: Child, count: int) -> list[str]:
    """The tokens of so many logins by Zerto's dialect, of one user."""
    headers = {"Authorization": populate.basic("bench0")}
    request = post(server.url, "/v1/session/add", headers, b"")
    found = (_TOKEN.search(head) for head, _ in send(server.url, request, count, within=30))
    tokens = [match[1].decode("ascii") for match in found if match is not None]
    if len(tokens) != count:
        raise NotMeasured("too few logins in half a minute")
    return tokens


def _touches(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        for name in ("memory", "file"):
            populate.write_users(folder / name, 1)
        with (
            sessiongate(folder / "memory", {"STORE__URL": "memory:"}) as memory,
            sessiongate(folder / "file") as durable,
        ):
            ways = [
                check(server, populate.write_tokens(folder / name, log_in(server, FEW)))
                for name, server in (("memory", memory), ("file", durable))
            ]
            found = compare(bench, *ways, rounds=5, seconds=_TOUCHED_FOR)
    yield Measured.of("touches", rate_ratios(found, 1, 0), rates(found, 1, 0))
    yield Measured.of("touches-p99", p99s(found, 1), _p99_without(found))


def _cold(bench: Bench) -> Iterator[Measured]:
    """Cold logins by several users at once: one verification per login, nothing remembered."""
    users = 8
    with scratch() as folder:
        tokens = populate.write_sessions(folder / "server", FEW)
        logins = populate.write_users(folder / "server", users)
        with sessiongate(folder / "server", {"HASHING__VERIFIED_CACHE": "0"}) as server:
            checks = check(server, tokens)
            cold = Way(
                server,
                "/v1/session/add",
                "post.lua",
                {"BENCH_LOGINS": str(logins)},
                connections=users // 2,
            )
            seconds = bench.seconds
            found = alternate(
                bench.rounds, [lambda: checks.run(seconds), _beside(checks, cold, seconds)]
            )
    yield Measured.of("cold", rate_ratios(found, 1, 0), rates(found, 1, 0))
    yield Measured.of("cold-p99", p99s(found, 1), _p99_without(found))


def _p99_without(found: Rounds) -> str:
    return f"without: {median(p99s(found, 0)):.1f} ms"


def _beside(checks: Way, cold: Way, seconds: int) -> Callable[[], Load]:
    """Checks measured while cold logins come all the time."""

    def run() -> Load:
        other = cold.start(seconds + 1)
        try:
            return checks.run(seconds)
        finally:
            cold.result(other, seconds + 1)

    return run


PARTS = (
    Part(
        "faultable",
        (
            Target(
                "faultable",
                "check, by a server that could have faults and has none",
                "one that could not, CPU",
                ">=",
                0.99,
            ),
        ),
        _faultable,
    ),
    Part(
        "floor",
        (
            Target(
                "check",
                "check: GET /api/session, 10 k sessions",
                "bare uvloop protocol, CPU",
                ">=",
                0.33,
            ),
            Target("check-nginx", "the same", "nginx, a constant, CPU", ">=", 0.25),
            Target(
                "hello",
                "hello by our edge",
                "bare uvloop protocol, CPU",
                ">=",
                0.60,
            ),
            Target("parsing", "floor in Python: reads the same check", "bare uvloop protocol, CPU"),
        ),
        _floor,
    ),
    Part(
        "connections",
        (
            Target(
                "new-tls",
                "new TLS 1.3 connection with one check",
                "nginx, TLS 1.3, CPU",
                ">=",
                0.65,
            ),
            Target("new-tls-2", "the same", "nginx, TLS 1.2, CPU"),
            Target(
                "new-plain",
                "new plain connection with one check",
                "nginx, CPU",
                ">=",
                0.35,
            ),
            Target("parsing-tls", "floor in Python: the same over TLS 1.3", "nginx, TLS 1.3, CPU"),
            Target("parsing-plain", "floor in Python: the same without TLS", "nginx, CPU"),
        ),
        _connections,
    ),
    Part(
        "tls",
        (
            Target("tls", "TLS on a kept connection, CPU", "plain", "<=", 7, "µs", limit=_OPENSSL),
            Target("parsing-added", "floor in Python: the same", "plain", unit="µs"),
        ),
        _tls,
    ),
    Part(
        "million",
        (
            Target("many", "check at 1 M sessions", "at 10 k", ">=", 0.90),
            Target("restart", "restart with 1 M sessions", "-", "<=", 6, "s"),
            Target("rss", "memory per session, as served", "-", "<=", 500, "B"),
        ),
        _many,
    ),
    Part(
        "touches",
        (
            Target("touches", "checks, touches persisted", "memory only", ">=", 0.9),
            Target("touches-p99", "p99 of checks, touches persisted", "-", "<=", 10, "ms"),
        ),
        _touches,
        whole_run_only=True,
    ),
    Part(
        "cold-beside",
        (
            Target("cold", "checks, cold logins in flight", "without"),
            Target("cold-p99", "p99 of checks, cold logins in flight", "-", "<=", 10, "ms"),
        ),
        _cold,
    ),
)
