"""Every setting: its name, its type, its default as an operator would write it, what it is for.

The descriptions are what the documentation, `config schema` and `config show` print. Identity
tables are kept as they are written, since each provider owns its own settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SkipValidation

from sessiongate.config.audit import AuditTable
from sessiongate.config.console import ConsoleTable
from sessiongate.config.dialects import Dialects
from sessiongate.config.forward_auth import ForwardAuth
from sessiongate.config.home import default_data_dir
from sessiongate.config.kinds import (
    Count,
    DataDir,
    Duration,
    FilePath,
    Fingerprint,
    ListenOrOff,
    Listens,
    LocaleName,
    Patience,
    PositiveCount,
    PositiveDuration,
    ProfileName,
    Proxies,
    PublicNames,
    SecretText,
    StorePrefix,
    StoreUrl,
    Text,
    Texts,
    YesNo,
)
from sessiongate.config.kinds import Table as _Table
from sessiongate.config.kinds import setting as _setting
from sessiongate.config.limits import ServerLimits
from sessiongate.config.session_manager import ManagerTable
from sessiongate.config.token_issuers import TokenIssuer
from sessiongate.config.upstreams import Gateway, Upstream
from sessiongate.rules.forward_auth import AccessPolicy
from sessiongate.rules.lockout import Policy
from sessiongate.session import Caps, Limits


class TlsTable(_Table):
    """The server's certificate. Without these, one is made on first start."""

    certificate: FilePath | None = _setting(
        None, "PEM file with the server's certificate and its chain; goes together with key."
    )
    key: FilePath | None = _setting(
        None, "PEM file with the certificate's private key; goes together with certificate."
    )
    key_password: SecretText | None = _setting(
        None, "Password of the private key. key_password_file names a file that holds it."
    )


class ServerTable(_Table):
    """Where the server listens, and what it keeps."""

    listen: Listens = _setting(
        ["127.0.0.1:9669"],
        'Addresses to listen on, all dialects on each: "IP:PORT", "[IPV6]:PORT" or "unix:PATH"; '
        '"localhost:PORT" is 127.0.0.1. '
        "In the environment, separated by commas.",
    )
    data_dir: DataDir = Field(
        default_factory=default_data_dir,
        validate_default=True,
        description="Directory of everything the server keeps: sessions, users, its certificate. "
        "Unset: the platform's data directory.",
    )
    workers: PositiveCount = _setting(
        1, "Server processes. More than one needs a store that processes can share."
    )
    plain_http: YesNo = _setting(
        False, "Serve HTTP without TLS. Only behind something that ends TLS on the same machine."
    )
    public_names: PublicNames = _setting(
        [], "Further names and addresses that clients reach the server by, for its certificate."
    )
    trusted_proxies: Proxies = _setting(
        [],
        'Addresses and networks of proxies, and "unix" for one that comes by a Unix socket, whose '
        "X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed, and whose "
        "client_certificate_header. None by default.",
    )
    client_certificate_header: Text | None = _setting(
        None,
        "Header in which a trusted proxy passes on the client certificate that it has checked, as "
        "URL-encoded PEM (nginx: $ssl_client_escaped_cert).",
    )
    tls: TlsTable = Field(default_factory=TlsTable, description="The server's certificate.")
    limits: ServerLimits = Field(
        default_factory=ServerLimits, description="How much a client may send, and how slowly."
    )


class AdminTable(_Table):
    """The listener of metrics and health."""

    listen: ListenOrOff = _setting(
        "127.0.0.1:9670",
        'Address of the operations listener, or "off" for none. With several workers that of the '
        "first; the others have the ports after it.",
    )


