"""The settings of an upstream, and the rules between them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from sessiongate.config import values
from sessiongate.config.kinds import (
    Duration,
    FilePath,
    Fingerprints,
    Hosts,
    LocaleName,
    PositiveCount,
    PositiveDuration,
    SecretText,
    Table,
    Text,
    Texts,
    YesNo,
    setting,
)
from sessiongate.rules.access import no_such_role
from sessiongate.rules.xml_text import can_hold
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust, ca_problem

Kind = Annotated[
    str,
    PlainValidator(values.choice("vcenter", "zvm")),
    WithJsonSchema({"type": "string", "enum": ["vcenter", "zvm"]}),
]
Flavored = Annotated[
    str,
    PlainValidator(values.choice("auto", "classic", "appliance")),
    WithJsonSchema({"type": "string", "enum": ["auto", "classic", "appliance"]}),
]
Granted = Annotated[
    str,
    PlainValidator(values.choice("password", "client")),
    WithJsonSchema({"type": "string", "enum": ["password", "client"]}),
]
Authentication = Annotated[
    str,
    PlainValidator(values.choice("windows", "hypervisor")),
    WithJsonSchema({"type": "string", "enum": ["windows", "hypervisor"]}),
]
Account = Annotated[
    str,
    PlainValidator(values.choice("caller", "service")),
    WithJsonSchema({"type": "string", "enum": ["caller", "service"]}),
]
Mode = Annotated[
    str,
    PlainValidator(values.choice("session", "shared")),
    WithJsonSchema({"type": "string", "enum": ["session", "shared"]}),
]
OnStop = Annotated[
    str,
    PlainValidator(values.choice("logout", "keep")),
    WithJsonSchema({"type": "string", "enum": ["logout", "keep"]}),
]
ProxyUrl = Annotated[
    str, PlainValidator(values.http_proxy), WithJsonSchema({"type": "string", "format": "uri"})
]
Tickets = Annotated[
    str,
    PlainValidator(values.choice("own", "upstream")),
    WithJsonSchema({"type": "string", "enum": ["own", "upstream"]}),
]
Url = Annotated[
    str, PlainValidator(values.server_url), WithJsonSchema({"type": "string", "format": "uri"})
]


class PoolTable(Table):
    """How many calls and waits go at once, and how long sessions there live."""

    calls: PositiveCount = setting(16, "Forwarded calls under way by one session.")
    waits: PositiveCount = setting(
        512, "Long polls under way at the upstream, by all sessions together."
    )
    transfers: PositiveCount = setting(
        64, "Files and consoles that are on their way at once. One user has half of them at most."
    )
    queue: PositiveCount = setting(
        200,
        "Calls that may wait for a session. account = service: one user has half of them at most.",
    )
    queue_time: PositiveDuration = setting(
        "10s", "How long one may wait before its client is told to come back (503)."
    )
    idle_close: Duration = setting(
        "5m",
        "A session that no live session of a client needs is logged out after this long. account "
        "= caller: of somebody who has no session here any more, after ten seconds; the last one "
        "of somebody who has, never.",
    )
    max_age: PositiveDuration = setting(
        "23h",
        "A session this old is replaced, and logged out once nobody has anything in it: each up to "
        "a tenth sooner, so that those of one time do not end together. A tenth after it the "
        "sessions of clients end that still have something in it (upstream_lost).",
    )
    keep_alive: PositiveDuration = setting(
        "10m", "A session unused for this long is used, so that the upstream keeps it."
    )
    objects: PositiveCount = setting(
        200, "Filters, views and the like that one client session may have open."
    )
    waits_each: PositiveCount = setting(20, "Long polls under way of one client session.")
    calls_each: PositiveCount = setting(8, "Calls under way of one client session.")


class Forward(Table):
    """What is forwarded, and what is not, besides what never is."""

    allow: Texts = setting(
        [],
        "Addresses below /api and /rest that are forwarded with all below them though they hand "
        "out tokens or tickets, such as /api/vcenter/tokenservice.",
    )
    deny: Texts = setting(
        [],
        "Names of methods that are not forwarded, and addresses, such as /api/appliance, that are "
        "not with all below them.",
    )
    service_tickets: YesNo = setting(
        False,
        "Hand out tickets of the upstream for single requests by HTTP, to a host past us perhaps "
        "(AcquireGenericServiceTicket).",
    )
    tickets: Tickets = setting(
        "own",
        "own: a clone ticket opens a session here. upstream: it opens one at the upstream, and so "
        "do service tickets for vmomi; whoever has one is there without us.",
    )


class Gateway(Table):
    """What all upstreams share."""

    key_file: FilePath | None = setting(
        None,
        "File with the key that sessions at upstreams are sealed with in the store: 64 hex digits. "
        "Unset: one is made in the data directory.",
    )
    on_stop: OnStop = setting(
        "logout",
        "What becomes of sessions at upstreams when the server stops. logout: they are logged out. "
        "keep: the next start uses them on (an upgrade, say); what clients had in them has ended.",
    )
    slow: PositiveDuration = setting(
        "5s", "A forwarded call that takes longer has a line in the log. Waits for updates never."
    )


class Upstream(Table):
    """A vCenter or a ZVM that clients use through us."""

    type: Kind = Field(description="vcenter, or zvm: classic, or an appliance.")
    flavor: Flavored = setting(
        "auto",
        "zvm: classic has sessions of its own at /v1/session/add, appliance has tokens of its "
        "Keycloak. auto finds out which it is.",
    )
    grant: Granted = setting(
        "password",
        "zvm with account = service, of an appliance: how the account gets its tokens. password: "
        "as a user. client: username is a client of the realm, password its secret "
        "(client_credentials).",
    )
    authentication: Authentication = setting(
        "windows",
        "zvm, classic: whose names and passwords are sent there (AuthenticationMethod): those of "
        "Windows, or of the hypervisor manager.",
    )
    url: Url = Field(description='Its address, such as "https://vcenter.example".')
    ca: FilePath | None = setting(
        None, "PEM file of the CA of its certificate. Unset: the system's CAs."
    )
    fingerprint: Fingerprints = Field(
        default=(),
        description="SHA-256 or SHA-1 fingerprint of its certificate, or a list of them. Without "
        "ca, it takes the place of chain and name; with ca, both are asked for.",
    )
    verify: YesNo = setting(True, "false believes whoever answers at the address.")
    proxy: ProxyUrl | None = setting(
        None,
        "HTTP proxy that connects us, http://HOST:PORT. It has to take CONNECT, and hears the name "
        "of the upstream alone. Proxies in the environment are not used.",
    )
    timeout: PositiveDuration = setting(
        "60s", "How long a forwarded call may take. Waits for updates take as long as they take."
    )
    hosts: Hosts = setting(
        [],
        "Host headers that mean this upstream, with or without port. Unset: every Host that no "
        "other upstream of its type names.",
    )
    account: Account = setting(
        "caller",
        "caller: whoever has logged in, at this upstream. service: the account of username.",
    )
    mode: Mode | None = setting(
        None,
        "session: a session there is one client's at a time. shared: many clients' at the same "
        "time. Unset: session for callers, shared for a service account.",
    )
    size: PositiveCount = setting(10, "Most sessions of one account there.")
    roles: Texts = setting(
        [], "account = service: roles of those whose sessions may use it. Required there."
    )
    read_roles: Texts = setting(
        [], "account = service: roles of those who may read, and wait for what they read."
    )
    read_only: YesNo = setting(False, "Forward nothing that changes anything.")
    locale: LocaleName = setting(
        "en_US",
        "Language of the upstream's messages. What clients ask for is that of our own messages.",
    )
    username: Text | None = setting(
        None,
        "account = service: name of the account. account = caller: of an observer, by whom "
        "`upstream sessions` looks; unset, by a session of a caller.",
    )
    password: SecretText | None = setting(
        None, "The account's password. password_file names a file that holds it."
    )
    next_password: SecretText | None = setting(
        None,
        "The password that the account is about to get, tried once where the first is refused. "
        "next_password_file names a file that holds it.",
    )
    pool: PoolTable = Field(
        default_factory=PoolTable, description="How many calls and sessions at once."
    )
    forward: Forward = Field(
        default_factory=Forward, description="What is forwarded, and what is not."
    )

    @property
    def shared(self) -> bool:
        """Whether a session there serves several clients at the same time."""
        return (self.mode or ("session" if self.account == "caller" else "shared")) == "shared"

    def trust(self) -> Trust:
        """Whom we believe there. The checks have found that it does not contradict itself."""
        return Trust(self.ca, self.fingerprint, self.verify)


_NO_XML = "holds a letter that XML cannot carry, such as a control character: no account there"

_OF_AN_ACCOUNT = ("username", "password", "next_password")
_OF_SERVICE = ("roles", "read_roles")


def problems(upstreams: Mapping[str, Upstream], roles: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Say (setting, rule and way out) of everything that does not go together."""
    known = frozenset(roles)
    hosts: dict[tuple[str, str], str] = {}
    everywhere: dict[str, str] = {}
    for name, upstream in upstreams.items():
        at, kind = f"upstream.{name}", upstream.type
        for place, rule in (
            *_trusted(upstream),
            *_of_account(upstream, known),
            *_forwarded(upstream.forward),
            *_of_kind(upstream),
        ):
            yield f"{at}.{place}", rule
        for position, host in enumerate(upstream.hosts, 1):
            first = hosts.setdefault((kind, host), name)
            if first != name:
                yield f"{at}.hosts", f"has a Host that upstream.{first} has too; keep one of them"
            elif host in upstream.hosts[: position - 1]:
                yield f"{at}.hosts", f"entry {position} repeats an earlier one; remove it"
        if not upstream.hosts:
            if kind in everywhere:
                other = everywhere[kind]
                yield (
                    f"{at}.hosts",
                    f"is required: upstream.{other} has every Host that no other names",
                )
            everywhere.setdefault(kind, name)


