"""What a start costs: a command, a throw-away server, and the first test of a project."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import populate
from tools.children import result_of, running, scratch, sessiongate
from tools.table import Bench, Measured, NotMeasured, Part, Target, median

_TIMES = 7


def _commands(bench: Bench) -> Iterator[Measured]:
    times = 3 if bench.quick else _TIMES
    with scratch() as folder:
        populate.write_users(folder, 1)
        with sessiongate(folder):
            for key, words in (
                ("version", ("--version",)),
                ("list", ("sessions", "list", "--data-dir", str(folder))),
            ):
                _seconds(*words)  # what Python compiles is compiled then
                spent = sorted(_seconds(*words) for _ in range(times))
                note = f"{times} starts, {spent[0]:.2f} to {spent[-1]:.2f} s"
                yield Measured(key, median(spent), note)


def _seconds(*words: str) -> float:
    """Processor time of a whole command."""
    command = [sys.executable, "-m", "sessiongate", *words]
    done = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    if done.returncode:
        raise NotMeasured(f"sessiongate {words[0]} ended with {done.returncode}")
    return used.ru_utime + used.ru_stime


def _dev(bench: Bench) -> Iterator[Measured]:
    times = 3 if bench.quick else _TIMES
    command = [sys.executable, "-m", "sessiongate", "dev", "--listen", "127.0.0.1:0"]
    spent = []
    with scratch() as folder:
        for _ in range(times):
            with running(command, r"Listening on (https?://\S+)", Path(folder) / "dev.log") as dev:
                spent.append(dev.cpu)
    note = f"{times} starts, {min(spent):.2f} to {max(spent):.2f} s"
    yield Measured("dev", median(spent), note)


def _gate(bench: Bench) -> Iterator[Measured]:
    found = [result_of("gate.py", timeout=60) for _ in range(3 if bench.quick else _TIMES)]
    yield Measured("fixture", median(one[0] for one in found), "in a new process each time")
    yield Measured("reset", median(one[1] for one in found) * 1e3, "with a session to end in each")


PARTS = (
    Part(
        "commands",
        (
            Target("version", "sessiongate --version, CPU", "-", "<=", 0.2, "s"),
            Target("list", "sessiongate sessions list, CPU", "-", "<=", 0.3, "s"),
        ),
        _commands,
    ),
    Part(
        "dev",
        (Target("dev", "sessiongate dev until it listens, CPU", "-", "<=", 0.6, "s"),),
        _dev,
    ),
    Part(
        "gate",
        (
            Target("fixture", "first Gate of a process after imports, CPU", "-", "<=", 0.3, "s"),
            Target("reset", "Gate.reset, CPU", "-", "<=", 10, "ms"),
        ),
        _gate,
    ),
)