class SessionsTable(_Table):
    """How long sessions live and how many there may be."""

    idle_timeout: PositiveDuration = _setting(
        "30m", "A session unused for this long is over. Unset: the profile's, 30m."
    )
    absolute_timeout: Duration = _setting(
        "0", "A session this old is over, used or not. 0 means no such limit."
    )
    max_per_principal: Count = _setting(
        0, "Most sessions of one account at once, 0 for no cap. Unset: the profile's."
    )
    max_total: Count = _setting(0, "Most sessions at once, 0 for no cap. Unset: the profile's.")
    profile: ProfileName = _setting(
        "none",
        "vCenter generation to imitate; it gives the caps and timeouts that are not set: "
        "vc7 and vc8 550 sessions per account and 2000 in all, vc8u3 3000 in all.",
    )
    default_locale: LocaleName | None = _setting(
        None,
        "Locale of clients that ask for none. Unset: the locale of the server's environment, "
        "or en where that is not supported.",
    )

    @property
    def limits(self) -> Limits:
        """How long a session may live, the profile taken into account."""
        return Limits(idle=self.idle_timeout, total=self.absolute_timeout or None)

    @property
    def caps(self) -> Caps:
        """How many sessions may live, the profile taken into account."""
        return Caps(per_principal=self.max_per_principal, total=self.max_total)


_WRONG_TOKENS = 20
"""How many wrong tokens an address has, in `lockout.attempts`."""


class LockoutTable(_Table):
    """When failed logins shut an account out, and for how long."""

    attempts: PositiveCount = _setting(5, "Failed logins within the window that lock an account.")
    window: PositiveDuration = _setting("3m", "Time in which failed logins are counted.")
    duration: PositiveDuration = _setting("5m", "How long a locked account stays locked.")
    total_attempts: Count = _setting(
        0,
        "Failed logins of one account from all addresses together that lock it for everybody. "
        "0: twenty times attempts, so that a guesser does not lock others out.",
    )
    address_attempts: Count = _setting(
        0,
        "Failed logins from one address, whatever the names, that lock the address. 0 turns it "
        "off, since offices and proxies share an address.",
    )

    @property
    def wrong_tokens(self) -> Policy:
        """How many wrong tokens an address may send: many clients may share it."""
        most = self.address_attempts or _WRONG_TOKENS * self.attempts
        return Policy(most, self.window, self.duration)


class HashingTable(_Table):
    """The slow password hash, kept off the way of everything else."""

    threads: Count = _setting(0, "Threads that hash passwords. 0 means as many as fit the machine.")
    queue: PositiveCount = _setting(
        64, "Logins that may wait for a thread; further ones are told to come back."
    )
    verified_cache: Duration = _setting(
        "5m",
        "How long a verified password may be used again without the slow hash. 0 turns it off.",
    )
    min_length: PositiveCount = _setting(
        12,
        "Fewest characters of a password that is set for a local user. Those that are set already "
        "stay good.",
    )


class StoreTable(_Table):
    """Where sessions live."""

    url: StoreUrl = _setting(
        "sqlite:sessiongate.db",
        "memory: (lost on stop), sqlite:FILE, where a relative FILE is in server.data_dir, or a "
        "Redis or Valkey that several servers share: redis://[USER@]HOST:PORT/DB, "
        "redis+unix:///PATH?db=DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE?db=DB, "
        "redis+cluster://HOST:PORT,HOST:PORT; rediss for TLS. Installed packages may add kinds.",
    )
    password: SecretText | None = _setting(
        None, "Password of the Redis. password_file names a file that holds it."
    )
    sentinel_password: SecretText | None = _setting(
        None, "Password of the Sentinels, where they have one."
    )
    certificate_authority: FilePath | None = _setting(
        None, "PEM file of the authority behind the Redis' certificate. Unset: the platform's."
    )
    prefix: StorePrefix = _setting(
        "sg", "What the names of our keys in Redis begin with. Servers that share have the same."
    )
    timeout: Patience = _setting(
        "2s", "How long Redis may take to answer before clients are told to come back (503)."
    )
    cache: YesNo = _setting(
        False,
        "Remember sessions in each server and have Redis push their ends: checks are as fast as "
        "with the memory store, and an end is felt elsewhere some milliseconds later.",
    )


class Role(_Table):
    """A named set of privileges, beside the built-in roles."""

    privileges: Texts = Field(
        description="vSphere privileges of the role, such as System.View; may be empty."
    )