_OF_ZVM = {"flavor": "auto", "grant": "password", "authentication": "windows"}


def _of_kind(upstream: Upstream) -> Iterator[tuple[str, str]]:
    """What is about the other type of upstream, or about an account that there is not."""
    if upstream.type == "vcenter":
        for place, usual in _OF_ZVM.items():
            if getattr(upstream, place) != usual:
                yield place, 'is about type = "zvm"; leave it out'
        return
    if upstream.account == "caller" and upstream.username is not None:
        yield "username", 'a ZVM has no observer; leave it out, or say account = "service"'
    if upstream.grant == "client" and upstream.account == "caller":
        yield "grant", 'is about account = "service"; say so, or leave it out'
    if upstream.grant == "client" and upstream.flavor == "classic":
        yield "grant", "is about an appliance: a classic ZVM has no clients; leave it out"


def _trusted(upstream: Upstream) -> Iterator[tuple[str, str]]:
    if upstream.ca is not None:
        if wrong := ca_problem(Path(upstream.ca)):
            yield "ca", wrong
        if not upstream.verify:
            yield "verify", "must be true where ca is given; remove one of the two"
    if upstream.url.startswith("http:") and upstream.verify:
        rule = "has no certificate to verify; use https, or say so with verify = false"
        yield "url", rule


