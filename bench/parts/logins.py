"""What a login costs: on the disk against in memory, and against the slow hash alone."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.load import Way, alternate, compare, rate_ratios, rates
from tools.table import Bench, Measured, Part, Target, median

from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.secret import Secret

# More users than connections: a login under way is never shared with another of the same user.
_USERS = 16
_VERIFICATIONS = 10


def login(server: Child, logins: Path, connections: int = 32) -> Way:
    """Zerto logins, each by the next user of the file."""
    return Way(server, "/v1/session/add", "post.lua", {"BENCH_LOGINS": str(logins)}, connections)


def _durable(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        files = [populate.write_users(folder / name, 1) for name in ("memory", "file")]
        with (
            sessiongate(folder / "memory", {"STORE__URL": "memory:"}) as memory,
            sessiongate(folder / "file") as durable,
        ):
            ways = [login(memory, files[0]), login(durable, files[1])]
            found = compare(bench, *ways)
    yield Measured.of("durable", rate_ratios(found, 1, 0), rates(found, 1, 0))


def _cached(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        logins = populate.write_users(folder / "cached", 1)
        (folder / "config.toml").write_text('[identity.local]\ntype = "unhashed"\n', "utf-8")
        # Both in memory: the disk would hide what is compared here.
        settings = {"STORE__URL": "memory:"}
        none = {"CONFIG": str(folder / "config.toml"), "HASHING__VERIFIED_CACHE": "0"}
        with (
            sessiongate(folder / "none", settings | none, script="unhashed.py") as unhashed,
            sessiongate(folder / "cached", settings) as cached,
        ):
            found = compare(bench, login(unhashed, logins), login(cached, logins))
    yield Measured.of("cached", rate_ratios(found, 1, 0), rates(found, 1, 0))


def _cold(bench: Bench) -> Iterator[Measured]:
    settings = {"HASHING__VERIFIED_CACHE": "0", "HASHING__THREADS": "1"}
    with scratch() as folder:
        logins = populate.write_users(folder, _USERS)
        with sessiongate(folder, settings) as server:
            way = login(server, logins, _USERS // 2)
            way.run(1)
            seconds = 2
            found = alternate(
                min(bench.rounds, 5), [lambda: way.run(seconds).rate, _verifications_per_second]
            )
    ratios = [logins / verifications for logins, verifications in found]
    rate, most = (median(round_[way] for round_ in found) for way in (0, 1))
    yield Measured.of("cold", ratios, f"{rate:.1f}/s against {most:.1f}/s, one thread each")


def _verifications_per_second() -> float:
    """What one thread can verify with nothing else to do."""
    hasher = PasswordHasher(1)
    secret = Secret(populate.PASSWORD)

    async def verify() -> float:
        stored = await hasher.hash(secret)
        took = []
        for _ in range(_VERIFICATIONS):
            began = time.perf_counter()
            await hasher.verify(stored, secret)
            took.append(time.perf_counter() - began)
        return 1 / median(took)

    try:
        return asyncio.run(verify())
    finally:
        hasher.close()


PARTS = (
    Part(
        "durable-login",
        (Target("durable", "login, SQLite, cached credential", "memory only", ">=", 0.6),),
        _durable,
    ),
    Part(
        "cached-login",
        (Target("cached", "login, cached credential", "no hashing at all", ">=", 0.9),),
        _cached,
    ),
    Part(
        "cold-login",
        (
            Target(
                "cold", "cold logins per hashing thread", "1 / time of a verification", ">=", 0.9
            ),
        ),
        _cold,
    ),
)
