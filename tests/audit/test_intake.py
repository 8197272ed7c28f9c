"""What commands have left comes into the audit once, whoever asks for it at the same time."""

import asyncio
from pathlib import Path

from sessiongate.audit import offline
from sessiongate.audit.event import read
from sessiongate.audit.intake import OfflineIntake
from tests.gate import Gate


def told(gate: Gate) -> list[tuple[str, str]]:
    return [(one.event, one.subject) for one in map(read, gate.store.audit.payloads)]


async def test_what_was_left_is_written_once_and_said(gate: Gate, tmp_path: Path) -> None:
    intake = OfflineIntake(tmp_path, gate.journal)
    assert await intake.take_all() == []
    offline.leave_event(tmp_path, "user added", "ada")
    offline.leave_event(tmp_path, "password set", "bob")
    both = [("user added", "ada"), ("password set", "bob")]
    assert [(one.event, one.subject) for one in await intake.take_all()] == both
    assert await intake.take_all() == []
    assert told(gate) == both


async def test_a_start_takes_all_and_says_the_newest_about_each(gate: Gate, tmp_path: Path) -> None:
    """What a round leaves, the next one takes: however many commands there were."""
    intake = OfflineIntake(tmp_path, gate.journal)
    path = tmp_path / "audit-inbox.jsonl"
    offline.leave_event(tmp_path, "user added", "ada")
    path.write_bytes(path.read_bytes() * 1_000)
    offline.leave_event(tmp_path, "password set", "ada")
    await intake.take()
    first = len(told(gate))
    assert 100 < first < 1_000
    assert [one.event for one in await intake.take_all()] == ["password set"]
    assert told(gate) == [("user added", "ada")] * 1_000 + [("password set", "ada")]


async def test_two_at_once_write_nothing_twice(gate: Gate, tmp_path: Path) -> None:
    intake = OfflineIntake(tmp_path, gate.journal)
    for number in range(20):
        offline.leave_event(tmp_path, "user added", f"user{number}")
    await asyncio.gather(*(intake.take() for _ in range(5)))
    assert len(told(gate)) == len(set(told(gate))) == 20


async def test_a_line_that_is_no_event_goes_too(gate: Gate, tmp_path: Path) -> None:
    offline.leave_event(tmp_path, "user added", "ada")
    with (tmp_path / "audit-inbox.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "half\n')
    intake = OfflineIntake(tmp_path, gate.journal)
    assert [one.subject for one in await intake.take_all()] == ["ada"]
    assert offline.read_portion(tmp_path) == offline.Portion()
