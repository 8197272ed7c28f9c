"""The settings of the provider of type `ldap`, read and judged; docs/directories.md explains them.

All problems are told at once, each with its setting and the way out, and none with a value.
"""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from sessiongate.config import values
from sessiongate.config.provider_tables import ProviderTable
from sessiongate.identity.ldap import filter as ldap_filter
from sessiongate.identity.ldap.connection import LdapAddress
from sessiongate.identity.ldap.servers import LdapAccess
from sessiongate.identity.plugin import PluginContext
from sessiongate.rules.accounts import canonical_domain
from sessiongate.rules.dn import canonical_dn
from sessiongate.secret import Secret

# By style. Computers are users too to Active Directory.
_FILTERS = {
    "ad": "(&(objectClass=user)(!(objectClass=computer))"
    "(|(sAMAccountName={user})(userPrincipalName={user}@{domain})))",
    "openldap": "(uid={user})",
}
_NAMES = {"ad": "sAMAccountName", "openldap": "uid"}

_PORTS = {"ldap": 389, "ldaps": 636}

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class LdapSettings(msgspec.Struct, frozen=True):
    """What `read` makes of a table. Times are in seconds."""

    style: str
    addresses: tuple[LdapAddress, ...]
    means: LdapAccess
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


def read(name: str, table: Mapping[str, object], context: PluginContext) -> LdapSettings:
    """The settings in this table. Raises ConfigError with all problems."""
    reader = ProviderTable(name, table)
    style = reader.take("style", values.choice(*_FILTERS), "openldap")
    an_address = 'an address such as "ldaps://dc1.example.com"'
    addresses = reader.need("url", _addresses, (), an_address)
    base_dn = reader.need("base_dn", _dn, "", 'where people are, such as "dc=example,dc=com"')
    domains, domain, shown = _domains(reader)
    user_dn = reader.take("user_dn", _template, "")
    if "{domain}" in user_dn and not domain:
        reader.problem("domains", "is required, for user_dn has {domain} in it")
    tls, warnings = _tls(reader, addresses, context.data_dir)
    service, password = _service(reader, user_dn)
    full_name = reader.take("full_name_attribute", _attribute, "")
    groups, group_names = _groups(reader)
    settings = LdapSettings(
        style=style,
        addresses=addresses,
        means=LdapAccess(
            tls=tls,
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
        group_depth=reader.take("group_depth", values.whole(0, 50), 8),
        groups=groups,
        group_names=group_names,
        default_role=reader.take("default_role", _text, "") or None,
        timeout=reader.take("timeout", _seconds, 15.0),
        connections=reader.take("connections", values.whole(1, 1000), 8),
        warnings=warnings,
    )
    reader.finish()
    return settings


def _domains(reader: ProviderTable) -> tuple[dict[str, str], str, str]:
    """Our domains with what each stands for, the first of them, and the one that is shown."""
    names = reader.take("domains", values.many(values.domain), ())
    short = reader.texts("domain_map", _short, values.domain)
    first = next(iter((*names, *short.values())), "")
    # A short (NetBIOS) name is another name for the first domain, unless the map says otherwise.
    ours = {canonical_domain(name): name if "." in name else first for name in names}
    for name, full in short.items():
        ours.setdefault(canonical_domain(full), full)
        ours[name] = full
    shown = next((name for name in ours if "." not in name), canonical_domain(first))
    return ours, canonical_domain(first), shown


def _tls(
    reader: ProviderTable, addresses: tuple[LdapAddress, ...], data_dir: Path
) -> tuple[ssl.SSLContext | None, tuple[str, ...]]:
    """How servers prove themselves (None: not at all), and what is to be said about it loudly."""
    start_tls = reader.take("start_tls", values.yes_or_no, True)
    trust = reader.trust(data_dir)
    plain = not start_tls and not all(address.tls for address in addresses)
    if plain and any(address.tls for address in addresses):
        reader.problem("url", "mixes ldaps:// with ldap:// without start_tls; use one of them")
    if plain and (trust.ca or trust.fingerprints):
        reader.problem("start_tls", "must be true: a certificate is only shown inside TLS")
    if plain:
        return None, ("passwords cross the network unencrypted (start_tls = false)",)
    if not trust.is_blind:
        return trust.context(), ()
    said = "the directory's certificate is not verified (verify = false): anybody on the way"
    return trust.context(), (f"{said} can read passwords and let anybody in",)


def _service(reader: ProviderTable, user_dn: str) -> tuple[str, Secret | None]:
    name = reader.take("bind_dn", _text, "")
    password = reader.take("bind_password", values.secret, None)
    if ("bind_dn" in reader) != ("bind_password" in reader):
        reader.problem(
            "bind_dn", "and bind_password (or bind_password_file) go together: give both"
        )
    elif "bind_dn" not in reader and not user_dn:
        reader.problem(
            "bind_dn",
            "is required: the account that looks up people. Without one, give user_dn, by which"
            " people bind straight away",
        )
    return name, password


def _groups(reader: ProviderTable) -> tuple[dict[str, str], tuple[str, ...]]:
    """The role of each group by its canonical DN, and the DNs as written."""
    written: dict[str, str] = {}

    def known(group: str) -> str:
        name = canonical_dn(_dn(group))
        written[name] = group.strip()
        return name

    return reader.texts("groups", known, _text), tuple(written.values())


# How one setting is read: the value, or ValueError with the rule.


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("must be a text that is not empty; write it in quotes")
    return value.strip()


def _short(name: str) -> str:
    return canonical_domain(values.domain(name))


def _seconds(value: object) -> float:
    return values.positive_duration(value).total_seconds()


def _addresses(value: object) -> tuple[LdapAddress, ...]:
    return tuple(dict.fromkeys(values.some(_address)(value)))


def _address(value: object) -> LdapAddress:
    text = _text(value)
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
    return LdapAddress(host, port or _PORTS[parts.scheme], parts.scheme == "ldaps")


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
