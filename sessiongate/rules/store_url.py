"""The addresses of stores, read. Pure; nothing here connects.

A password is never part of the address, since addresses are shown and logged: it is a setting of
its own. No message repeats what it was given.
"""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, unquote

import msgspec

SCHEMES = tuple(
    f"{base}{kind}" for base in ("redis", "rediss") for kind in ("", "+sentinel", "+cluster")
)

PORT = 6379
SENTINEL_PORT = 26379

_RULE = (
    "must be redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE?db=DB or "
    "redis+cluster://HOST:PORT,HOST:PORT (rediss for TLS)"
)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")


class RedisServers(msgspec.Struct, frozen=True):
    """Where the servers are. `service` is what Sentinel calls the primary, "" elsewhere."""

    kind: str
    """ "single", "sentinel" or "cluster"."""
    hosts: tuple[tuple[str, int], ...]
    tls: bool = False
    username: str = ""
    service: str = ""
    db: int = 0
    path: str = ""
    """A Unix socket instead of hosts."""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.hosts)
        return f"{hosts}/{self.service}" if self.service else hosts


class StoreAddress(msgspec.Struct, frozen=True):
    """Which store keeps the sessions, and where: what `store.url` says."""

    kind: str
    """Its name in the table of stores: "memory", "sqlite", "redis", or what a package adds."""
    text: str
    """As it was given."""
    file: str = ""
    """The name of the file of "sqlite"."""
    redis: RedisServers | None = None
    """The servers of "redis"."""

    def __str__(self) -> str:
        return self.text


_STORE_RULE = "must be memory:, sqlite:FILE, or the address of a Redis: redis://HOST"
_KIND = re.compile(r"[a-z][a-z0-9.-]{0,30}(?=[+:])")


def parse_store(text: str, kinds: Collection[str] = ()) -> StoreAddress:
    """Read an address. `kinds` are those that packages add: KIND:REST, whatever REST is.

    Raises ValueError with the rule and the way out.
    """
    if text == "memory:":
        return StoreAddress("memory", text)
    if text.partition(":")[0] in (*SCHEMES, "redis+unix"):
        return StoreAddress("redis", text, redis=parse_redis(text))
    found = _KIND.match(text)
    if found is not None and found[0] in kinds:
        return StoreAddress(found[0], text)
    file = text.removeprefix("sqlite:")
    if file == text or not file or file.startswith(("//", ":")) or "\0" in file:
        also = "".join(f", {kind}:..." for kind in sorted(kinds))
        raise ValueError(f"{_STORE_RULE}{also}")
    return StoreAddress("sqlite", text, file=file)


def parse_redis(url: str) -> RedisServers:
    """Read an address. Raises ValueError with the rule and the way out."""
    scheme, _, rest = url.partition("://")
    if scheme == "redis+unix":
        return _socket(rest)
    if scheme not in SCHEMES:
        raise ValueError(_RULE)
    base, _, kind = scheme.partition("+")
    # By hand: urlsplit knows one host, and newer Pythons refuse `[::1]` behind a comma.
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    address, _, fragment = rest.removeprefix(authority).partition("#")
    path, _, asked = address.partition("?")
    user, at, places = authority.rpartition("@")
    if ":" in user or (at and not user):
        raise ValueError("must hold no password: set store.password, or store.password_file")
    path = unquote(path).strip("/")
    query = _query(asked)
    if fragment or (query and kind != "sentinel"):
        raise ValueError(_RULE)
    hosts = tuple(
        _place(place, SENTINEL_PORT if kind == "sentinel" else PORT) for place in places.split(",")
    )
    if not kind and len(hosts) > 1:
        raise ValueError(f"{_RULE}; several hosts are Sentinel's or a Cluster's")
    if kind == "cluster" and path:
        raise ValueError("must end after the hosts: a Cluster has one database")
    if kind == "sentinel" and not _NAME.fullmatch(path):
        raise ValueError("must name the service that Sentinel watches: .../SERVICE")
    return RedisServers(
        kind or "single",
        hosts,
        tls=base == "rediss",
        username=unquote(user),
        service=path if kind == "sentinel" else "",
        db=_db(query if kind == "sentinel" else path),
    )


def _socket(rest: str) -> RedisServers:
    path, _, query = rest.partition("?")
    if not path.startswith("/") or "\0" in path:
        raise ValueError("must be redis+unix:///PATH?db=DB, with the full name of the socket")
    return RedisServers("single", (), path=unquote(path), db=_db(_query(query)))


def _query(text: str) -> str:
    """The value of db=, the one thing that may be asked; "" for none."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if [name for name, _ in pairs] not in ([], ["db"]) or (text and not pairs):
        raise ValueError(f"{_RULE}; only db may follow the question mark")
    return pairs[0][1] if pairs else ""


def _place(text: str, usual: int) -> tuple[str, int]:
    """A host and its port."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?", text)
    plain = re.fullmatch(r"([A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?", text)
    found = bracketed or plain
    if found is None or not 0 < int(found[2] or usual) < 65536:
        raise ValueError(_RULE)
    return found[1], int(found[2] or usual)


def _db(text: str) -> int:
    """The number of a database."""
    if not re.fullmatch(r"[0-9]{0,5}", text, re.ASCII):
        raise ValueError(f"{_RULE}; DB is a number")
    return int(text or 0)
