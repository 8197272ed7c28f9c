"""Redis and Valkey as the table of stores has them."""

from collections.abc import Callable
from datetime import datetime

from sessiongate.errors import ConfigError
from sessiongate.store.plugin import StoreKind, StoreSettings
from sessiongate.store.redis.audit_reader import RedisAuditReader
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.health import doubts_of, latest_of
from sessiongate.store.redis.store import RedisStore


def _settings(settings: StoreSettings) -> RedisSettings:
    if settings.url.redis is None:
        raise ConfigError(["store.url: names no Redis"])
    return RedisSettings(
        settings.url.redis,
        password=settings.password,
        sentinel_password=settings.sentinel_password,
        certificate_authority=settings.certificate_authority,
        prefix=settings.prefix,
        timeout=settings.timeout,
        cache=settings.cache,
    )


def _make(settings: StoreSettings) -> RedisStore:
    return RedisStore(_settings(settings), settings.limits)


def _audit(settings: StoreSettings) -> RedisAuditReader:
    return RedisAuditReader(_settings(settings))


async def _doubts(settings: StoreSettings, now: Callable[[], datetime]) -> list[str]:
    return await doubts_of(_settings(settings), now)


async def _latest(settings: StoreSettings) -> datetime | None:
    return await latest_of(_settings(settings))


REDIS = StoreKind(_make, _audit, _doubts, _latest)
