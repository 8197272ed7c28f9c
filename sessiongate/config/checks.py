"""Rules between settings. Pure: settings in, problems out, each with its way out."""

from collections.abc import Iterator

from sessiongate import plugins
from sessiongate.config import forward_auth, session_manager, upstreams
from sessiongate.config import token_issuers as tokens
from sessiongate.config.addresses import is_loopback, repeated
from sessiongate.config.models import Settings
from sessiongate.rules.access import BUILT_IN, no_such_role
from sessiongate.rules.store_url import StoreAddress

_OF_ONE_PROCESS = ("memory", "sqlite")
"""Kinds of stores that no two processes share."""

SMALLEST_HEAD = 1024
"""A request line, Host, User-Agent and a cookie; with less nobody could log in."""

MOST_BYTES = {"body": 1 << 30, "header_bytes": 1 << 20, "anonymous_total": 1 << 40}
"""Far above what anybody needs: a slip of a unit, such as GiB for KiB, is a limit no more."""

MOST = {"header_count": 10_000, "connections": 1_000_000, "handshakes": 1_000_000}
"""Of counts, for the same reason."""

# Longer passwords are not hashed, see `sessiongate.identity.local.hashing`.
_LONGEST_LEAST = 4096


def problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """Say (setting, rule and way out) of everything that does not go together."""
    yield from _server(settings)
    yield from _limits(settings)
    yield from _store(settings)
    yield from _sessions(settings)
    if settings.hashing.min_length > _LONGEST_LEAST:
        yield "hashing.min_length", f"must not exceed {_LONGEST_LEAST}: nobody could set a password"
    yield from _providers(settings)
    yield from _roles(settings)
    yield from tokens.problems(settings.tokens, (*BUILT_IN, *settings.roles))
    yield from upstreams.problems(settings.upstream, (*BUILT_IN, *settings.roles))
    yield from forward_auth.problems(settings.forward_auth.rules, (*BUILT_IN, *settings.roles))
    yield from session_manager.problems(settings.session_manager, settings.upstream)
    yield from _gateway(settings)


def _server(settings: Settings) -> Iterator[tuple[str, str]]:
    server = settings.server
    if not server.listen:
        yield "server.listen", "must hold at least one address; leave it out for 127.0.0.1:9669"
    for position in repeated(server.listen):
        yield "server.listen", f"entry {position} repeats an earlier one; remove it"
    yield from _own_listeners(settings)
    if (server.tls.certificate is None) != (server.tls.key is None):
        yield (
            "server.tls",
            "certificate and key come together; set both, or neither to have one made",
        )
    if server.tls.key_password is not None and server.tls.key is None:
        yield "server.tls.key_password", "has no key to open; set server.tls.key or leave it out"
    if server.workers > 1 and settings.store.url.kind in _OF_ONE_PROCESS:
        yield "server.workers", _one_worker(settings.store.url)


def _own_listeners(settings: Settings) -> Iterator[tuple[str, str]]:
    taken, server = list(settings.server.listen), settings.server
    own = {"admin.listen": settings.admin.listen, "console.listen": settings.console.listen}
    for name, address in own.items():
        if address is not None and any(repeated([other, address]) for other in taken):
            where = "server.listen" if name == "admin.listen" else "server.listen or admin.listen"
            yield name, f"is also in {where}; give it an address of its own"
        elif address is not None:
            taken.append(address)
    console = settings.console.listen
    leaves = console is not None and bool(console.host) and not is_loopback(console.host)
    if leaves and server.plain_http and not server.trusted_proxies:
        yield (
            "console.listen",
            "leaves this machine without TLS (server.plain_http); listen on 127.0.0.1, or name the"
            " proxy that ends TLS in server.trusted_proxies",
        )


