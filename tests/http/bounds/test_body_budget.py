"""The budget for requests of callers that nobody knows, divided by address."""

import pytest

from sessiongate.http.bounds.body_budget import share_of
from sessiongate.http.connection.causes import NO_BUDGET
from sessiongate.http.framing import HEADER_COST
from sessiongate.http.limits import HttpLimits
from tests.http.connection.test_request_reader import (
    KIB,
    NAMED,
    House,
    Send,
    chunked,
    chunks,
    declared,
)
from tests.http.connection.test_request_reader import send as send_only
from tests.http.wires import GET, Wire, done, turn

MIB = 1024 * KIB

ONE, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"

# One address holds 128 KiB of 512 at most.
LIMITS = {
    "body": 60 * KIB,
    "header_bytes": 4 * KIB,
    "header_count": 3,
    "anonymous_total": 512 * KIB,
}


async def send(wire: Wire, data: bytes) -> None:
    """Send it all, and have those be answered who make room for it."""
    await send_only(wire, data)
    for _ in range(5):
        await turn()


async def fill(house: House, address: str, count: int, each: int = 40 * KIB) -> list[Wire]:
    """So many connections of an address, each with so many bytes of a body that does not end."""
    wires = [house.wire(address) for _ in range(count)]
    for wire in wires:
        await send(wire, declared(60 * KIB)[0] + b"a" * each)
    return wires


def statuses(*wires: Wire) -> list[bytes]:
    return [wire.out[9:12] for wire in wires]


@pytest.mark.parametrize(
    ("total", "share"), [(256 * MIB, 64 * MIB), (4 * MIB, 2 * MIB), (MIB, MIB)]
)
def test_a_share_is_a_quarter_or_as_much_as_the_largest_request(total: int, share: int) -> None:
    body = MIB - 64 * KIB - 50 * HEADER_COST
    limits = HttpLimits(body=body, header_count=100, anonymous_total=total)
    assert share_of(limits) == share


async def test_sec_75_one_address_does_not_use_up_the_budget() -> None:
    house = House(**LIMITS)
    hogs = await fill(house, ONE, 50)
    assert house.admission.held <= 128 * KIB
    assert statuses(*hogs) == [b""] * 3 + [b"503"] * 47
    other = house.wire(OTHER)
    await send(other, b"".join(declared(60 * KIB)))
    assert statuses(other) == [b"200"]


async def test_sec_75_networks_of_ipv6_are_one_address() -> None:
    house = House(**LIMITS)
    for number in range(20):
        await fill(house, f"2001:db8::{number:x}", 1)
    assert house.admission.held <= 128 * KIB


async def test_sec_75_when_all_is_held_the_address_with_most_makes_room() -> None:
    house = House(**LIMITS)
    light = await fill(house, OTHER, 1, 10 * KIB)
    heavy = [await fill(house, f"192.0.2.{10 + number}", 3) for number in range(4)]
    some = await fill(house, THIRD, 1, 60 * KIB - 1)
    assert house.admission.held <= 512 * KIB
    # Its oldest goes, at once: it has more than the others.
    gone = [wire for wires in heavy for wire in wires if wire.closed]
    assert len(gone) == 1
    assert gone[0] in [wires[0] for wires in heavy]
    assert statuses(*gone) == [b"503"]
    for wire in (*light, *some):
        await send(wire, b"a" * 50 * KIB if wire in light else b"a")
    assert statuses(*light, *some) == [b"200", b"200"]
    assert house.bodies == [60 * KIB, 60 * KIB]
    for wires in heavy:
        for wire in wires:
            wire.connection.connection_lost(None)
    assert house.admission.held == 0


@pytest.mark.parametrize("begun", [b"GET /" + b"a" * 3 * KIB, GET % b"" + b"GET /" + b"a" * KIB])
async def test_sec_75_small_heads_that_do_not_end_make_room_too(begun: bytes) -> None:
    house = House(**LIMITS)
    wires = [house.wire(ONE) for _ in range(600)]
    for wire in wires:
        await send(wire, begun)
    assert house.admission.held > 512 * KIB
    other = house.wire(OTHER)
    await send(other, b"".join(declared(60 * KIB)))
    assert statuses(other) == [b"200"]
    assert house.admission.held <= 512 * KIB
    assert wires[0].closed
    assert not wires[-1].closed


async def test_sec_75_whoever_holds_most_makes_no_room_by_holding_more() -> None:
    house = House(**LIMITS)
    heavy = [await fill(house, f"192.0.2.{10 + number}", 3) for number in range(4)]
    before = house.admission.held
    (more,) = await fill(house, "192.0.2.10", 1, 50 * KIB)
    assert more.closed
    assert house.admission.held == before
    assert not any(wire.closed for wires in heavy for wire in wires)


