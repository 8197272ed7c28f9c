"""Who changed while no server was running has no session at the next start."""

from datetime import timedelta

import msgspec

from sessiongate.audit.event import Event, read
from sessiongate.secret import Secret
from sessiongate.service.meanwhile import Named, end_outdated, end_unnamed
from sessiongate.session import Principal
from tests.gate import CLIENT, Gate


def told(gate: Gate, subject: str) -> Event:
    return Event(at=gate.clock.now(), event="password set", result="ok", subject=subject)


async def test_whoever_is_as_before_stays(gate: Gate) -> None:
    await gate.login("ada")
    await gate.login("bob")
    assert await end_outdated(gate.sessions, {"local": gate.identity}, []) == 0
    assert await gate.live() == ["ada", "bob"]


async def test_who_is_gone_or_has_another_role_is_out(gate: Gate) -> None:
    for name in ("ada", "bob", "eve"):
        await gate.login(name)
    gate.identity.remove("ada")
    gate.identity.add("bob", "bobbob", "operator")
    assert await end_outdated(gate.sessions, {"local": gate.identity}, []) == 2
    assert await gate.live() == ["eve"]


async def test_what_a_command_changed_ends_older_sessions_only(gate: Gate) -> None:
    await gate.login("ada")
    await gate.login("bob")
    gate.clock.tick(timedelta(seconds=1))
    change = told(gate, "bob")
    gate.clock.tick(timedelta(seconds=1))
    later = await gate.login("bob")
    assert await end_outdated(gate.sessions, {"local": gate.identity}, [change]) == 1
    assert await gate.live() == ["ada", "bob"]
    assert await gate.sessions.find(later.session.key) is not None


async def test_sessions_of_other_providers_are_not_ours_to_judge(gate: Gate) -> None:
    await gate.sessions.login("bob@corp", Secret("bobbob"), CLIENT, default="local")
    assert (
        await end_outdated(gate.sessions, {"local": gate.identity}, [told(gate, "bob@corp")]) == 0
    )
    assert await gate.live() == ["bob@corp"]


async def test_sec_69_whom_the_settings_name_no_more_is_written_down_as_ended(gate: Gate) -> None:
    principal = Principal("robot", "robot", "robot", ("user",), "clients")
    for name in ("robot", "other"):
        one = msgspec.structs.replace(principal, name=name)
        await gate.sessions.login_as(one, CLIENT, None, typed=name, how="a test")
    await gate.login("bob")
    named = Named(frozenset({"local"}), {"clients": {"other": ("user",)}})
    assert await end_unnamed(gate.sessions, named, None) == 1
    assert await gate.live() == ["bob", "other"]
    last = read(gate.store.audit.payloads[-1])
    assert (last.event, last.user, last.reason) == ("session ended", "robot", "user_changed")