def _limits(settings: Settings) -> Iterator[tuple[str, str]]:
    limits = settings.server.limits
    at = "server.limits"
    if limits.anonymous_body > limits.body:
        yield (
            f"{at}.anonymous_body",
            f"must not exceed {at}.body; make it smaller, or the other larger",
        )
    if limits.anonymous_total < 2 * (limits.body + limits.header_bytes):
        yield (
            f"{at}.anonymous_total",
            f"must hold one request at least: twice {at}.body and {at}.header_bytes together",
        )
    if limits.connections_per_address > limits.connections:
        yield (
            f"{at}.connections_per_address",
            f"must not exceed {at}.connections; make it smaller, or 0 for none",
        )
    if limits.header_bytes < SMALLEST_HEAD:
        yield (
            f"{at}.header_bytes",
            f"must be at least {SMALLEST_HEAD} bytes: clients send as much with a token",
        )
    for name in ("body", "header_bytes", "anonymous_total"):
        if getattr(limits, name) > MOST_BYTES[name]:
            most = MOST_BYTES[name] >> 20
            yield f"{at}.{name}", f"must not exceed {most} MiB, which nobody needs; make it smaller"
    for name, most in MOST.items():
        if getattr(limits, name) > most:
            yield f"{at}.{name}", f"must not exceed {most}; make it smaller"


def _gateway(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.upstream:
        return
    if settings.gateway.on_stop == "keep" and settings.store.url.kind == "memory":
        rule = "cannot be keep: store.url = memory: forgets them; use sqlite:FILE, or logout"
        yield "gateway.on_stop", rule


def _one_worker(url: StoreAddress) -> str:
    if url.kind == "memory":
        why = "the memory store lives inside one process"
    else:
        why = "one process owns a SQLite store's sessions"
    return f"must be 1: {why}; more workers need a store that processes share"


def _store(settings: Settings) -> Iterator[tuple[str, str]]:
    store = settings.store
    servers = store.url.redis
    if servers is not None:
        if store.certificate_authority is not None and not servers.tls:
            yield (
                "store.certificate_authority",
                "needs TLS; begin store.url with rediss, or leave it out",
            )
        if store.sentinel_password is not None and servers.kind != "sentinel":
            yield "store.sentinel_password", "has no Sentinel in store.url; leave it out"
        return
    if store.url.kind not in _OF_ONE_PROCESS:
        return  # a package's own, which judges them
    for name in ("password", "sentinel_password", "certificate_authority"):
        if getattr(store, name) is not None:
            yield f"store.{name}", "is about Redis; name one in store.url, or leave it out"
    if store.cache:
        yield "store.cache", "is about Redis: the other stores are in memory; leave it out"


def _sessions(settings: Settings) -> Iterator[tuple[str, str]]:
    sessions = settings.sessions
    if sessions.absolute_timeout and sessions.idle_timeout > sessions.absolute_timeout:
        yield (
            "sessions.idle_timeout",
            "must not exceed sessions.absolute_timeout; shorten it, or set the other to 0 for none",
        )


def _providers(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, table in settings.identity.items():
        kind = table.get("type")
        if not isinstance(kind, str) or not kind:
            yield f"identity.{name}.type", 'is required; say which kind it is, such as "file"'
    zerto, vsphere, appliance = (
        settings.dialects.zerto,
        settings.dialects.vsphere,
        settings.dialects.appliance,
    )
    chosen = {
        "dialects.zerto.windows": (zerto.windows, "windows" in zerto.model_fields_set),
        "dialects.zerto.hypervisor": (zerto.hypervisor, "hypervisor" in zerto.model_fields_set),
        "dialects.vsphere.default": (vsphere.default, "default" in vsphere.model_fields_set),
    }
    if appliance.provider is not None:
        chosen["dialects.appliance.provider"] = (appliance.provider, True)
    there = ", ".join(sorted(settings.identity))
    for setting, (provider, was_set) in chosen.items():
        if provider not in settings.identity and (was_set or _types_are_known(settings)):
            # Who wrote another table has often not written this at all.
            yield setting, f"must name an identity table, local if unset; there are: {there}"


def _types_are_known(settings: Settings) -> bool:
    """Whether every provider is of a type that there is. Else that slip is told, by itself."""
    known = {*plugins.IDENTITY, *plugins.names(plugins.IDENTITY_GROUP)}
    return all(str(table.get("type")) in known for table in settings.identity.values())


def _roles(settings: Settings) -> Iterator[tuple[str, str]]:
    there = sorted({*BUILT_IN, *settings.roles})
    chosen = {f"extensions.{key}": one.role for key, one in settings.extensions.items()}
    for key, client in settings.dialects.appliance.clients.items():
        chosen[f"dialects.appliance.clients.{key}"] = client.role
    for table, role in chosen.items():
        if role not in there:
            yield f"{table}.role", f"must name a role; {no_such_role(role, there)}"
