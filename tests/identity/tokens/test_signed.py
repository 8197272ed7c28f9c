"""What is in a signed token, once a listed key has signed it and its time is now."""

from datetime import timedelta

import pytest

from sessiongate.errors import BadCredentials
from sessiongate.identity.tokens.keys import IssuerKeys
from sessiongate.identity.tokens.signed import (
    audiences_of,
    part_of,
    require_in_time,
    seconds_of,
    signed_claims,
)
from sessiongate.testing import T0
from tests.identity.tokens.issuers import CLAIMS, NOW, entry, token
from tests.identity.tokens.test_keys import FakeSource


async def test_the_claims_that_a_listed_key_has_signed() -> None:
    keys = IssuerKeys("idp", FakeSource(entry()))
    assert await signed_claims(token(), keys, ["RS256"], T0) == CLAIMS
    for wrong in (token("second"), token(alg="PS256"), "a.b.c"):
        with pytest.raises(BadCredentials):
            await signed_claims(wrong, keys, ["RS256"], T0)


def test_a_part_is_read_and_not_believed() -> None:
    assert part_of(token(), 0)["alg"] == "RS256"
    assert part_of(token(), 1) == CLAIMS
    with pytest.raises(BadCredentials):
        part_of("no token", 1)


def test_times() -> None:
    require_in_time(CLAIMS, T0)
    with pytest.raises(BadCredentials):
        require_in_time(CLAIMS, T0 + timedelta(hours=1))
    with pytest.raises(BadCredentials):
        require_in_time(CLAIMS, T0 - timedelta(hours=1))
    assert seconds_of(CLAIMS, "iat") == NOW
    for no_time in (True, "1", None, 1e300):
        with pytest.raises(BadCredentials):
            seconds_of({"iat": no_time}, "iat")


def test_an_audience_is_one_or_many() -> None:
    assert audiences_of({"aud": "a"}) == ["a"]
    assert audiences_of({"aud": ["a", "b"]}) == ["a", "b"]
    assert audiences_of({}) == [None]