class ExtensionTable(_Table):
    """A vCenter extension that may log in by its client certificate."""

    role: Text = Field(description="Role of the extension's sessions.")
    fingerprint: Fingerprint | None = _setting(
        None, "SHA-256 or SHA-1 fingerprint of its certificate, as AA:BB:..."
    )
    certificate: FilePath | None = _setting(
        None,
        "PEM file of its certificate. Needed where our own TLS is to see it; a certificate that "
        "a trusted proxy has checked needs the fingerprint only.",
    )


class Settings(_Table):
    """The settings of sessiongate."""

    server: ServerTable = Field(
        default_factory=ServerTable, description="Where the server listens, and what it keeps."
    )
    admin: AdminTable = Field(default_factory=AdminTable, description="The operations listener.")
    console: ConsoleTable = Field(
        default_factory=ConsoleTable, description="The pages on which people see sessions."
    )
    sessions: SessionsTable = Field(
        default_factory=SessionsTable,
        description="How long sessions live, and how many there may be.",
    )
    lockout: LockoutTable = Field(
        default_factory=LockoutTable, description="When failed logins lock an account."
    )
    hashing: HashingTable = Field(default_factory=HashingTable, description="Slow password hash.")
    store: StoreTable = Field(default_factory=StoreTable, description="Where sessions live.")
    audit: AuditTable = Field(default_factory=AuditTable, description="Record of every decision.")
    identity: dict[str, dict[str, object]] = Field(
        default={"local": {"type": "file"}},
        repr=False,  # what providers keep in addresses and the like is not ours to judge
        description="Each table is one identity provider under a name of your choice; type says "
        "which kind, all else belongs to the provider. Keys that end in password, passphrase, "
        "secret or token are secrets, and with _file added name a file that holds the secret. "
        "The default stands only while no table is given.",
    )
    tokens: dict[str, TokenIssuer] = Field(
        default={},
        description="Each table is one issuer whose tokens LoginByToken takes, under a name of "
        "your choice. Without any, it takes none.",
    )
    dialects: Dialects = Field(
        default_factory=Dialects, description="Which provider each dialect asks."
    )
    gateway: Gateway = Field(default_factory=Gateway, description="What all upstreams share.")
    upstream: dict[str, Upstream] = Field(
        default={},
        description="Each table is one vCenter that clients use through us, under a name of your "
        "choice. Without any, nothing is forwarded.",
    )
    session_manager: ManagerTable = Field(
        default_factory=ManagerTable,
        description="Clone tickets for Kubernetes' vSphere drivers, at /session-manager/UPSTREAM.",
    )
    forward_auth: ForwardAuth = Field(
        default_factory=ForwardAuth,
        description="Checks of sessions for proxies in front of other applications.",
    )
    extensions: dict[str, ExtensionTable] = Field(
        default={}, description="Each table is one extension, under its extension key in quotes."
    )
    roles: dict[str, Role] = Field(default={}, description="Each table is one role of your own.")


class Config(Settings):
    """The settings in force, and where each of them came from."""

    origins: Annotated[Mapping[str, str], SkipValidation] = Field(
        default={}, exclude=True, repr=False, description="Setting to where it came from."
    )
    """Dotted setting -> "default", "profile", "file", "env" or "flag"."""
    secret_files: Annotated[Mapping[str, Path], SkipValidation] = Field(
        default={}, exclude=True, repr=False, description="Secret to the file that it stood in."
    )
    loose: Annotated[tuple[str, ...], SkipValidation] = Field(
        default=(), exclude=True, repr=False, description="Files that others may read or change."
    )
    """A sentence, with the way out, for each file that settings were read from too freely."""
    elsewhere: Annotated[str, SkipValidation] = Field(
        default="", exclude=True, repr=False, description="Another data directory of the file."
    )
    """A sentence where the environment names another data directory than the settings file."""

    @property
    def access_policy(self) -> AccessPolicy | None:
        """What checks for proxies go by, or None where there is nobody whom we could believe."""
        table = self.forward_auth
        if not table.enabled or not self.server.trusted_proxies:
            return None
        return AccessPolicy(table.rules, table.headers, table.touch, table.login_url or "")

    @property
    def store_path(self) -> Path | None:
        """The SQLite file, or None for a store without one."""
        at, url = self.server.data_dir, self.store.url
        return at / url.file if url.kind == "sqlite" else None
