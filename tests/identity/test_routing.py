"""One provider per login, never the next one."""

import pytest

from sessiongate.errors import BadCredentials, ConfigError, IdentityUnavailable
from sessiongate.identity.routing import ProviderRouter, UpstreamUsers
from sessiongate.rules.accounts import parse_account
from tests.identity.fakes import PASSWORD, FakeProvider

NAMES = {name: name for name in ("local", "corp", "vc")}
CLAIMS = {"CORP": "corp", "corp.example.": "corp", "vsphere.local": "vc"}


@pytest.mark.parametrize(
    ("typed", "explicit", "chosen"),
    [
        ("alice", "", "local"),
        ("alice@corp.example", "", "corp"),
        ("Corp\\alice", "", "corp"),
        ("alice@vsphere.local", "", "vc"),
        ("alice@elsewhere", "", "local"),
        ("alice@corp", "vc", "vc"),
        ("alice", "vc", "vc"),
    ],
)
def test_sec_32_explicit_then_domain_then_default(typed: str, explicit: str, chosen: str) -> None:
    router = ProviderRouter(NAMES, CLAIMS)
    assert router.route(parse_account(typed), "local", explicit) == chosen


async def test_sec_32_a_refusal_falls_through_to_nobody() -> None:
    """The same name in two realms: the password of one opens nothing at the other."""
    realms = {"local": FakeProvider(alice="one"), "vc": FakeProvider(alice=PASSWORD.reveal())}
    account = parse_account("alice")
    router = ProviderRouter(realms, {})
    with pytest.raises(BadCredentials):
        await router.route(account, "local").authenticate(account, PASSWORD)
    assert realms["vc"].checks == 0
    assert await router.route(account, "local", "vc").authenticate(account, PASSWORD)


def test_sec_32_a_provider_that_is_not_there_is_replaced_by_nobody() -> None:
    with pytest.raises(IdentityUnavailable):
        ProviderRouter(NAMES, CLAIMS).route(parse_account("alice"), "local", "gone")


def test_claims_that_cannot_be_served_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        ProviderRouter(NAMES, {"a": "gone", "b": "away", "B.": "away"})
    assert caught.value.problems == [
        "identity.away: claims 'b' and is not a provider",
        "identity.gone: claims 'a' and is not a provider",
        "identity: a domain is claimed twice, in two spellings",
    ]


AT_TWO = {
    "vc1": UpstreamUsers("vc", {"vsphere.local": "vc", "corp": "corp"}, frozenset({"vcb"})),
    "vc2": UpstreamUsers("vcb", {"vsphere.local": "vcb", "corp": "corp"}, frozenset({"vc"})),
}


@pytest.mark.parametrize(
    ("typed", "upstream", "chosen"),
    [
        ("alice@vsphere.local", "vc1", "vc"),
        ("alice@vsphere.local", "vc2", "vcb"),
        ("alice@vsphere.local", "", "vc"),
        ("alice@vsphere.local", "vc3", "vc"),
        ("alice@corp", "vc2", "corp"),
        ("alice", "vc1", "vc"),
        ("alice", "vc2", "vcb"),
        ("alice@elsewhere", "vc2", "vcb"),
    ],
)
def test_sec_32_a_password_for_one_upstream_is_never_sent_to_another(
    typed: str, upstream: str, chosen: str
) -> None:
    router = ProviderRouter({**NAMES, "vcb": "vcb"}, CLAIMS, AT_TWO)
    account = parse_account(typed)
    assert router.route(account, "vc", upstream=upstream) == chosen
    if account.domain in ("vsphere.local", "corp"):
        assert router.owner(account, "local", upstream=upstream) == chosen


def test_sec_32_what_a_dialect_names_is_asked_unless_it_is_another_upstream_s() -> None:
    router = ProviderRouter({**NAMES, "vcb": "vcb"}, CLAIMS, AT_TWO)
    alice = parse_account("alice")
    assert router.route(alice, "local", "vc", upstream="vc2") == "vcb"
    assert router.route(alice, "local", "vc", upstream="vc1") == "vc"
    assert router.route(alice, "local", "vc") == "vc"
    assert router.route(alice, "local", "corp", upstream="vc2") == "corp"
    assert router.route(alice, "local", upstream="vc2") == "local"
