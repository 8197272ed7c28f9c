"""How many wrong tokens an address may send."""

from datetime import timedelta

from sessiongate.rules.lockout import Policy
from sessiongate.service.wrong_tokens import WrongTokens
from sessiongate.testing import FakeClock

POLICY = Policy(3, timedelta(minutes=3), timedelta(minutes=5))


def test_an_address_with_too_many_is_locked_for_a_while_and_no_other() -> None:
    clock = FakeClock()
    wrong = WrongTokens(POLICY, clock)
    for _ in range(3):
        assert not wrong.locked("192.0.2.7")
        wrong.note("192.0.2.7")
    assert wrong.locked("192.0.2.7")
    assert not wrong.locked("192.0.2.8")
    clock.tick(timedelta(minutes=5))
    assert not wrong.locked("192.0.2.7")


def test_an_ipv6_network_is_one_address() -> None:
    wrong = WrongTokens(POLICY, FakeClock())
    for number in range(3):
        wrong.note(f"2001:db8::{number}")
    assert wrong.locked("2001:db8::99")
