"""Hashes as they are stored."""

import pytest

from sessiongate.errors import IdentityUnavailable
from sessiongate.identity.local.stored_hash import (
    Cost,
    cost_of,
    is_stored_hash,
    make_hash,
    matches,
    replaces,
    unmatched_hash,
)

CHEAP, DEAR = Cost(8, 1, 1), Cost(64, 2, 1)


def test_a_hash_says_what_it_costs() -> None:
    for cost in (CHEAP, DEAR):
        assert cost_of(make_hash(b"x", cost)) == cost_of(unmatched_hash(cost)) == cost
    assert DEAR.work > CHEAP.work
    with pytest.raises(IdentityUnavailable):
        cost_of("plain")


def test_sec_83_a_hash_made_anew_says_whose_place_it_takes() -> None:
    old = make_hash(b"secret", DEAR)
    new = make_hash(b"secret", CHEAP, old)
    assert is_stored_hash(new)
    assert matches(new, b"secret")
    assert not matches(new, b"other")
    assert replaces(new, old)
    other = make_hash(b"secret", DEAR)
    for one, before in ((new, other), (other, old), (old, new), ("", old), (new, "")):
        assert not replaces(one, before)


def test_no_two_salts_are_alike() -> None:
    old = make_hash(b"secret", CHEAP)
    assert len({make_hash(b"secret", CHEAP, old) for _ in range(20)}) == 20


def test_nobody_has_a_password() -> None:
    assert not matches(unmatched_hash(CHEAP), b"")
    assert unmatched_hash(CHEAP) != unmatched_hash(CHEAP)
