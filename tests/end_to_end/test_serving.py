"""The helpers themselves: what a child has written is seen by whoever looks after it."""

import os
import subprocess
import sys
import threading

import pytest

from tests.end_to_end.serving import Lines

TALKER = """
import sys
for line in sys.stdin:
    sys.stderr.write(line * 50)
    sys.stderr.flush()
    sys.stdout.write("done\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("letters", [10, 200])
def test_what_was_written_before_an_answer_is_seen_after_it(letters: int) -> None:
    """Also while the reader has not had its turn: others keep the processor from it here."""
    busy = threading.Event()

    def hog() -> None:
        while not busy.is_set():
            sum(range(1000))

    hogs = [threading.Thread(target=hog) for _ in range(2)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", TALKER], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as talker:
        assert talker.stdin is not None
        assert talker.stdout is not None
        assert talker.stderr is not None
        log = Lines(talker.stderr)
        for one in hogs:
            one.start()
        try:
            for number in range(20):
                talker.stdin.write(f"{number} {'x' * letters}\n")
                talker.stdin.flush()
                assert talker.stdout.readline() == "done\n"
                assert len(log.lines) == 50 * (number + 1)
        finally:
            busy.set()
            for one in hogs:
                one.join()
        talker.stdin.close()
        talker.wait()
        log.close()


def test_the_last_line_needs_no_end() -> None:
    reading, writing = os.pipe()
    lines = Lines(os.fdopen(reading))
    os.write(writing, "one\ntwo \u00e4".encode())
    os.close(writing)
    assert lines.wait_for(lambda found: found == ["one", "two \u00e4"])
    lines.close()
    assert lines.text == "one\ntwo \u00e4"
