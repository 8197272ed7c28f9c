"""Two nodes on one Redis: old scripts and Kubernetes drivers are served by either of them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.gateway.leases.stored_leases import SILENT
from tests.end_to_end.serving import ADMIN
from tests.end_to_end.test_gateway import shared_gate, told
from tests.end_to_end.test_gateway_nodes import House, house, housed
from tests.end_to_end.test_gateway_tickets import opens
from tests.end_to_end.test_session_manager import TOKEN, asked, clients_of, created, ticket
from tests.end_to_end.test_zerto_bridge import (
    APPLIANCE,
    PEOPLE_THERE,
    ZOE,
    Script,
    callers,
    service,
)
from tests.peers.redis import Redis
from tests.until import wait_until

__all__ = ["house"]

# Each of these starts three servers of its own.
pytestmark = [pytest.mark.slow, pytest.mark.peer]

LIFE = 3.0
"""Seconds for which a token of the appliance is good."""

TAKEN_OVER = SILENT.total_seconds() + 3
"""Seconds after which the others have what a killed node had."""


@pytest.fixture
def appliance(tmp_path: Path, redis: Redis) -> Iterator[House]:
    with housed(tmp_path, redis, APPLIANCE, PEOPLE_THERE) as house:
        yield house


def serves(script: Script, seconds: float) -> None:
    """The script is let in for so long, without a pause."""
    end = time.monotonic() + seconds

    def is_over() -> bool:
        reply = script.get("/v1/vpgs")
        assert reply.status == 200, reply
        return time.monotonic() > end

    wait_until(is_over)


def test_sec_64_65_a_callers_script_goes_on_at_another_node_and_its_end_is_a_logout(
    appliance: House,
) -> None:
    table = callers(appliance.upstream)
    one, two = appliance.node(table), appliance.node(table)
    script = Script(one, ZOE)
    assert script.get("/v1/vpgs").status == 200
    there = script.at(two)
    serves(there, LIFE)  # by a token that the other node has renewed
    assert script.get("/v1/vpgs").status == 200
    assert appliance.there() == 1
    one.kill9()
    serves(there, LIFE)
    assert there.logout() == 200
    assert there.get("/v1/vpgs").status == 401
    wait_until(lambda: appliance.there() == 0)


def test_sec_65_scripts_of_a_service_account_go_on_where_a_node_was_killed(
    appliance: House,
) -> None:
    table = service(appliance.upstream)
    one, two = appliance.node(table), appliance.node(table)
    script = Script(one, ADMIN)
    assert script.get("/v1/vpgs").status == 200
    there = script.at(two)
    assert there.get("/v1/vpgs").status == 200
    assert appliance.there() == 1
    one.kill9()
    serves(there, TAKEN_OVER)
    two.stop()
    assert appliance.there() == 0


def test_sec_65_drivers_get_tickets_of_any_node_and_of_those_that_are_left(house: House) -> None:
    (house.folder / "csi.token").write_text(TOKEN)
    table = f"{shared_gate(house.upstream, size=3)}\n{clients_of(house.folder)}"
    one, two = house.node(table), house.node(table)
    made = created(one)
    tickets = [ticket(node, token) for node in (one, two) for token in (TOKEN, made["token"])]
    assert len(set(tickets)) == 4
    assert house.there() == 1, "one session for the tickets of all"
    used = {row["id"]: row["used_at"] for row in told(two, "tokens", "list")}
    assert used[made["id"]]
    assert opens(house.upstream, tickets[0])
    one.kill9()
    until = time.monotonic() + TAKEN_OVER

    def is_over() -> bool:
        assert ticket(two, made["token"])
        return time.monotonic() > until

    wait_until(is_over)  # also while what the first one had is taken over
    assert told(two, "tokens", "revoke", "cpi-prod")["revoked"] == 1
    assert asked(two, made["token"]).status == 401
    two.stop()
    assert house.there() == 1, "the driver's own"
