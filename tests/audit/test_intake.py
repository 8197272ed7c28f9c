"""What commands have left comes into the audit once, whoever asks for it at the same time."""

import asyncio
from pathlib import Path

from sessiongate.audit import offline
from sessiongate.audit.event import read
from sessiongate.audit.intake import Intake
from tests.gate import Gate


def told(gate: Gate) -> list[tuple[str, str]]:
    return [(one.event, one.subject) for one in map(read, gate.store.audit.payloads)]


async def test_what_was_left_is_written_once_and_said(gate: Gate, tmp_path: Path) -> None:
    intake = Intake(tmp_path, gate.journal)
    assert await intake.take() == []
    offline.leave(tmp_path, "user added", "ada")
    offline.leave(tmp_path, "password set", "bob")
    both = [("user added", "ada"), ("password set", "bob")]
    assert [(one.event, one.subject) for one in await intake.take()] == both
    assert await intake.take() == []
    assert told(gate) == both


async def test_two_at_once_write_nothing_twice(gate: Gate, tmp_path: Path) -> None:
    intake = Intake(tmp_path, gate.journal)
    for number in range(20):
        offline.leave(tmp_path, "user added", f"user{number}")
    found = await asyncio.gather(*(intake.take() for _ in range(5)))
    assert sorted(map(len, found)) == [0, 0, 0, 0, 20]
    assert len(told(gate)) == 20


async def test_a_line_that_is_no_event_goes_too(gate: Gate, tmp_path: Path) -> None:
    offline.leave(tmp_path, "user added", "ada")
    with (tmp_path / "audit-inbox.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "half\n')
    intake = Intake(tmp_path, gate.journal)
    assert [one.subject for one in await intake.take()] == ["ada"]
    assert offline.waiting(tmp_path) == []
