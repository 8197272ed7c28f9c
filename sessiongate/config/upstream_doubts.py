"""What in the tables of upstreams can be so, and is probably a mistake."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from sessiongate.config.addresses import without_port
from sessiongate.config.models import Settings
from sessiongate.config.upstreams import Upstream
from sessiongate.rules.profile import PROFILES

_IDLE = PROFILES["vc8"][0].idle
_EACH = PROFILES["vc8"][1].per_principal
_TOTAL = PROFILES["vc8u3"][1].total
_REQUESTS, _CONNECTIONS = 640, 2048
"""What a vCenter takes at once, of everybody together."""


def upstream_doubts(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Each with the table that it is about, and whether nobody can use that as it is."""
    for name, upstream in settings.upstream.items():
        about = f"upstream.{name}"
        if _is_ours(settings, upstream):
            yield about, "url is an address at which this server itself listens", True
        if upstream.account == "caller":
            for says, serious in _callers(settings, name):
                yield about, says, serious
        of_vcenter = _sizes(upstream) if upstream.type == "vcenter" else ()
        for says in (*of_vcenter, *_pool(upstream), *_roles(upstream)):
            yield about, says, False
    if settings.upstream and all(one.hosts for one in settings.upstream.values()):
        yield from _strays(settings)


def _strays(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Names by which clients call us where each upstream has its own, and none has these."""
    hosts = {without_port(host) for one in settings.upstream.values() for host in one.hosts}
    for name in dict.fromkeys(settings.server.public_names):
        if name not in hosts and not name.startswith("*."):
            yield (
                "server.public_names",
                f"{name} is in no upstream.NAME.hosts, so whoever calls it gets the gateway's own"
                " empty inventory; add it to the hosts of the upstream that is meant, or leave"
                " the hosts of one out",
                False,
            )


def _is_ours(settings: Settings, upstream: Upstream) -> bool:
    parts = urlsplit(upstream.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    names = {*settings.server.public_names, "localhost", "127.0.0.1", "::1"}
    names |= {without_port(one) for table in settings.upstream.values() for one in table.hosts}
    return any(
        port == one.port and (host == one.host or host in names) for one in settings.server.listen
    )


def _callers(settings: Settings, name: str) -> Iterator[tuple[str, bool]]:
    own = {one: table for one, table in settings.identity.items() if table.get("upstream") == name}
    if not own:
        yield f'no identity table has upstream = "{name}", so nobody can use it', True
        return
    if settings.upstream[name].type == "zvm":
        zerto = settings.dialects.zerto
        if not {zerto.windows, zerto.hypervisor, settings.dialects.openid_users} & own.keys():
            asked = (
                "dialects.zerto.windows, dialects.zerto.hypervisor or dialects.appliance.provider"
            )
            yield f"identity.{next(iter(own))} is none of {asked}, so no login goes there", True
        return
    default = settings.identity.get(settings.dialects.vsphere.default, {}).get("upstream")
    if default is None and not any(table.get("domains") for table in own.values()):
        table = next(iter(own))
        says = f"identity.{table} has no domains and is not dialects.vsphere.default, so no login"
        yield f"{says} of vSphere's goes there", True


def _sizes(upstream: Upstream) -> Iterator[str]:
    size = upstream.size
    if size > _TOTAL:
        yield f"size is {size}, and no vCenter has more than {_TOTAL} sessions of all accounts"
    elif size > _EACH:
        yield f"size is {size}, and a vCenter before 8.0 U3 has {_EACH} sessions of one account"
    if size * upstream.pool.calls > _REQUESTS:
        many = f"size and pool.calls let {size * upstream.pool.calls} calls through at once"
        yield f"{many}, and a vCenter takes {_REQUESTS} of everybody together"
    if upstream.pool.waits > _CONNECTIONS:
        yield (
            f"pool.waits is {upstream.pool.waits}, and a vCenter takes {_CONNECTIONS} connections"
            " of everybody together"
        )


def _pool(upstream: Upstream) -> Iterator[str]:
    pool = upstream.pool
    if pool.keep_alive >= _IDLE:
        minutes = int(_IDLE.total_seconds() / 60)
        yield (
            f"pool.keep_alive comes too late: a vCenter ends sessions that are not used for"
            f" {minutes} minutes, unless it is told otherwise"
        )
    if pool.keep_alive >= pool.max_age:
        yield "pool.keep_alive is as long as pool.max_age, so no session is kept alive"
    if pool.waits_each > pool.waits:
        yield "pool.waits_each is above pool.waits, which is for all clients together"
    most = pool.calls * (upstream.size if upstream.shared else 1)
    if pool.calls_each > most:
        yield f"pool.calls_each is {pool.calls_each}, and a client's calls have {most} places"


def _roles(upstream: Upstream) -> Iterator[str]:
    if both := sorted({*upstream.roles} & {*upstream.read_roles}):
        yield f"{', '.join(both)}: in roles and in read_roles, which is as if in roles alone"
