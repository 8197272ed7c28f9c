"""What those are told who need a session while none is opened."""

import pytest

from sessiongate.errors import SessionGateError, StoreUnavailable, UpstreamUnavailable
from sessiongate.gateway.credentials.backoff import Backoff
from sessiongate.gateway.leases.opening_backoff import OpeningBackoff


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def held(time: Time) -> OpeningBackoff:
    return OpeningBackoff(time, Backoff(time, seconds=(2.0, 4.0), spread=0.0))


def test_who_comes_in_a_pause_is_told_how_long_it_lasts(time: Time, held: OpeningBackoff) -> None:
    for pause in (2, 4):
        held.failed(StoreUnavailable("down"))
        assert (str(held.refusal()), held.refusal().retry_after) == ("down", pause)
        time.now += pause - 0.5
        assert held.refusal().retry_after == 1
        time.now += 0.5
        assert not held.left


def test_what_is_known_to_fail_for_longer_is_told_so(time: Time, held: OpeningBackoff) -> None:
    """A password that was refused is tried again in minutes, whatever the pause is."""
    held.failed(UpstreamUnavailable("refused", retry_after=900))
    assert (held.left, held.refusal().retry_after) == (2.0, 900)
    time.now += 600
    assert (held.left, held.refusal().retry_after) == (0.0, 300)


def test_a_fault_of_our_own_is_told_as_an_outage_and_not_repeated(held: OpeningBackoff) -> None:
    told = held.failed(ValueError("secret"))
    assert isinstance(told, UpstreamUnavailable)
    assert isinstance(told, SessionGateError)
    assert "secret" not in f"{told} {held.refusal()}"


def test_once_it_has_come_out_well_nothing_is_held_back(time: Time, held: OpeningBackoff) -> None:
    held.failed(UpstreamUnavailable("down"))
    held.reset()
    assert not held.left
    held.failed(UpstreamUnavailable("down"))
    assert held.left == 2.0  # the first pause again
