"""The settings of the vcenter provider: what they make, and what is wrong with them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate import plugins
from sessiongate.errors import ConfigError, IdentityUnavailable
from sessiongate.identity.plugin import PluginContext
from sessiongate.identity.vcenter.provider import VCenterIdentity
from sessiongate.identity.vcenter.settings import vcenter
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.tls import certificates
from tests.identity.fakes import cheap_hasher
from tests.upstream.fakes import FakeServer, kind_vcenter, old_vcenter, server_tls

URL = "https://vcenter.example"
RIGHT = Secret("right")
ADA = parse_account("ada")


def made(folder: Path, **table: object) -> tuple[VCenterIdentity, tuple[str, ...]]:
    found = vcenter("vc", {"url": URL, **table}, PluginContext(folder, cheap_hasher()))
    assert isinstance(found.provider, VCenterIdentity)
    return found.provider, found.domains


def problems(folder: Path, table: Mapping[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        vcenter("vc", table, PluginContext(folder, cheap_hasher()))
    return [one.removeprefix("identity.vc.") for one in raised.value.problems]


def test_it_is_registered() -> None:
    setting = "identity.vc.type"
    assert plugins.find("vcenter", plugins.IDENTITY, plugins.IDENTITY_GROUP, setting) is vcenter


async def roles_with(folder: Path, script: object = kind_vcenter, **table: object) -> str:
    """Who `ada` is at a server over TLS, with these settings."""
    async with FakeServer(script, server_tls(folder)) as server:  # type: ignore[arg-type]
        provider, _ = made(folder, **{"url": server.url, **table})
        await provider.start()
        try:
            principal = await provider.authenticate(ADA, RIGHT)
        finally:
            await provider.close()
        assert principal.provider == "vc"
        return " ".join((principal.name, *principal.roles, *server.paths()))


LOGIN = "/sdk/vim25/8.0.1.0/SessionManager/SessionManager/Login"
LOGOUT = "/sdk/vim25/8.0.1.0/SessionManager/SessionManager/Logout"


async def test_the_ca_is_a_file_in_the_data_directory(tmp_path: Path) -> None:
    said = await roles_with(tmp_path, ca="tls/ca.pem")
    assert said == f"ada@vsphere.local user {LOGIN} {LOGOUT}"


@pytest.mark.parametrize("which", ["sha1", "sha256"])
async def test_a_fingerprint_as_people_copy_it(tmp_path: Path, which: str) -> None:
    facts = certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC)).facts
    pin = getattr(facts, which)
    assert ":" in pin
    said = await roles_with(tmp_path, fingerprint=pin, roles={r"VSPHERE.LOCAL\Ada": "operator"})
    assert said.startswith("ada@vsphere.local operator ")


async def test_sec_67_without_either_a_strange_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IdentityUnavailable, match="certificate is not the one"):
        await roles_with(tmp_path)


async def test_sec_67_no_verification_is_loud(tmp_path: Path) -> None:
    with capture_logs() as logs:
        await roles_with(tmp_path, verify=False)
    [loud] = [one for one in logs if one["log_level"] == "error"]
    assert "not verified" in loud["event"]
    assert loud["provider"] == "vc"
    with capture_logs() as logs:
        await roles_with(tmp_path, ca="tls/ca.pem")
    assert [one for one in logs if one["log_level"] == "error"] == []


@pytest.mark.parametrize(
    ("form", "paths"),
    [
        ("auto", [LOGIN, "/sdk", "/sdk"]),
        ("soap", ["/sdk", "/sdk"]),
    ],
)
async def test_the_form_may_be_fixed(tmp_path: Path, form: str, paths: list[str]) -> None:
    said = await roles_with(tmp_path, old_vcenter, form=form, ca="tls/ca.pem")
    assert said.split(" ")[2:] == paths


async def test_a_server_that_lacks_the_fixed_form_is_no_use(tmp_path: Path) -> None:
    with pytest.raises(IdentityUnavailable, match="VI/JSON: status 404"):
        await roles_with(tmp_path, old_vcenter, form="json", ca="tls/ca.pem")


def test_settings_as_the_environment_gives_them(tmp_path: Path) -> None:
    provider, domains = made(tmp_path, verify="no", domains="vsphere.local, corp", timeout="3s")
    assert domains == ("vsphere.local", "corp")
    assert provider.name == "vc"


def test_other_names_of_a_claimed_domain_are_claimed_too(tmp_path: Path) -> None:
    aliases = {"CORP": "corp.example", "OLD": "else.example", "corp.example": "corp.example"}
    _, domains = made(tmp_path, domains=["Corp.Example"], aliases=aliases)
    assert domains == ("Corp.Example", "corp")


def test_a_name_that_looks_like_a_secret_has_a_role(tmp_path: Path) -> None:
    # The settings take whatever is called "...-token" for a secret, names of people too.
    provider, _ = made(tmp_path, roles={"svc-token": Secret("operator")})
    assert provider.name_of(parse_account("svc-token")) == "svc-token"


PIN = "ab" * 20


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, 'url: is required: an address such as "https://vcenter.example"'),
        ({"url": "https://vc enter.example"}, "url: must be an address such as"),
        ({"url": "https://ada@vcenter.example"}, "url: must be an address such as"),
        ({"url": "https://vcenter.example/sdk"}, "url: must be an address such as"),
        ({"url": URL, "form": "xml"}, "form: must be one of auto, json, soap"),
        ({"url": URL, "role": ""}, "role: must be a text"),
        ({"url": URL, "roles": ["a"]}, "roles: must be a table, [identity.vc.roles]"),
        ({"url": URL, "roles": {"@b": "user"}}, 'roles."@b": no user name'),
        ({"url": URL, "roles": {"a": 1}}, 'roles."a": must be a text'),
        (
            {"url": URL, "roles": {"a@b": "user", r"B\A": "user"}},
            r'roles."B\\A": is the same name as another one',
        ),
        (
            {
                "url": URL,
                "roles": {"a": "user", r"CORP\a": "operator"},
                "aliases": {"CORP": "corp.example"},
                "default_domain": "corp.example",
            },
            r'roles."CORP\\a": is the same name as another one',
        ),
        ({"url": URL, "aliases": {"CORP": " "}}, 'aliases."CORP": must be the name of a domain'),
        ({"url": "http://vc"}, "url: has no certificate to verify"),
        ({"url": "http://vc", "fingerprint": PIN}, "url: has no certificate to verify"),
        (
            {"url": "http://vc", "fingerprint": PIN, "verify": False},
            "url: has no certificate to verify",
        ),
        ({"url": URL, "proxy": "proxy:3128"}, "proxy: must be an address"),
    ],
)
def test_problems(tmp_path: Path, table: Mapping[str, object], told: str) -> None:
    problem, *_ = problems(tmp_path, table)
    assert problem.startswith(told)


def test_all_problems_come_at_once_and_repeat_no_value(tmp_path: Path) -> None:
    canary = "canary-canary"
    table = {"url": canary, "fingerprint": canary, "verify": canary, "form": canary, "more": canary}
    found = problems(tmp_path, table)
    assert {one.partition(":")[0] for one in found} == set(table)
    assert canary not in str(found)


@pytest.mark.parametrize(
    "url",
    [
        "vcenter.example",
        "ftp://vcenter.example",
        "https://",
        "https://user:canary@vcenter.example",
        "https://vcenter.example/sdk",
        "https://vcenter.example?x",
        "https://vcenter.example#x",
        "https://vcenter.example:0",
        "https://vcenter.example:port",
        "https://[::1",
        "https://vc\x00enter",
        7,
    ],
)
def test_addresses_that_are_none(tmp_path: Path, url: object) -> None:
    [problem] = problems(tmp_path, {"url": url})
    assert problem.startswith("url: must be ")
    assert "canary" not in problem


@pytest.mark.parametrize("url", ["https://vc", "https://10.0.0.5:8443/", "https://[fd00::5]:443"])
def test_addresses(tmp_path: Path, url: str) -> None:
    assert made(tmp_path, url=url)[0].name == "vc"
