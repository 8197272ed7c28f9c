"""The settings of the provider of type `ldap`, read and judged; docs/directories.md explains them.

All problems are told at once, each with its setting and the way out, and none with a value.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from sessiongate.errors import ConfigError
from sessiongate.identity.ldap import filter as ldap_filter
from sessiongate.identity.ldap.connection import Address, Trust
from sessiongate.identity.ldap.servers import Means
from sessiongate.identity.plugin import Surroundings, unknown_keys
from sessiongate.rules.accounts import canonical_domain
from sessiongate.rules.dn import canonical_dn
from sessiongate.secret import Secret
from sessiongate.tls.trust import client_context

T = TypeVar("T")

KEYS = (
    "style",
    "url",
    "start_tls",
    "verify",
    "ca",
    "fingerprint",
    "bind_dn",
    "bind_password",
    "base_dn",
    "user_filter",
    "user_dn",
    "domains",
    "domain_map",
    "name_attribute",
    "full_name_attribute",
    "groups_attribute",
    "group_base_dn",
    "group_depth",
    "groups",
    "default_role",
    "connect_timeout",
    "operation_timeout",
    "timeout",
    "cool_down",
    "connections",
)

# By style. Computers are users too to Active Directory.
_FILTERS = {
    "ad": "(&(objectClass=user)(!(objectClass=computer))"
    "(|(sAMAccountName={user})(userPrincipalName={user}@{domain})))",
    "openldap": "(uid={user})",
}
_NAMES = {"ad": "sAMAccountName", "openldap": "uid"}

_PORTS = {"ldap": 389, "ldaps": 636}

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_SECONDS = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(ms|s|m)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}

# A login that takes longer is of no use to anybody: clients have hung up.
_LONGEST = 600.0


class Settings(msgspec.Struct, frozen=True):
    """What `read` makes of a table. Times are in seconds."""

    style: str
    addresses: tuple[Address, ...]
    means: Means
    base_dn: str
    user_filter: ldap_filter.Filter
    user_dn: str
    domains: Mapping[str, str]
    """Each domain that is ours, and what stands for `{domain}` in its place, as it was written."""
    domain: str
    """The first of our domains, canonical; "" where there is none."""
    shown_domain: str
    name_attribute: str
    full_name_attributes: tuple[str, ...]
    groups_attribute: str
    group_base_dn: str
    group_depth: int
    groups: Mapping[str, str]
    """Canonical DN -> role."""
    group_names: tuple[str, ...]
    """The DNs of the same groups, as written: what the directory is asked for."""
    default_role: str | None
    timeout: float
    connections: int
    warnings: tuple[str, ...]


def read(name: str, table: Mapping[str, object], around: Surroundings) -> Settings:
    """The settings in this table. Raises ConfigError with all problems."""
    reader = _Reader(name, table)
    style = reader.take("style", _choice(tuple(_FILTERS)), "openldap")
    addresses = reader.take("url", _addresses, tuple[Address, ...]())
    if not addresses and "url" not in table:
        reader.say("url", 'is required: an address such as "ldaps://dc1.example.com"')
    base_dn = reader.take("base_dn", _dn, "")
    if not base_dn and "base_dn" not in table:
        reader.say("base_dn", 'is required: where people are, such as "dc=example,dc=com"')
    domains, domain, shown = _domains(reader)
    user_dn = reader.take("user_dn", _template, "")
    if "{domain}" in user_dn and not domain:
        reader.say("domains", "is required, for user_dn has {domain} in it")
    trust, warnings = _trust(reader, addresses, around.data_dir)
    service, password = _service(reader, user_dn)
    full_name = reader.take("full_name_attribute", _attribute, "")
    groups, group_names = _groups(reader)
    settings = Settings(
        style=style,
        addresses=addresses,
        means=Means(
            trust=trust,
            service=service,
            password=password,
            connect_limit=reader.take("connect_timeout", _seconds, 3.0),
            limit=reader.take("operation_timeout", _seconds, 5.0),
            cool_down=reader.take("cool_down", _seconds, 30.0),
        ),
        base_dn=base_dn,
        user_filter=reader.take("user_filter", _filter, ldap_filter.parse(_FILTERS[style])),
        user_dn=user_dn,
        domains=domains,
        domain=domain,
        shown_domain=shown,
        name_attribute=reader.take("name_attribute", _attribute, _NAMES[style]),
        full_name_attributes=(full_name,) if full_name else ("displayName", "cn"),
        groups_attribute=reader.take("groups_attribute", _attribute, "memberOf"),
        group_base_dn=reader.take("group_base_dn", _dn, base_dn),
        group_depth=reader.take("group_depth", _whole(0, 50), 8),
        groups=groups,
        group_names=group_names,
        default_role=reader.take("default_role", _text, "") or None,
        timeout=reader.take("timeout", _seconds, 15.0),
        connections=reader.take("connections", _whole(1, 1000), 8),
        warnings=warnings,
    )
    problems = unknown_keys(name, table, KEYS) + reader.problems
    if problems:
        raise ConfigError(problems)
    return settings


class _Reader:
    """Takes settings out of a table and collects what is wrong with them."""

    def __init__(self, name: str, table: Mapping[str, object]) -> None:
        self.table = table
        self.problems: list[str] = []
        self._name = name

    def say(self, key: str, problem: str) -> None:
        self.problems.append(f"identity.{self._name}.{key}: {problem}")

    def take(self, key: str, read: Callable[[object], T], default: T) -> T:
        """The setting as `read` understands it; the default where it is not given or is wrong."""
        if key not in self.table:
            return default
        try:
            return read(self.table[key])
        except ValueError as problem:
            self.say(key, str(problem))
            return default


def _domains(reader: _Reader) -> tuple[dict[str, str], str, str]:
    """Our domains with what each stands for, the first of them, and the one that is shown."""
    names = reader.take("domains", _domain_names, tuple[str, ...]())
    short = reader.take("domain_map", _domain_map, dict[str, str]())
    first = next(iter((*names, *short.values())), "")
    # A short (NetBIOS) name is another name for the first domain, unless the map says otherwise.
    ours = {canonical_domain(name): name if "." in name else first for name in names}
    for name, full in short.items():
        ours.setdefault(canonical_domain(full), full)
        ours[canonical_domain(name)] = full
    shown = next((name for name in ours if "." not in name), canonical_domain(first))
    return ours, canonical_domain(first), shown


def _trust(
    reader: _Reader, addresses: tuple[Address, ...], data_dir: Path
) -> tuple[Trust, tuple[str, ...]]:
    """How servers prove themselves, and what is to be said about it loudly."""
    start_tls = reader.take("start_tls", _yes_or_no, True)
    verify = reader.take("verify", _yes_or_no, True)
    ca = reader.take("ca", _text, "")
    fingerprints = reader.take("fingerprint", _fingerprints, tuple[str, ...]())
    plain = not start_tls and not all(address.tls for address in addresses)
    if plain and any(address.tls for address in addresses):
        reader.say("url", "mixes ldaps:// with ldap:// without start_tls; use one of them")
    if plain and (ca or fingerprints):
        reader.say("start_tls", "must be true: a certificate is only shown inside TLS")
    if not verify and ca:
        reader.say("verify", "must be true where ca is given; remove one of the two")
    if plain:
        return Trust(None), ("passwords cross the network unencrypted (start_tls = false)",)
    context = _context(reader, data_dir, ca if verify else "")
    by_chain = verify and (ca or not fingerprints)
    if not by_chain:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if not verify and not fingerprints:
        said = "the directory's certificate is not verified (verify = false): anybody on the way"
        return Trust(context), (f"{said} can read passwords and let anybody in",)
    return Trust(context, fingerprints), ()


def _context(reader: _Reader, data_dir: Path, ca: str) -> ssl.SSLContext:
    try:
        return client_context(data_dir / ca if ca else None)
    except ssl.SSLError:
        reader.say("ca", "holds no certificate; name a PEM file with the CA's certificate")
    except OSError as problem:
        why = problem.strerror or "no access"
        reader.say("ca", f"cannot be read: {why}; name a PEM file with the CA's certificate")
    return client_context()


def _service(reader: _Reader, user_dn: str) -> tuple[str, Secret | None]:
    name = reader.take("bind_dn", _text, "")
    password = reader.take("bind_password", _secret, None)
    if bool(name) != (password is not None) and not reader.problems:
        reader.say("bind_dn", "and bind_password (or bind_password_file) go together: give both")
    if not name and password is None and not user_dn and "bind_dn" not in reader.table:
        reader.say(
            "bind_dn",
            "is required: the account that looks up people. Without one, give user_dn, by which"
            " people bind straight away",
        )
    return name, password


def _groups(reader: _Reader) -> tuple[dict[str, str], tuple[str, ...]]:
    """The role of each group by its canonical DN, and the DNs as written."""
    given = reader.table.get("groups", {})
    rule = 'must be a table of groups and roles: "cn=admins,dc=example,dc=com" = "administrator"'
    if not isinstance(given, dict):
        reader.say("groups", rule)
        return {}, ()
    groups = {}
    for position, (group, role) in enumerate(given.items(), 1):
        try:
            groups[canonical_dn(_text(group))] = _text(role)
        except ValueError:
            reader.say("groups", f"{rule}; entry {position} is not of that form")
    return groups, tuple(group.strip() for group in given)


# How one setting is read: the value, or ValueError with the rule.


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("must be a text that is not empty; write it in quotes")
    return value.strip()


def _secret(value: object) -> Secret | None:
    if isinstance(value, Secret) and value.reveal():
        return value
    raise ValueError("must be a text that is not empty; write it in quotes")


def _yes_or_no(value: object) -> bool:
    said = value.strip().lower() if isinstance(value, str) else value
    if said in (True, "true", "yes", "on", "1"):
        return True
    if said in (False, "false", "no", "off", "0"):
        return False
    raise ValueError("must be true or false")


def _choice(names: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value)

    return read


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return read


def _seconds(value: object) -> float:
    found = _SECONDS.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= _LONGEST:
        raise ValueError('must be a time above 0 and up to 10m, such as "3s" or "500ms"')
    return seconds


def _many(value: object) -> list[str]:
    """A list, or one text; the environment has commas between."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not value:
        raise ValueError('must be a text, or a list such as ["one", "two"]')
    return [_text(one) for one in value]


