"""Profiles: the figures of each generation, and that what was set wins."""

from datetime import timedelta

import pytest

from sessiongate.rules.profile import PROFILES, effective
from sessiongate.session import Caps, Limits

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("profile", "caps"),
    [
        ("none", Caps(0, 0)),
        ("vc7", Caps(550, 2000)),
        ("vc8", Caps(550, 2000)),
        ("vc8u3", Caps(0, 3000)),
    ],
)
def test_a_profile_stands_where_nothing_is_set(profile: str, caps: Caps) -> None:
    assert effective(profile) == (Limits(HALF_AN_HOUR, None), caps)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_set_wins_zero_included(profile: str) -> None:
    limits, caps = effective(
        profile,
        idle=timedelta(minutes=1),
        absolute=timedelta(hours=1),
        per_principal=0,
        total=0,
    )
    assert limits == Limits(timedelta(minutes=1), timedelta(hours=1))
    assert caps == Caps(0, 0)


def test_an_absolute_limit_of_zero_is_none() -> None:
    assert effective("vc7", absolute=timedelta(0))[0].total is None


def test_there_is_no_other_profile() -> None:
    with pytest.raises(KeyError):
        effective("vc5")