def _forwarded(forward: Forward) -> Iterator[tuple[str, str]]:
    if wrong := [one for one in forward.allow if not one.startswith(("/api/", "/rest/"))]:
        yield "forward.allow", f"has {wrong[0]}, which is not below /api or /rest"


def _of_account(upstream: Upstream, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    if upstream.account == "caller":
        for place in _OF_SERVICE:
            if getattr(upstream, place):
                yield place, 'is about account = "service"; say so, or leave it out'
        if not any(getattr(upstream, place) for place in _OF_AN_ACCOUNT):
            return
    whom = 'account = "service"' if upstream.account == "service" else "an observer"
    for place in ("username", "password"):
        if getattr(upstream, place) is None:
            yield place, f"is required with {whom}"
    if not can_hold(upstream.username or ""):
        yield "username", f"{_NO_XML} has such a name; write it as the vCenter has it"
    for place in ("password", "next_password"):
        password: Secret | None = getattr(upstream, place)
        if password is not None and not can_hold(password.reveal()):
            yield place, f"{_NO_XML} has such a password; write it, or the file it is in, anew"
    if upstream.account == "service" and not upstream.roles:
        rule = "is required: say whose sessions may use the account"
        if upstream.read_roles:
            rule += "; where all of them shall only read, say read_only = true"
        yield "roles", rule
    for place in ("roles", "read_roles"):
        if wrong := sorted(set(getattr(upstream, place)) - known):
            yield place, f"must name roles; {no_such_role(wrong[0], sorted(known))}"
