"""Domains that upstreams have in common, and those that nobody may claim twice."""

from typing import Any, cast

import pytest

from sessiongate.errors import ConfigError
from sessiongate.identity.domains import claims_of, upstream_users
from sessiongate.identity.plugin import BuiltProvider
from sessiongate.identity.port import IdentityProvider

SSO = "vsphere.local"


def provider(*domains: str, upstream: str = "") -> BuiltProvider:
    return BuiltProvider(cast("IdentityProvider", object()), domains, upstream=upstream)


def test_providers_of_two_upstreams_may_claim_one_domain() -> None:
    made = {
        "local": provider("dev.example"),
        "a": provider(SSO, "a.example", upstream="vc1"),
        "b": provider("VSphere.Local", upstream="vc2"),
        "b2": provider("b.example", upstream="vc2"),
    }
    # Elsewhere nobody can say whose it is.
    assert claims_of(made) == {"dev.example": "local", "a.example": "a", "b.example": "b2"}
    users = upstream_users(made)
    assert set(users) == {"vc1", "vc2"}
    assert users["vc1"].provider == "a"
    assert users["vc1"].claims == {SSO: "a", "a.example": "a", "dev.example": "local"}
    assert users["vc1"].elsewhere == {"b", "b2"}
    assert users["vc2"].claims == {SSO: "b", "b.example": "b2", "dev.example": "local"}


@pytest.mark.parametrize(
    "made",
    [
        {"a": provider(SSO), "b": provider("VSPHERE.local")},
        {"a": provider(SSO, upstream="vc1"), "b": provider(SSO)},
        {"a": provider(SSO, upstream="vc1"), "b": provider(SSO, upstream="vc1")},
        {
            "z": provider(SSO, upstream="vc2"),
            **{name: provider(SSO, upstream="vc1") for name in ("a", "b")},
        },
    ],
)
def test_at_one_host_a_domain_has_one_provider(made: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        claims_of(made)
    assert caught.value.problems == [
        f"identity.b.domains: {SSO} is claimed by identity.a too;"
        " a domain has one provider, or one for each upstream"
    ]


def test_without_upstreams_there_are_no_users_of_theirs() -> None:
    assert upstream_users({"local": provider(SSO)}) == {}
