r"""The settings of a provider of type `vcenter`, and the provider that they make.

[identity.vc]
type = "vcenter"
url = "https://vcenter.example"
fingerprint = "AA:BB:..."           # or ca = "vcenter-ca.pem"; else the system's CAs
domains = ["vsphere.local"]
[identity.vc.roles]
"VSPHERE.LOCAL\\Administrator" = "administrator"
"""

import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import structlog

from sessiongate.config import values
from sessiongate.errors import BadCredentials, ConfigError
from sessiongate.identity.plugin import Made, Surroundings, unknown_keys
from sessiongate.identity.vcenter.provider import Names, VCenterIdentity
from sessiongate.rules.accounts import canonical_domain, parse_account
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust
from sessiongate.upstream.http import TIMEOUT, HttpUpstream
from sessiongate.upstream.vcenter import VCenter
from sessiongate.wire.vim.client import Form

T = TypeVar("T")

_KEYS = (
    "url",
    "ca",
    "fingerprint",
    "verify",
    "timeout",
    "form",
    "proxy",
    "domains",
    "default_domain",
    "aliases",
    "role",
    "roles",
)
_FORMS = {"auto": None, "json": Form.JSON, "soap": Form.SOAP}

_log = structlog.get_logger(__name__)


def vcenter(name: str, table: Mapping[str, object], around: Surroundings) -> Made:
    """The provider of type `vcenter`. Raises ConfigError with every problem of its settings."""
    read = _Settings(name, table)
    url = read.one("url", _address, "")
    trust = Trust(
        ca=read.one("ca", lambda value: _path(value, around.data_dir), None),
        fingerprint=read.one("fingerprint", values.fingerprint, None),
        verify=read.one("verify", values.yes_or_no, True),
    )
    timeout = read.one("timeout", values.positive_duration, TIMEOUT)
    form = read.one("form", values.choice(*_FORMS), "auto")
    proxy = read.one("proxy", _address, None)
    domains = read.one("domains", values.many(values.word), tuple[str, ...]())
    aliases = read.texts("aliases", canonical_domain)
    default_domain = read.one("default_domain", values.word, "")
    role = read.one("role", values.word, "user")
    spelled = Names(role, default_domain=default_domain, aliases=aliases)
    roles = read.texts("roles", lambda text: spelled.canonical(parse_account(text)))
    names = Names(role, roles, default_domain=default_domain, aliases=aliases)
    read.together(url, trust)
    http = read.made(trust, lambda: HttpUpstream(url, trust, timeout=timeout, proxy=proxy))
    if http is None or read.problems:
        raise ConfigError(read.problems)
    if trust.is_blind:
        # Loud, at every start: whoever answers at that address sees every password.
        _log.error("certificate of the vCenter is not verified", provider=name, url=url)
    upstream = VCenter(name, http, timeout=timeout, form=_FORMS[form])
    return Made(
        VCenterIdentity(name, upstream, names),
        _claimed(domains, aliases),
        roles=(role, *roles.values()),
    )


def _claimed(domains: Sequence[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The domains, and their other names: a person has one provider however the name is typed."""
    own = {canonical_domain(domain) for domain in domains}
    others = [other for other, domain in aliases.items() if canonical_domain(domain) in own]
    return tuple(dict.fromkeys((*domains, *(other for other in others if other not in own))))


class _Settings:
    """Reads a table setting by setting, and collects what is wrong with it."""

    def __init__(self, name: str, table: Mapping[str, object]) -> None:
        self._name = name
        self._table = table
        self.problems = unknown_keys(name, table, _KEYS)
        if "url" not in table:
            self._problem("url", 'is required; such as "https://vcenter.example"')

    def _problem(self, key: str, rule: str) -> None:
        self.problems.append(f"identity.{self._name}.{key}: {rule}")

    def one(self, key: str, read: Callable[[object], T], default: T) -> T:
        """The value of this setting, the default where there is none or it is wrong."""
        if key in self._table:
            try:
                return read(self._table[key])
            except ValueError as problem:
                self._problem(key, str(problem))
        return default

    def texts(self, key: str, fold: Callable[[str], str]) -> dict[str, str]:
        """A table of texts under names that the operator chose, no two of them the same name."""
        table = self._table.get(key, {})
        if not isinstance(table, dict):
            self._problem(key, f"must be a table, [identity.{self._name}.{key}]")
            return {}
        found: dict[str, str] = {}
        for spelled, raw in table.items():
            # A name such as "svc-token" looks like a secret's; its value is none.
            value = raw.reveal() if isinstance(raw, Secret) else raw
            place = f"{key}.{json.dumps(spelled)}"
            try:
                name = fold(spelled)
            except BadCredentials as refused:
                self._problem(place, str(refused))
                continue
            if not name or not isinstance(value, str) or not value.strip():
                self._problem(place, "must be a text under a name")
            elif name in found:
                self._problem(place, "is the same name as another one in this table")
            else:
                found[name] = value.strip()
        return found

    def together(self, url: str, trust: Trust) -> None:
        """Rules between the settings of trust."""
        ways = [trust.fingerprint is not None, trust.ca is not None, not trust.verify]
        if sum(ways) > 1:
            rule = "a fingerprint, a ca and verify = false exclude one another; keep one of them"
            self._problem("fingerprint" if ways[0] else "ca", rule)
        if url.startswith("http:") and not trust.is_blind:
            rule = "has no certificate to verify; use https, or say so with verify = false"
            self._problem("url", rule)

    def made(self, trust: Trust, make: Callable[[], T]) -> T | None:
        """What `make` makes, None where the CA file is none."""
        try:
            return make()
        except OSError as problem:
            # An ssl.SSLError is an OSError too: a file that is there and holds no certificate.
            why = "" if isinstance(problem, ssl.SSLError) else problem.strerror
            rule = f"{trust.ca} must be a file of CA certificates in PEM form"
            self._problem("ca", f"{rule}: {why}" if why else rule)
            return None


def _address(value: object) -> str:
    text = values.word(value).rstrip("/")
    rule = 'must be an address such as "https://vcenter.example", without user, path or query'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(rule) from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise ValueError(rule)
    if "@" in parts.netloc or parts.path or parts.query or parts.fragment or not text.isprintable():
        raise ValueError(rule)
    return text


def _path(value: object, base: Path) -> Path:
    # As the users file of a provider of type `file`: relative to the data directory.
    text = values.word(value)
    values.file_path(text)
    return base / Path(text).expanduser()
