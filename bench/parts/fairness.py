"""What others feel while one connection sends requests as fast as it can, and reads the replies."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tools import populate
from tools.children import BENCH, scratch, sessiongate
from tools.interpreters import at_hand
from tools.pipelined import get, latencies
from tools.spent import slice_of
from tools.table import Bench, Measured, Part, Target

OTHERS = 20

_WAIT = f"longest wait of {OTHERS} others while one connection pipelines"
_PYTHONS = at_hand()


def _floods(bench: Bench) -> Iterator[Measured]:
    for version, python in _PYTHONS.items():
        yield _flood(bench, version, python)


def _flood(bench: Bench, version: str, python: str) -> Measured:
    seconds = 2.0 if bench.quick else 6.0
    with scratch() as folder:
        tokens = populate.write_sessions(folder, OTHERS).read_text(encoding="ascii").split()
        with sessiongate(folder, python=python) as server:
            asked = [
                get(server.url, "/api/session", {"vmware-api-session-id": token})
                for token in tokens
            ]
            alone = _longest(server.url, asked, seconds)
            command = [sys.executable, str(BENCH / "children" / "pipeliner.py"), server.url]
            flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                if flood.stdout is not None:
                    flood.stdout.readline()  # it has begun
                beside = _longest(server.url, asked, seconds)
            finally:
                flood.kill()
                flood.communicate()
    note = f"without the flood: {alone / 1e3:.3f} s"
    return Measured(version, beside / 1e3, note)


def _longest(url: str, asked: list[bytes], seconds: float) -> float:
    """The longest wait in milliseconds of so many who each ask again and again."""
    with slice_of(seconds), ThreadPoolExecutor(len(asked)) as pool:
        found = pool.map(lambda request: max(latencies(url, request, seconds)), asked)
        return max(found)


PARTS = (
    Part(
        "flood",
        tuple(
            Target(version, f"{_WAIT}, Python {version}", "-", "<=", 0.25, "s")
            for version in _PYTHONS
        ),
        _floods,
    ),
)