def _addresses(value: object) -> tuple[Address, ...]:
    return tuple(dict.fromkeys(map(_address, _many(value))))


def _address(text: str) -> Address:
    rule = 'must be "ldaps://HOST" or "ldap://HOST", with :PORT where it is not 636 or 389'
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(rule) from None
    if parts.scheme not in _PORTS or not host or parts.username is not None or port == 0:
        raise ValueError(rule)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{rule}, and nothing behind it")
    return Address(host, port or _PORTS[parts.scheme], parts.scheme == "ldaps")


def _dn(value: object) -> str:
    text = _text(value)
    try:
        canonical_dn(text)
    except ValueError:
        raise ValueError('must be a DN, such as "ou=people,dc=example,dc=com"') from None
    return text


def _attribute(value: object) -> str:
    text = _text(value)
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError('must be the name of an attribute, such as "displayName"')
    return text


def _filter(value: object) -> ldap_filter.Filter:
    try:
        found = ldap_filter.parse(_text(value))
    except ValueError as problem:
        raise ValueError(f'{problem}; it must be a filter such as "(uid={{user}})"') from None
    names = ldap_filter.placeholders(found)
    if "user" not in names or not names <= {"user", "domain"}:
        raise ValueError("must have {user} in it, and no other name in {} but {domain}")
    return found


def _template(value: object) -> str:
    text = _text(value)
    names = re.findall(r"\{([^{}]*)\}", text)
    if "user" not in names or not set(names) <= {"user", "domain"}:
        raise ValueError(
            'must have {user} in it, and no other name in {} but {domain}: "{user}@{domain}", or'
            ' "uid={user},ou=people,dc=example,dc=com"'
        )
    if "=" in text:
        _dn(text)
    return text


def _domain_names(value: object) -> tuple[str, ...]:
    names = tuple(name.strip(" .") for name in _many(value))
    folded = [canonical_domain(name) for name in names]
    if not all(folded) or any("@" in name or "\\" in name for name in folded):
        raise ValueError('must be names of domains, such as ["corp.example.com", "CORP"]')
    return names


def _domain_map(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError('must be a table of short and full names: CORP = "corp.example.com"')
    return {short: full for one in value.items() for short, full in [_domain_names(list(one))]}


def _fingerprints(value: object) -> tuple[str, ...]:
    found = tuple(text.replace(":", "").lower() for text in _many(value))
    if any(len(one) not in (40, 64) or set(one) - set("0123456789abcdef") for one in found):
        raise ValueError("must be the 64 hex digits of a SHA-256, or the 40 of a SHA-1")
    return found
