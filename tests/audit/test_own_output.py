"""Copies on our own output: whole lines, and no waiting without end for a reader."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.audit.forwarding import AuditForwarder
from sessiongate.audit.own_output import NUMBERS, OwnOutput

SHIP = """
import sys
from pathlib import Path
from sessiongate.audit.forwarding import AuditForwarder
ship = AuditForwarder(Path(sys.argv[1]), None)
for number in range(3):
    ship(b'{"number":%d}' % number)
ship.close()
"""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("name", NUMBERS)
def test_each_copy_is_a_line_of_the_output(name: Path) -> None:
    """Of a pipe, which is what a container has."""
    run = subprocess.run(
        [sys.executable, "-c", SHIP, str(name)], capture_output=True, check=True, text=True
    )
    said = run.stdout if name == Path("/dev/stdout") else run.stderr
    assert said == '{"number":0}\n{"number":1}\n{"number":2}\n'


def test_a_reader_who_does_not_read_is_an_outage_and_what_follows_is_a_line(
    pipe: tuple[int, int],
) -> None:
    reader, writer = pipe
    output = OwnOutput(writer)
    large = b"x" * 200_000  # more than a pipe holds
    with pytest.raises(OSError, match="nobody reads it"):
        output.send(large, 0.01)
    held = os.read(reader, 200_000)
    assert 0 < len(held) < 200_000
    output.send(b"next", 0.01)
    assert os.read(reader, 200_000) == b"\nnext\n"


def test_sec_90_another_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Exception, match="it is a pipe"):
        AuditForwarder(tmp_path / "pipe", None)
