"""Addresses of Redis: what is read, what is refused, and that nothing is repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.store_url import RedisServers, StoreAddress, parse_redis, parse_store
from tests.each import each


@pytest.mark.parametrize(
    ("url", "servers", "shown"),
    [
        ("redis://h", RedisServers("single", (("h", 6379),)), "h:6379"),
        ("redis://h:1/7", RedisServers("single", (("h", 1),), db=7), "h:1"),
        (
            "rediss://me%40lab@[::1]:2/",
            RedisServers("single", (("::1", 2),), tls=True, username="me@lab"),
            "[::1]:2",
        ),
        (
            "redis+sentinel://a,b:2/gate?db=3",
            RedisServers("sentinel", (("a", 26379), ("b", 2)), service="gate", db=3),
            "a:26379,b:2/gate",
        ),
        (
            "rediss+cluster://a,[fe80::1]",
            RedisServers("cluster", (("a", 6379), ("fe80::1", 6379)), tls=True),
            "a:6379,[fe80::1]:6379",
        ),
        (
            "redis+sentinel://[::1],[fe80::2]:1/gate",
            RedisServers("sentinel", (("::1", 26379), ("fe80::2", 1)), service="gate"),
            "[::1]:26379,[fe80::2]:1/gate",
        ),
        (
            "redis+unix:///run/redis%20x?db=2",
            RedisServers("single", (), path="/run/redis x", db=2),
            "unix:/run/redis x",
        ),
    ],
)
def test_what_is_read(url: str, servers: RedisServers, shown: str) -> None:
    assert parse_redis(url) == servers
    assert parse_store(url) == StoreAddress("redis", url, redis=servers)
    assert str(servers) == shown


@each(
    ("url", "why"),
    [
        ("redis:h", "must be redis://"),
        ("redis://", "must be redis://"),
        ("redis://a b", "must be redis://"),
        ("redis://h:0", "must be redis://"),
        ("redis://h:70000", "must be redis://"),
        ("redis://h/x", "DB is a number"),
        ("redis://h?db=1", "must be redis://"),
        ("redis://h#x", "must be redis://"),
        ("redis://a,b", "several hosts"),
        ("redis://me:secret@h", "store.password"),
        ("redis://:secret@h", "store.password"),
        ("redis://@h", "store.password"),
        ("redis+cluster://h/1", "one database"),
        ("redis+sentinel://h", "must name the service"),
        ("redis+sentinel://h/s?x=1", "only db"),
        ("redis+sentinel://h/s?x", "only db"),
        ("redis+sentinel://h/s?db=1&db=2", "only db"),
        ("redis+sentinel://h/s?&", "only db"),
        ("redis+sentinel://h/s?db=x", "DB is a number"),
        ("redis+unix://run", "full name"),
        ("redis+unix:///run\0", "full name"),
    ],
)
def test_what_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValueError, match="must ") as refused:
        parse_redis(url)
    assert why in str(refused.value)
    assert "secret" not in str(refused.value)


def test_other_stores_are_none_of_redis() -> None:
    assert parse_store("sqlite:redis") == StoreAddress("sqlite", "sqlite:redis", file="redis")
    assert parse_store("memory:") == StoreAddress("memory", "memory:")


@pytest.mark.parametrize("text", ["etcd://h", "etcd+tls://h", "etcd:"])
def test_packages_add_kinds(text: str) -> None:
    assert parse_store(text, ["etcd"]) == StoreAddress("etcd", text)
    with pytest.raises(ValueError, match="must be memory:, sqlite:FILE"):
        parse_store(text)


@pytest.mark.parametrize("text", ["", "etc://h", "etcdx://h", "sqlite:", "sqlite://h", "Etcd:"])
def test_what_is_no_store_names_those_that_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"redis://HOST, etcd:\.\.\."):
        parse_store(text, ["etcd"])


@given(
    st.sampled_from(["", "redis://", "redis+sentinel://", "rediss+cluster://", "redis+unix://"]),
    st.text(),
)
def test_any_address_is_read_or_refused(scheme: str, rest: str) -> None:
    """Whatever is written, we get servers or a ValueError, nothing else."""
    try:
        servers = parse_redis(scheme + rest)
    except ValueError:
        return
    assert servers.hosts or servers.path
