"""Who changed while no server was running has no session at the next start."""

from datetime import timedelta

from sessiongate.secret import Secret
from sessiongate.service.audit import Event
from sessiongate.service.meanwhile import end_outdated
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
