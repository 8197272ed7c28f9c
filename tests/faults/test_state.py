"""Logins that get no reply: what lets go of them, and that nothing is left of them."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from sessiongate.faults.points import Faults
from sessiongate.secret import Secret
from sessiongate.testing import Gate, TravelClock
from sessiongate.testing.placed_fault import PlacedFault
from tests.faults.speakers import SPEAKERS
from tests.until import PATIENCE, wait_until

ZERTO = SPEAKERS["zerto"]
_FOR_EVER = 3600


def waiting(gate: Gate) -> object:
    """What is kept of those that hang."""
    return vars(vars(gate)["_thread"].faults.state)["_waiting"]


def test_one_ends_when_its_rule_is_removed(gate: Gate) -> None:
    placed = gate.fault("login.hang", seconds=_FOR_EVER)
    with ThreadPoolExecutor() as threads:
        login = threads.submit(ZERTO.login, gate)
        wait_until(lambda: bool(waiting(gate)))
        placed.remove()
        with pytest.raises(ConnectionError):
            login.result()
    assert not waiting(gate)
    assert gate.sessions() == []


def test_nothing_is_kept_of_a_client_that_has_left(gate: Gate) -> None:
    with (
        gate.fault("login.hang", seconds=_FOR_EVER),
        socket.create_connection((gate.host, gate.port), timeout=PATIENCE) as opened,
    ):
        opened.sendall(b"POST /v1/session/add HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: bool(waiting(gate)))
        opened.close()
        wait_until(lambda: not waiting(gate))


def test_nothing_is_kept_of_one_that_is_over_by_its_seconds(gate: Gate) -> None:
    with gate.fault("login.hang", seconds=0.01) as placed:
        for _ in range(3):
            with pytest.raises(ConnectionError):
                ZERTO.login(gate)
        assert placed.hits == 3
        assert not waiting(gate)


async def test_a_rule_that_is_removed_meanwhile_has_nobody_wait(gate: Gate) -> None:
    """Between the decision and the wait the audit is written, and a test may be done."""
    state = vars(gate)["_thread"].faults.state
    placed: PlacedFault = gate.fault("login.hang", seconds=_FOR_EVER)
    placed.remove()
    with state.until_removed(placed.id) as over:
        assert over.is_set()


async def test_of_a_server_that_has_not_started_nothing_is_broken_off() -> None:
    await Faults(TravelClock(), 1, Secret("token")).break_off()
