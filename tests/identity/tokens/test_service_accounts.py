"""A service account's token is of the cluster whose key has signed it, and of no other."""

import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey

from sessiongate.errors import BadCredentials, ConfigError, IdentityUnavailable
from sessiongate.identity.tokens.keys import FileSource, IssuerKeys
from sessiongate.identity.tokens.port import SKEW
from sessiongate.identity.tokens.service_accounts import Cluster, ServiceAccount, ServiceAccounts
from sessiongate.secret import Secret
from sessiongate.testing import T0
from tests.each import each
from tests.identity.tokens.issuers import NOW, entry, key, key_set, part, token
from tests.identity.tokens.test_keys import FakeSource

ISSUER = AUDIENCE = "https://kubernetes.default.svc.cluster.local"
CSI = "system:serviceaccount:vmware-system-csi:vsphere-csi-controller"
DAY = 24 * 3600
MAX_AGE = 25 * 3600.0


def cluster(name: str, source: FakeSource) -> Cluster:
    keys = IssuerKeys(name, source)
    return Cluster(name, keys, frozenset({AUDIENCE}), frozenset({CSI}), MAX_AGE)


def account(by: str = "first", header: dict[str, Any] | None = None, **claims: Any) -> Secret:
    """A token as an API server writes it: no type, an issuer that many share, good for a year."""
    facts = {"iss": ISSUER, "aud": [AUDIENCE], "sub": CSI, "exp": NOW + 365 * DAY, **claims}
    return Secret(token(by, header={"typ": None, **(header or {})}, **facts))


@pytest.fixture
def two() -> ServiceAccounts:
    """Two clusters that call themselves the same, with keys of their own."""
    return ServiceAccounts(
        [cluster("prod", FakeSource(entry())), cluster("test", FakeSource(entry("second")))]
    )


async def test_clusters_of_one_issuer_are_told_apart_by_their_keys(two: ServiceAccounts) -> None:
    assert await two.verify(account(), T0) == ServiceAccount("prod", CSI, NOW + MAX_AGE)
    assert (await two.verify(account("second"), T0)).cluster == "test"


async def test_a_key_of_one_name_in_two_clusters_is_two_keys() -> None:
    """The name is the token's word; the signature is not."""
    listed = FakeSource({**entry("second"), "kid": "first"})
    both = ServiceAccounts([cluster("prod", listed), cluster("test", FakeSource(entry()))])
    assert (await both.verify(account(), T0)).cluster == "test"


REFUSED: dict[str, dict[str, Any]] = {
    "for another audience": {"aud": ["vault"]},
    "for none": {"aud": None},
    "of an audience that is no text": {"aud": [[AUDIENCE]]},
    "of another account": {"sub": "system:serviceaccount:default:default"},
    "of no account": {"sub": None},
    "of an account that is no text": {"sub": [CSI]},
    "expired": {"exp": NOW - 61},
    "without an end": {"exp": None},
    "not good yet": {"nbf": NOW + 61},
    "issued later": {"iat": NOW + 61},
    "issued too long ago": {"iat": NOW - int(MAX_AGE) - 61},
    "without a time": {"iat": None},
    "bound to a key": {"cnf": {"jkt": "x"}},
}


@each("claims", REFUSED.values(), ids=list(REFUSED))
async def test_sec_55_what_is_refused(two: ServiceAccounts, claims: dict[str, Any]) -> None:
    with pytest.raises(BadCredentials):
        await two.verify(account(**claims), T0)


def test_what_a_token_may_be_is_told_by_its_claims_alone(two: ServiceAccounts) -> None:
    assert two.may_be(account())
    assert two.may_be(account("second"))
    for other in (account(aud=["vault"]), account(sub="another"), Secret("a.b.c"), Secret("")):
        assert not two.may_be(other)


async def test_what_an_age_is_counted_from(two: ServiceAccounts) -> None:
    old = account(iat=NOW - int(MAX_AGE) + 1)
    assert await two.verify(old, T0)
    with pytest.raises(BadCredentials):
        await two.verify(old, T0 + SKEW + timedelta(seconds=2))


async def test_sec_55_signatures_that_are_none(two: ServiceAccounts) -> None:
    claims = {"iss": ISSUER, "aud": [AUDIENCE], "sub": CSI, "iat": NOW, "exp": NOW + DAY}
    unsigned = f"{part({'alg': 'none', 'kid': 'first'})}.{part(claims)}."
    start = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims)}"
    public = key("first").as_pem(private=False)
    by_public_key = f"{start}.{part(hmac.digest(public, start.encode(), 'sha256'))}"
    brought = {"jwk": entry("third"), "jku": "https://evil.example/keys", "kid": "third"}
    for wrong in (
        Secret(unsigned),
        Secret(by_public_key),
        account("third"),
        account("third", brought),
        account("third", {"kid": "first"}),
        account(header={"kid": "unknown"}),
        account(header={"kid": 7}),
        account(header={"crit": ["exp"]}),
        Secret(account().reveal()[:-4] + "AAAA"),
        *map(Secret, ("", ".", "a.b", "a.b.c", "....", "é.é.é", "[" * 40_000)),
    ):
        with pytest.raises(BadCredentials):
            await two.verify(wrong, T0)


async def test_larger_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    for alg, curve in (("ES384", "P-384"), ("ES512", "P-521")):
        made = ECKey.generate_key(curve, {"kid": curve}, private=True)
        monkeypatch.setattr("tests.identity.tokens.issuers.key", lambda _, made=made: made)
        listed = FakeSource(made.as_dict(private=False))
        accounts = ServiceAccounts([cluster("prod", listed)])
        assert await accounts.verify(account(curve, {"alg": alg}), T0)
        with pytest.raises(BadCredentials):
            await accounts.verify(account(curve, {"alg": "ES256", "kid": None}), T0)


async def test_keys_that_cannot_be_read_are_an_outage_and_no_refusal() -> None:
    away = FakeSource(entry())
    away.outage = True
    accounts = ServiceAccounts(
        [cluster("prod", away), cluster("test", FakeSource(entry("second")))]
    )
    with pytest.raises(IdentityUnavailable):
        await accounts.verify(account(), T0)
    assert (await accounts.verify(account("second"), T0)).cluster == "test"
    with pytest.raises(BadCredentials):  # it could be of neither
        await accounts.verify(account(sub="system:serviceaccount:default:default"), T0)


async def test_whoever_could_be_of_no_cluster_has_no_keys_read() -> None:
    source = FakeSource(entry())
    accounts = ServiceAccounts([cluster("prod", source)])
    for wrong in (account(aud=["vault"]), account(sub="x"), Secret("a.b.c")):
        with pytest.raises(BadCredentials):
            await accounts.verify(wrong, T0)
    assert source.reads == 0


async def test_a_set_of_ten_thousand_keys_is_none(tmp_path: Any) -> None:
    many = [{**entry(), "kid": str(number)} for number in range(10_000)]
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(*many))
    accounts = ServiceAccounts(
        [
            Cluster(
                "prod",
                IssuerKeys("prod", FileSource("session_manager.clusters.prod.jwks_file", path)),
                frozenset({AUDIENCE}),
                frozenset({CSI}),
                MAX_AGE,
            )
        ]
    )
    with pytest.raises(ConfigError) as refused:
        await accounts.start()
    assert refused.value.problems[0].startswith("session_manager.clusters.prod.jwks_file: ")
    with pytest.raises(IdentityUnavailable):
        await accounts.verify(account(), T0)
    path.write_text(json.dumps({"keys": [entry()]}))
    await accounts.start()
