"""The settings of a directory: what they may be, and what is said about those that may not."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from sessiongate.errors import ConfigError
from sessiongate.identity.ldap.connection import LdapAddress
from sessiongate.identity.ldap.filter import parse
from sessiongate.identity.ldap.settings import LdapSettings, read
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.plugin import PluginContext
from sessiongate.secret import Secret
from tests.each import each

CANARY = "canary-password"
LEAST: dict[str, object] = {
    "url": "ldaps://dc1.example.com",
    "base_dn": "dc=example,dc=com",
    "bind_dn": "cn=service,dc=example,dc=com",
    "bind_password": Secret(CANARY),
}


def read_with(data_dir: Path = Path("/nowhere"), /, **more: object) -> LdapSettings:
    hasher = PasswordHasher(1)
    hasher.close()
    table = {key: value for key, value in {**LEAST, **more}.items() if value is not None}
    return read("corp", table, PluginContext(data_dir, hasher))


def problems_of(data_dir: Path = Path("/nowhere"), /, **more: Any) -> list[str]:
    with pytest.raises(ConfigError) as found:
        read_with(data_dir, **more)
    return found.value.problems


def test_what_little_is_needed() -> None:
    settings = read_with()
    assert settings.style == "openldap"
    assert settings.addresses == (LdapAddress("dc1.example.com", 636, tls=True),)
    assert settings.user_filter == parse("(uid={user})")
    assert (settings.name_attribute, settings.group_base_dn) == ("uid", "dc=example,dc=com")
    assert (settings.domains, settings.domain, settings.default_role) == ({}, "", None)
    assert (settings.means.connect_limit, settings.means.limit, settings.timeout) == (3, 5, 15)
    assert settings.warnings == ()


def test_active_directory_has_its_own_names() -> None:
    settings = read_with(style="ad")
    assert settings.name_attribute == "sAMAccountName"
    assert "sAMAccountName" in str(settings.user_filter)


def test_sec_67_verification_is_on_by_default() -> None:
    context = read_with().means.tls
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    # ldap:// means StartTLS, not plain text.
    assert read_with(url="ldap://dc1").means.tls is not None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"verify": False}, "not verified"),
        ({"url": "ldap://dc1", "start_tls": False}, "unencrypted"),
        ({"verify": False, "fingerprint": "ab" * 32}, ""),
        ({"start_tls": False}, ""),
    ],
)
def test_sec_67_what_is_not_safe_is_said(more: dict[str, object], said: str) -> None:
    warnings = read_with(**more).warnings
    assert [said in warning for warning in warnings] == ([True] if said else [])


@pytest.mark.parametrize(
    ("more", "domains", "first"),
    [
        ({"domains": "corp.example.com"}, {"corp.example.com": "corp.example.com"}, None),
        (
            # Told apart without case, and asked for as written.
            {"domains": ["Corp.Example.com.", "CORP"]},
            {"corp.example.com": "Corp.Example.com", "corp": "Corp.Example.com"},
            None,
        ),
        (
            {"domains": ["corp.example.com"], "domain_map": {"SALES": "sales.example.com"}},
            {
                "corp.example.com": "corp.example.com",
                "sales": "sales.example.com",
                "sales.example.com": "sales.example.com",
            },
            None,
        ),
        (
            {"domain_map": {"CORP": "corp.example.com"}},
            {"corp": "corp.example.com", "corp.example.com": "corp.example.com"},
            "corp.example.com",
        ),
    ],
)
def test_domains(more: dict[str, object], domains: dict[str, str], first: str | None) -> None:
    settings = read_with(**more)
    assert settings.domains == domains
    assert settings.domain == (first or "corp.example.com")


def test_everything_can_be_set_as_text_too() -> None:
    """As the environment gives it."""
    settings = read_with(
        url="ldaps://dc1:1636, ldap://[::1]",
        domains="corp.example.com, CORP",
        start_tls="yes",
        verify="on",
        connections="20",
        group_depth="0",
        connect_timeout="500ms",
        timeout="1m",
        full_name_attribute="gecos",
    )
    assert [str(one) for one in settings.addresses] == ["ldaps://dc1:1636", "ldap://[::1]:389"]
    assert (settings.connections, settings.group_depth) == (20, 0)
    assert (settings.means.connect_limit, settings.timeout) == (0.5, 60)
    assert settings.full_name_attributes == ("gecos",)


def test_groups_are_known_in_any_spelling() -> None:
    settings = read_with(groups={" CN=Admins, DC=x": "administrator"})
    assert settings.groups == {"cn=admins,dc=x": "administrator"}
    assert settings.group_names == ("CN=Admins, DC=x",)


def test_names_that_look_like_a_secrets_are_read_all_the_same() -> None:
    """The settings take whatever ends in "token" for a secret, names of groups too."""
    group = "cn=users,cn=vpn-token"
    settings = read_with(
        groups={group: Secret("user")}, domain_map={"VPN-TOKEN": Secret("vpn.example")}
    )
    assert settings.groups == {group: "user"}
    assert settings.domains["vpn-token"] == "vpn.example"


@each(
    ("more", "setting", "rule"),
    [
        ({"url": None}, "url", "is required"),
        ({"base_dn": None}, "base_dn", "is required"),
        ({"bind_dn": None, "bind_password": None}, "bind_dn", "is required"),
        ({"bind_password": None}, "bind_dn", "go together"),
        ({"bind_dn": None}, "bind_dn", "go together"),
        ({"style": "nt4"}, "style", "one of ad, openldap"),
        ({"url": "https://dc1"}, "url", "ldaps://HOST"),
        ({"url": "ldaps://"}, "url", "ldaps://HOST"),
        ({"url": "ldaps://x:y"}, "url", "ldaps://HOST"),
        ({"url": "ldaps://me:pw@dc1"}, "url", "ldaps://HOST"),
        ({"url": "ldaps://dc1/dc=x"}, "url", "nothing behind"),
        ({"url": []}, "url", "a list"),
        ({"url": 3}, "url", "a list"),
        ({"url": ["ldap://a", "ldaps://b"], "start_tls": False}, "url", "mixes"),
        ({"url": "ldap://a", "start_tls": False, "fingerprint": "a" * 64}, "start_tls", "TLS"),
        ({"start_tls": "maybe"}, "start_tls", "true or false"),
        ({"base_dn": "example.com"}, "base_dn", "must be a DN"),
        ({"bind_password": ""}, "bind_password", "a text"),
        ({"user_filter": "uid={user}"}, "user_filter", "opening bracket"),
        ({"user_filter": "(uid=x)"}, "user_filter", "{user}"),
        ({"user_filter": "(uid={user}{host})"}, "user_filter", "{user}"),
        ({"user_dn": "uid=x,dc=x"}, "user_dn", "{user}"),
        ({"user_dn": "uid={user},corp"}, "user_dn", "must be a DN"),
        ({"user_dn": "{user}@{domain}"}, "domains", "is required"),
        ({"domain_map": ["x"]}, "domain_map", "a table"),
        ({"name_attribute": "a b"}, "name_attribute", "name of an attribute"),
        ({"groups": ["x"]}, "groups", "a table"),
        ({"groups": {"admins": "administrator"}}, 'groups."admins"', "must be a DN"),
        ({"groups": {"cn=a": "user", "cn=b": ""}}, 'groups."cn=b"', "not empty"),
        ({"groups": {"cn=a": "user", "CN=A": "user"}}, 'groups."CN=A"', "the same name"),
        ({"domain_map": {"A@B": "b.example"}}, 'domain_map."A@B"', "name of a domain"),
        ({"domain_map": {"CORP": "a", "corp": "b"}}, 'domain_map."corp"', "the same name"),
        ({"group_depth": 99}, "group_depth", "from 0 to 50"),
        ({"connections": True}, "connections", "from 1 to 1000"),
        ({"bind_nd": "x"}, "bind_nd", "did you mean bind_dn"),
    ],
)
def test_each_problem_is_named_with_the_way_out(
    more: dict[str, object], setting: str, rule: str
) -> None:
    problems = problems_of(**more)
    assert [problem for problem in problems if problem.startswith(f"identity.corp.{setting}: ")]
    assert rule in "\n".join(problems)
    assert len(problems) == 1


def test_all_problems_are_told_at_once_and_no_value() -> None:
    problems = problems_of(
        url="ftp://canary", base_dn="canary", user_filter="(canary", fingerprint="canary"
    )
    assert len(problems) == 4
    assert "canary" not in "\n".join(problems)


def test_sec_68_the_password_does_not_show() -> None:
    assert CANARY not in repr(read_with())
