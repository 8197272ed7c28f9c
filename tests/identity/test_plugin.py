"""What every provider of ours means by the settings that several have: one table over all.

A provider that comes later is in the table by itself; what it needs to be made stands in LEAST.
"""

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sessiongate import plugins
from sessiongate.errors import ConfigError
from sessiongate.identity.plugin import BuiltProvider
from sessiongate.secret import Secret
from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust
from tests.house.sources import ROOT
from tests.identity.zvm.test_settings import There, context

LEAST: dict[str, dict[str, object]] = {
    "file": {},
    "ldap": {
        "url": "ldaps://dc1.example.com",
        "base_dn": "dc=example,dc=com",
        "bind_dn": "cn=service,dc=example,dc=com",
        "bind_password": Secret("canary"),
    },
    "vcenter": {"url": "https://vcenter.example"},
    "zvm": {"upstream": "zvm1"},
}
PAGES = {
    "file": "settings.md",
    "ldap": "directories.md",
    "vcenter": "vcenter-provider.md",
    "zvm": "zerto-bridge.md",
}
PIN, OTHER = "ab" * 32, "cd" * 20


def built(kind: str, folder: Path, **more: object) -> BuiltProvider:
    found: Any = plugins.find(kind, plugins.IDENTITY, plugins.IDENTITY_GROUP, "identity.x.type")
    made = found("x", {**LEAST[kind], **more}, context(folder, zvm1=There()))
    assert isinstance(made, BuiltProvider)
    return made


def problems(kind: str, folder: Path, **more: object) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        built(kind, folder, **more)
    return [one.removeprefix("identity.x.") for one in refused.value.problems]


def settings_of(kind: str, folder: Path) -> list[str]:
    """The settings that this provider has, as it tells whoever gives another one."""
    [told] = problems(kind, folder, zzzzzzzz=1)
    return told.removeprefix("zzzzzzzz: not a setting; there are ").split(", ")


def having(*keys: str) -> list[tuple[str, str]]:
    """Each provider that has one of these settings, and which."""
    found = [
        (kind, key)
        for kind in plugins.IDENTITY
        for key in keys
        if key in settings_of(kind, Path("/nowhere"))
    ]
    assert found
    return found


FAR = [kind for kind, _ in having("fingerprint")]
TIMES = having("timeout", "connect_timeout", "operation_timeout", "cool_down")


def test_the_table_is_about_all() -> None:
    assert LEAST.keys() == PAGES.keys() == plugins.IDENTITY.keys()
    assert FAR == ["ldap", "vcenter"]
    for kind in FAR:
        assert {"url", "ca", "fingerprint", "verify", "timeout", "domains"} <= set(
            settings_of(kind, Path("/nowhere"))
        )