async def test_sec_75_at_the_same_address_whoever_was_first_makes_room_after_a_second() -> None:
    house = House(**LIMITS)
    hogs = await fill(house, ONE, 3)
    house.time.at += 0.9
    early = house.wire(ONE)
    await send(early, b"".join(declared(50 * KIB)))
    house.time.at += 0.1
    late = house.wire(ONE)
    await send(late, b"".join(declared(45 * KIB)))
    assert statuses(early, late, *hogs) == [b"503", b"200", b"503", b"", b""]


async def test_sec_75_a_live_session_makes_no_room() -> None:
    house = House(**LIMITS)
    mine = house.wire(ONE)
    head, body = declared(60 * KIB, headers=NAMED)
    await send(mine, head + body[: 40 * KIB])
    await fill(house, ONE, 2)
    house.time.at += 2
    later = house.wire(ONE)
    await send(later, b"".join(declared(45 * KIB)))
    await send(mine, body[40 * KIB :])
    assert house.doorman.asked == ["/"]
    assert statuses(later, mine) == [b"200", b"200"]


async def test_sec_75_behind_a_trusted_proxy_each_connection_counts_by_itself() -> None:
    house = House(**LIMITS)
    house.admission.exempt = lambda address: address == ONE
    hogs = await fill(house, ONE, 12)
    assert not any(hog.closed for hog in hogs)
    (other,) = await fill(house, ONE, 1, 39 * KIB)
    assert not other.closed
    assert [hog.closed for hog in hogs].count(True) == 1
    assert house.refused == {NO_BUDGET: 1}


@pytest.mark.parametrize("form", [declared, chunked, chunks])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_sec_75_a_body_in_one_piece_is_refused_only_after_asking_whose_it_is(
    form: Send, tls: bool
) -> None:
    house = House(**LIMITS)
    await fill(house, ONE, 4)
    known, stranger = house.wire(ONE, tls=tls), house.wire(ONE, tls=tls)
    await send(known, b"".join(form(50 * KIB, headers=NAMED)) + GET % b"next")
    await send(stranger, b"".join(form(50 * KIB)))
    assert statuses(known, stranger) == [b"200", b"503"]
    assert known.out.count(b"HTTP/1.1 200 ") == 2
    assert house.bodies == [50 * KIB, 0]
    assert known.reading
    for wire in (known, stranger):
        wire.connection.connection_lost(None)
    assert house.admission.held <= 128 * KIB


@pytest.mark.parametrize("leaves", [True, False])
async def test_sec_75_a_whole_body_is_given_back_when_its_peer_leaves_meanwhile(
    leaves: bool,
) -> None:
    house = House(**LIMITS)
    hogs = await fill(house, ONE, 4)
    before = house.admission.held
    house.doorman.error = RuntimeError("a fault of ours")
    asked = house.wire(ONE)
    asked.connection.data_received(b"".join(declared(50 * KIB, headers=NAMED)))
    if leaves:
        asked.connection.connection_lost(None)
    await done(asked)
    await done(asked)
    assert house.admission.held == before
    for wire in hogs:
        wire.connection.connection_lost(None)
    assert house.admission.held == 0


@pytest.mark.parametrize("first", [1000, 1990, 2600, 3500])
async def test_sec_75_what_is_small_is_small_over_tls_too(first: int) -> None:
    house = House(**LIMITS)
    await fill(house, ONE, 8, 60 * KIB - 1)
    await fill(house, ONE, 1, 30 * KIB)
    wire = house.wire(ONE, tls=True)
    request = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=%b\r\n\r\n" % (b"b" * 3500)
    await send(wire, request[:first])
    assert not wire.closed
    await send(wire, request[first:])
    assert statuses(wire) == [b"200"]


async def test_sec_75_known_callers_have_a_budget_of_their_own_by_address() -> None:
    """One session held 281 MB for twenty seconds, by 240 bodies of a megabyte that did not end."""
    house = House(**{**LIMITS, "anonymous_body": 4 * KIB})
    head, _ = declared(60 * KIB, headers=NAMED)
    hogs = [house.wire(ONE) for _ in range(5)]
    for wire in hogs:
        await send(wire, head + b"a" * 50 * KIB)
        house.time.at += 1
    # Three are more than 128 KiB: the oldest go, and are not asked about once more.
    assert statuses(*hogs) == [b"503"] * 3 + [b""] * 2
    assert len(house.doorman.asked) == 5
    # It is not the strangers' budget, and each address has its own.
    assert house.admission.held == 0
    other = house.wire(OTHER)
    await send(other, head + b"a" * 60 * KIB)
    await send(hogs[-1], b"a" * 10 * KIB)
    assert statuses(other, hogs[-1]) == [b"200", b"200"]
    for wire in (*hogs, other):
        wire.connection.connection_lost(None)
    assert house.admission.known_held == 0
