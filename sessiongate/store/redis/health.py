"""Settings of a Redis with which a server starts and will lose sessions later: reported only.

Asked with a client of its own, a few plain questions to each primary: what Redis throws away when
it is full, whether it writes down what it acknowledges, and what time it has. Where Redis does not
let us ask (an ACL without `info` and `time`), that is said instead.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from sessiongate.errors import StoreUnavailable
from sessiongate.store.embedded.schema import moment_in
from sessiongate.store.redis.client import RedisClients, RedisSettings
from sessiongate.store.redis.keys import RedisKeys

# Servers that a time service keeps in step differ by milliseconds; those that are so far apart
# end sessions at visibly different times.
_APART = timedelta(seconds=5)

_UNTOLD = (
    "Redis does not say whether it throws sessions away when it is full, nor whether it writes"
    " them down: give its user +info and +time to have that looked at"
)


async def doubts_of(settings: RedisSettings, now: Callable[[], datetime]) -> list[str]:
    """What is doubtful, a sentence with the way out each. Raises StoreUnavailable."""
    servers = RedisClients(settings)
    client = servers.open()
    try:
        async with asyncio.timeout(settings.timeout.total_seconds() * 2):
            return await _doubts(client, now)
    except ResponseError:
        return [_UNTOLD]
    except (RedisError, RedisClusterException, OSError, TimeoutError) as broken:
        raise StoreUnavailable(f"{servers.name} cannot be asked: {type(broken).__name__}") from None
    finally:
        with suppress(RedisError, OSError):
            await servers.close()


async def latest_of(settings: RedisSettings) -> datetime | None:
    """The latest time that any server has told, None for none. Raises StoreUnavailable."""
    servers = RedisClients(settings)
    client = servers.open()
    try:
        async with asyncio.timeout(settings.timeout.total_seconds() * 2):
            return moment_in(await client.get(RedisKeys(settings.prefix).seen))
    except (RedisError, RedisClusterException, OSError, TimeoutError) as broken:
        raise StoreUnavailable(f"{servers.name} cannot be asked: {type(broken).__name__}") from None
    finally:
        with suppress(RedisError, OSError):
            await servers.close()


async def _doubts(client: Redis | RedisCluster, now: Callable[[], datetime]) -> list[str]:
    where: dict[str, Any] = {}
    if isinstance(client, RedisCluster):
        await client.initialize()  # which nodes there are
    memory, saved, before = await _info(client, "memory"), await _info(client, "persistence"), now()
    if isinstance(client, RedisCluster):
        where["target_nodes"] = client.get_primaries()[0]
    seconds, micros = await client.time(**where)
    after, told = now(), datetime.fromtimestamp(int(seconds), UTC)
    told += timedelta(microseconds=int(micros))
    doubts = [_eviction_doubt(one) for one in memory] + [_persistence_doubt(one) for one in saved]
    doubts.append(_clock_doubt(before, told, after))
    return list(dict.fromkeys(doubt for doubt in doubts if doubt))


async def _info(client: Redis | RedisCluster, section: str) -> list[dict[str, Any]]:
    """Part of what each primary says of itself."""
    if isinstance(client, RedisCluster):
        nodes = client.get_primaries()
        return [await client.info(section, target_nodes=node) for node in nodes]
    return [await client.info(section)]


def _eviction_doubt(memory: dict[str, Any]) -> str:
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return ""
    full = int(memory.get("maxmemory", 0))
    when = f"when it has used {full} bytes" if full else "as soon as it has a maxmemory"
    return (
        f"Redis throws keys away {when} (maxmemory-policy {policy}): sessions, and counts of failed"
        " logins; set maxmemory-policy noeviction"
    )


def _persistence_doubt(saved: dict[str, Any]) -> str:
    if int(saved.get("aof_enabled", 0)):
        return ""
    return (
        "Redis does not write down what it acknowledges: a restart loses sessions, or brings ended"
        " ones back from an old snapshot; set appendonly yes"
    )


def _clock_doubt(before: datetime, told: datetime, after: datetime) -> str:
    if told > after:
        apart, which = told - after, "behind"
    else:
        apart, which = before - told, "ahead of"
    if apart < _APART:
        return ""
    return (
        f"this machine's clock is {apart.total_seconds():.0f} s {which} Redis': sessions end at"
        " other times at each server; keep all clocks in step with a time service (NTP)"
    )