@pytest.mark.parametrize("kind", plugins.IDENTITY)
def test_its_page_tells_of_every_setting(kind: str) -> None:
    page = (ROOT / "docs" / PAGES[kind]).read_text(encoding="utf-8")
    keys = settings_of(kind, Path("/nowhere"))
    assert [
        key for key in keys if not re.search(rf"^\|.*`{key}`.*\|.*\|", page, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("kind", plugins.IDENTITY)
def test_a_slip_is_told_the_setting_that_was_meant(kind: str, tmp_path: Path) -> None:
    [problem] = problems(kind, tmp_path, domians="x")
    assert problem == "domians: not a setting; did you mean domains?"


@pytest.mark.parametrize(
    "text", ["1m30s", "500ms", "1.5s", "3 s", "1m 30s", "90s", "2d", " 10s ", "1h"]
)
@pytest.mark.parametrize(("kind", "key"), TIMES)
def test_durations_are_written_alike(kind: str, key: str, text: str, tmp_path: Path) -> None:
    assert built(kind, tmp_path, **{key: text}).provider is not None


@pytest.mark.parametrize("value", [10, "10", "0", "0s", "0ms", "-1s", "1s1m", "", True, "0.5ms"])
@pytest.mark.parametrize(("kind", "key"), TIMES)
def test_what_is_no_duration_is_told_alike(
    kind: str, key: str, value: object, tmp_path: Path
) -> None:
    [problem] = problems(kind, tmp_path, **{key: value})
    assert problem.startswith(f"{key}: must be ")
    assert "duration" in problem


@pytest.mark.parametrize(
    ("domains", "claimed"),
    [
        ([], []),
        ("Corp.Example, other", ["corp.example", "other"]),
        (["Corp.Example."], ["corp.example"]),
    ],
)
@pytest.mark.parametrize(("kind", "key"), having("domains"))
def test_domains_are_written_alike(
    kind: str, key: str, domains: object, claimed: list[str], tmp_path: Path
) -> None:
    found = built(kind, tmp_path, **{key: domains}).domains
    assert [one.lower() for one in found] == claimed


@pytest.mark.parametrize("domains", [7, [""], [1], ["a@b"], ["a\\b"], {"corp": 1}, None])
@pytest.mark.parametrize(("kind", "key"), having("domains"))
def test_what_is_no_domain_is_told_alike(
    kind: str, key: str, domains: object, tmp_path: Path
) -> None:
    [problem] = problems(kind, tmp_path, **{key: domains})
    rule = "must be a list" if not isinstance(domains, list) else "entry 1 must be the name of a"
    assert problem.startswith(f"domains: {rule}")


# Trust: the same keys make the same TLS context, whoever calls by it.


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The contexts that are made by what the settings say."""
    found: list[ssl.SSLContext] = []
    make = Trust.context

    def kept(self: Trust) -> ssl.SSLContext:
        found.append(make(self))
        return found[-1]

    monkeypatch.setattr(Trust, "context", kept)
    return found


ANY, BOTH = (ssl.CERT_NONE, False), (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("given", "verified", "pinned"),
    [
        ({}, BOTH, False),
        ({"ca": "tls/ca.pem"}, BOTH, False),
        ({"fingerprint": PIN}, ANY, True),
        ({"fingerprint": [PIN, OTHER]}, ANY, True),
        ({"fingerprint": f"{PIN},{OTHER}"}, ANY, True),
        ({"fingerprint": PIN, "ca": "tls/ca.pem"}, BOTH, True),
        ({"fingerprint": PIN, "verify": False}, ANY, True),
        ({"verify": False}, ANY, False),
    ],
)
@pytest.mark.parametrize("kind", FAR)
async def test_sec_67_the_settings_of_trust_mean_the_same(
    kind: str,
    given: Mapping[str, object],
    verified: tuple[ssl.VerifyMode, bool],
    pinned: bool,
    tmp_path: Path,
    contexts: list[ssl.SSLContext],
) -> None:
    certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC))
    built(kind, tmp_path, **given)
    [context] = contexts
    assert (context.verify_mode, context.check_hostname) == verified
    assert (context.sslobject_class is not ssl.SSLObject) == pinned


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ca": "tls/ca.pem", "verify": False}, "verify: must be true where ca is given"),
        ({"ca": "none.pem"}, "ca: {}/none.pem cannot be read: No such file"),
        ({"ca": ""}, "ca: must be a text"),
        ({"ca": 7}, "ca: must be a text"),
        ({"fingerprint": "AB:CD"}, "fingerprint: entry 1 must be the 64 hex digits"),
        ({"fingerprint": ""}, "fingerprint: must name one at least"),
        ({"fingerprint": [], "verify": False}, "fingerprint: must name one at least"),
        ({"verify": 2}, "verify: must be true or false"),
    ],
)
@pytest.mark.parametrize("kind", FAR)
def test_sec_67_what_is_wrong_with_trust_is_told_alike(
    kind: str, given: Mapping[str, object], told: str, tmp_path: Path
) -> None:
    certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC))
    [problem] = problems(kind, tmp_path, **given)
    assert problem.startswith(told.format(tmp_path))


@pytest.mark.parametrize("kind", plugins.IDENTITY)
def test_all_problems_come_at_once_and_repeat_no_value(kind: str, tmp_path: Path) -> None:
    canary = "canary-canary"
    keys = [key for key in ("url", "fingerprint", "verify", "timeout") if key in LEAST[kind]]
    found = problems(kind, tmp_path, more=canary, domains=7, **dict.fromkeys(keys, canary))
    assert {one.partition(":")[0] for one in found} == {"more", "domains", *keys}
    assert canary not in str(found)
