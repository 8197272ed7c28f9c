"""Whoever is thrown out stays out, whatever opens a session of his at that moment."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import BadCredentials, BadTicket, StoreUnavailable
from sessiongate.secret import Secret
from sessiongate.service.endings import MARKED_FOR, MOST_PASSES
from sessiongate.session import Ended, Person
from sessiongate.store.ending_marks import EndingMark
from sessiongate.testing import T0, a_session
from sessiongate.testing.sessions import NO_CAPS
from tests.gate import CLIENT, HERE, Gate, password_of
from tests.service.shared import SharedStore

Ends = Callable[[Gate], Awaitable[object]]


async def _changed(gate: Gate) -> None:
    gate.identity.add("bob", "another password", "user")
    await gate.changes.settled()


async def _ended_by_name(gate: Gate) -> None:
    await gate.sessions.end_all_of("bob", Ended.TERMINATED)


async def _all_ended(gate: Gate) -> None:
    await gate.sessions.end_all(Ended.TERMINATED)


WAYS_OUT = {"changed": _changed, "by name": _ended_by_name, "all": _all_ended}


@pytest.fixture
def gate(gate: Gate) -> Gate:
    gate.changes.watch("local", gate.identity)
    return gate


@pytest.mark.parametrize("ends", WAYS_OUT.values(), ids=WAYS_OUT.keys())
async def test_sec_11_who_clones_and_logs_out_while_sessions_are_listed_is_out(
    gate: Gate, ends: Ends
) -> None:
    """The clone comes where the list has been already, and its parent goes before it is ended."""
    parent = await gate.login("bob")
    ticket = await gate.tickets.clone_ticket(parent.session)
    once = [ticket]

    async def move() -> None:
        if once:
            with suppress(BadTicket):
                await gate.tickets.clone(once.pop(), CLIENT)
            await gate.sessions.end(parent.session.key, Ended.LOGOUT)

    gate.store.listed = move
    await ends(gate)
    assert not once
    assert await gate.live() == []


@pytest.mark.parametrize("ends", WAYS_OUT.values(), ids=WAYS_OUT.keys())
async def test_sec_11_a_clone_under_way_is_undone(gate: Gate, ends: Ends) -> None:
    parent = await gate.login("bob")
    ticket = await gate.tickets.clone_ticket(parent.session)

    async def end() -> None:
        gate.store.before.clear()
        await ends(gate)

    gate.store.before["add"] = end
    with pytest.raises(BadTicket):
        await gate.tickets.clone(ticket, CLIENT)
    assert await gate.live() == []


async def test_a_clone_whose_parent_ends_meanwhile_is_undone(gate: Gate) -> None:
    parent = await gate.login("bob")
    ticket = await gate.tickets.clone_ticket(parent.session)

    async def end() -> None:
        await gate.sessions.end(parent.session.key, Ended.TERMINATED)

    gate.store.before["add"] = end
    with pytest.raises(BadTicket):
        await gate.tickets.clone(ticket, CLIENT)
    assert await gate.live() == []


async def test_who_logs_in_anew_by_the_new_record_stays_and_may_clone(gate: Gate) -> None:
    await gate.login("bob")
    anew = []

    async def log_in() -> None:
        gate.store.listed = None
        opened = await gate.logins.login("bob", Secret("another password"), CLIENT, default="local")
        anew.append(opened)

    gate.store.listed = log_in
    await _changed(gate)
    assert await gate.live() == ["bob"]
    await gate.tickets.clone(await gate.tickets.clone_ticket(anew[0].session), CLIENT)
    assert await gate.live() == ["bob", "bob"]


async def test_nobody_becomes_a_user_whose_account_changes(gate: Gate) -> None:
    await gate.login("bob")
    actor = await gate.login("ada")

    async def change() -> None:
        gate.store.before.clear()
        await _changed(gate)

    gate.store.before["add"] = change
    with pytest.raises(BadCredentials):
        await gate.impersonation.impersonate(actor.session, "bob", CLIENT, None)
    assert await gate.live() == ["ada"]


async def test_a_local_ticket_of_a_user_who_changes_meanwhile_is_of_no_use(gate: Gate) -> None:
    path = Path(await gate.local.issue("bob", HERE))
    password = Secret(path.read_text(encoding="ascii"))

    async def change() -> None:
        gate.store.before.clear()
        await _changed(gate)

    gate.store.before["add"] = change
    with pytest.raises(BadCredentials):
        await gate.local.redeem("bob", password, HERE, None)
    assert await gate.live() == []


async def test_a_session_that_cannot_be_asked_about_is_nobodys(gate: Gate) -> None:
    parent = await gate.login("bob")
    ticket = await gate.tickets.clone_ticket(parent.session)

    async def fail() -> None:
        gate.store.before["find"] = refuse

    async def refuse() -> None:
        gate.store.before.clear()
        raise StoreUnavailable("the line is cut")

    gate.store.before["add"] = fail
    with pytest.raises(StoreUnavailable):
        await gate.tickets.clone(ticket, CLIENT)
    await gate.sessions.undelivered.finish()
    assert await gate.live() == ["bob"]


async def test_where_sessions_never_cease_to_come_the_log_has_it(gate: Gate) -> None:
    """Another server, which knows of nothing, lets somebody in again and again."""

    async def open_elsewhere() -> None:
        await gate.store.add(a_session(principal="bob", at=T0), NO_CAPS)

    gate.clock.tick(timedelta(seconds=1))
    gate.store.before["list"] = open_elsewhere
    with capture_logs() as logs:
        assert await gate.sessions.end_all_of("bob", Ended.TERMINATED) == MOST_PASSES
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "sessions that were to end come again and again"
    ]


async def test_sec_11_another_server_does_not_clone_what_this_one_ends(tmp_path: Path) -> None:
    store = SharedStore()
    here, there = Gate(tmp_path, store=store), Gate(tmp_path, store=store)
    parent = await here.login("bob")
    ticket = await there.tickets.clone_ticket(parent.session)
    once = [ticket]

    async def move() -> None:
        if once:
            with pytest.raises(BadTicket):
                await there.tickets.clone(once.pop(), CLIENT)
            await there.sessions.end(parent.session.key, Ended.LOGOUT)

    store.listed = move
    await here.sessions.end_all_of("bob", Ended.TERMINATED)
    assert not once
    assert await here.live() == []
    assert await store.ending_marks.all() == []


async def test_the_mark_of_a_server_that_is_gone_is_over_with_its_time(tmp_path: Path) -> None:
    store = SharedStore()
    gate = Gate(tmp_path, store=store)
    left = EndingMark(Person("local", "bob"), gate.clock.now() + MARKED_FOR)
    await store.ending_marks.put("left", left)
    parent = await gate.login("bob")
    with pytest.raises(BadTicket):
        await gate.tickets.clone(await gate.tickets.clone_ticket(parent.session), CLIENT)
    gate.clock.tick(MARKED_FOR)
    await gate.tickets.clone(await gate.tickets.clone_ticket(parent.session), CLIENT)
    assert await gate.live() == ["bob", "bob"]


async def test_only_those_are_kept_out_whom_an_ending_is_about(gate: Gate) -> None:
    await gate.logins.login("bob@corp", password_of("bob"), CLIENT, default="local")
    parent = await gate.login("eve")
    ticket = await gate.tickets.clone_ticket(parent.session)

    async def clone() -> None:
        gate.store.listed = None
        await gate.tickets.clone(ticket, CLIENT)

    gate.store.listed = clone
    await _ended_by_name(gate)
    assert await gate.live() == ["bob@corp", "eve", "eve"]


async def test_nobody_becomes_a_user_whose_sessions_another_server_has_ended(
    tmp_path: Path,
) -> None:
    """From the first step to the last, between the look at that user and the new session."""
    store = SharedStore()
    here, there = Gate(tmp_path, store=store), Gate(tmp_path, store=store)
    await here.login("bob")
    actor = await there.login("ada")

    async def end() -> None:
        store.before.clear()
        await here.sessions.end_all_of("bob", Ended.TERMINATED)

    store.before["add"] = end
    with pytest.raises(BadCredentials):
        await there.impersonation.impersonate(actor.session, "bob", CLIENT, None)
    assert await here.live() == ["ada"]
