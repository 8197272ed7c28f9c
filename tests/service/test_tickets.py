"""Tickets are good once, for a minute, for what they were made for."""

import asyncio

import pytest

from sessiongate.errors import (
    BadTicket,
)
from sessiongate.service.tickets import TICKET_LIFE
from sessiongate.session import Client, Ended
from tests.gate import CLIENT, Gate

ZERTO = Client("192.0.2.8", "PowerShell", "zerto")


async def test_a_clone_is_a_session_of_its_own(gate: Gate) -> None:
    parent = await gate.login("bob", locale="fr_CA")
    ticket = await gate.tickets.clone_ticket(parent.session)
    assert ticket.reveal().startswith("cst-gate.example-")
    clone = await gate.tickets.clone(ticket, ZERTO)
    assert clone.token.digest() != parent.token.digest()
    assert clone.session.key != parent.session.key
    assert (clone.session.principal, clone.session.locale) == ("bob", "fr_CA")
    assert (clone.session.dialect, clone.session.ip_address) == ("zerto", "192.0.2.8")
    await gate.sessions.end(parent.session.key, Ended.LOGOUT)
    assert await gate.sessions.check(clone.token) is not None


async def test_a_ticket_opens_one_session(gate: Gate) -> None:
    parent = await gate.login("bob")
    ticket = await gate.tickets.clone_ticket(parent.session)
    results = await asyncio.gather(
        *(gate.tickets.clone(ticket, CLIENT) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(one, BadTicket) for one in results) == 9
    assert await gate.live() == ["bob", "bob"]


async def test_a_ticket_is_over_with_its_minute_and_with_its_session(gate: Gate) -> None:
    parent = await gate.login("bob")
    late, orphan = [await gate.tickets.clone_ticket(parent.session) for _ in range(2)]
    gate.clock.tick(TICKET_LIFE)
    with pytest.raises(BadTicket):
        await gate.tickets.clone(late, CLIENT)
    orphan = await gate.tickets.clone_ticket(parent.session)
    await gate.sessions.end(parent.session.key, Ended.LOGOUT)
    with pytest.raises(BadTicket):
        await gate.tickets.clone(orphan, CLIENT)


async def test_a_ticket_is_neither_a_session_nor_a_ticket_of_another_kind(gate: Gate) -> None:
    opened = await gate.login("bob")
    clone = await gate.tickets.clone_ticket(opened.session)
    service = await gate.tickets.service_ticket(opened.session)
    assert await gate.sessions.check(clone) is None
    assert await gate.sessions.check(service) is None
    with pytest.raises(BadTicket):
        await gate.tickets.clone(service, CLIENT)
    assert await gate.tickets.clone(clone, CLIENT)
