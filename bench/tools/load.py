"""Load by wrk, from a process of its own, and ratios between two ways measured in turns."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from tools.children import Child
from tools.spent import slice_of
from tools.table import Bench, NotMeasured, median

T = TypeVar("T")

SCRIPTS = Path(__file__).parent.parent / "wrk"
CONNECTIONS = 32


@dataclass(frozen=True)
class Load:
    """What one run of wrk found: requests per second, milliseconds.

    `cpu` is the server's processor time per request in microseconds. Where others share the
    machine the rate suffers from them and this does not.
    """

    rate: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Way:
    """One way to load a server: an address, a script, and what the script reads."""

    server: Child
    path: str
    script: str = "get.lua"
    environ: Mapping[str, str] | None = None
    """Variables for the script."""
    connections: int = CONNECTIONS

    def start(self, seconds: int) -> "subprocess.Popen[str]":
        """Begin to load."""
        wrk = shutil.which("wrk")
        if wrk is None:
            raise NotMeasured("wrk is missing (bench/setup)")
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "BENCH_WRK": str(SCRIPTS),
            "BENCH_PATH": self.path,
            **(self.environ or {}),
        }
        command = [wrk, "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "10s"]
        return subprocess.Popen(
            [*command, "-s", str(SCRIPTS / self.script), self.server.url],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, seconds: int) -> Load:
        """Load for so long."""
        with slice_of(seconds):
            spent = self.server.cpu
            return self.result(self.start(seconds), seconds, spent)

    def result(
        self, process: "subprocess.Popen[str]", seconds: int, spent: float | None = None
    ) -> Load:
        """Wait for the end of a load and read its figures. Errors are no figures."""
        try:
            out, _ = process.communicate(timeout=seconds + 30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise NotMeasured(f"wrk on {self.path} did not end") from None
        line = next((line for line in out.splitlines() if line.startswith("BENCH ")), None)
        if line is None:
            raise NotMeasured(f"wrk on {self.path} failed: {out.strip()[-200:]}")
        requests, duration, p50, p99, errors = map(int, line.split()[1:])
        if errors or not requests:
            raise NotMeasured(f"{errors} errors in {requests} requests to {self.path}")
        cpu = (self.server.cpu - spent) / requests * 1e6 if spent is not None else 0.0
        return Load(requests / duration * 1e6, p50 / 1e3, p99 / 1e3, cpu)


def alternate(rounds: int, ways: Sequence[Callable[[], T]]) -> list[list[T]]:
    """One list of results per round, in the order of the ways.

    Every other round goes backwards, so that a machine that grows slower favours nobody.
    """
    found: list[list[T]] = []
    for number in range(rounds):
        order = list(enumerate(ways))
        if number % 2:
            order.reverse()
        results = {index: way() for index, way in order}
        found.append([results[index] for index in range(len(ways))])
    return found


def compare(
    bench: Bench, *ways: Way, rounds: int | None = None, seconds: int | None = None
) -> list[list[Load]]:
    """Load each way in turns, in a whole run after a second each to warm up."""
    if not bench.quick:
        for way in ways:
            way.run(1)
    each = seconds or bench.seconds
    return alternate(rounds or bench.rounds, [partial(way.run, each) for way in ways])


Rounds = Sequence[Sequence[Load]]
"""What `compare` has found: one list of loads a round, in the order of the ways."""


def rate_ratios(found: Rounds, one: int, other: int) -> list[float]:
    """Of each round the rate of one way to that of the other."""
    return [loads[one].rate / loads[other].rate for loads in found]


def cpu_ratios(found: Rounds, one: int, other: int) -> list[float]:
    """Of each round what the other costs its server's processor to what the one does.

    Like the ratio of rates it is above 1 where the one is cheaper.
    """
    return [loads[other].cpu / loads[one].cpu for loads in found]


def p99_ratios(found: Rounds, one: int, other: int) -> list[float]:
    """Of each round the p99 of one way to that of the other."""
    return [loads[one].p99 / loads[other].p99 for loads in found]


def p99s(found: Rounds, one: int) -> list[float]:
    """Of each round a way's p99, in milliseconds."""
    return [loads[one].p99 for loads in found]


def rates(found: Rounds, one: int, other: int) -> str:
    """The absolute rates behind a ratio, and what each costs the server's processor."""
    rate = [median(loads[way].rate for loads in found) for way in (one, other)]
    cpu = [median(loads[way].cpu for loads in found) for way in (one, other)]
    return (
        f"{rate[0]:,.0f}/s against {rate[1]:,.0f}/s;"
        f" CPU {cpu[0]:.1f} against {cpu[1]:.1f} µs ({cpu[1] / cpu[0]:.2f})"
    )
