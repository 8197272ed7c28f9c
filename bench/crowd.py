"""A thousand clients on five sessions of a vCenter: pyVmomi in four processes, and govc beside.

A gateway with one service account, over SQLite and TLS as it comes, before the simulator. All
clients with pyVmomi have their sessions open at once; half of them then watch objects of their own
and wait for tasks, while govc runs in up to fifty processes at a time. At the end the gateway is
stopped, or killed and started again, and the simulator is asked what is left. Exit code 1 says that
a client was refused or told another's news, that there were more sessions than `size`, or that any
was left.

Needs the peers of the tests (`make peers`).
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.simulated import PEERS, SIZE, gateway, govc, sessions_there, simulator

ROOT = Path(__file__).parent.parent
USER = "bench0"
PROCESSES = 4
GOVC = 50

# It makes a collector and a filter of its own, and waits for the filter's first news.
_COMMAND = ("object.collect", "-s", "/", "name")


def main() -> None:
    """Run both endings, print what came of it."""
    options = _options()
    wrong: list[str] = []
    for ending in (signal.SIGTERM, signal.SIGKILL):
        found = _story(options.clients, options.commands, ending)
        sys.stdout.writelines(f"WRONG: {said}\n" for said in found[:20])
        sys.stdout.flush()
        wrong += found
    sys.exit(1 if wrong else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000, help="sessions that are open at once")
    parser.add_argument("--commands", type=int, default=200, help="runs of govc beside them")
    return parser.parse_args()


def _story(clients: int, commands: int, ending: signal.Signals) -> list[str]:
    wrong: list[str] = []
    with scratch() as folder, simulator() as port, ExitStack() as opened:
        data_dir = folder / "server"
        populate.write_users(data_dir, 1)
        settings = gateway(port)
        gate = opened.enter_context(sessiongate(data_dir, settings, tls=True))
        ca = data_dir / "tls" / "ca.pem"
        seen = _Watch(folder / "home", port)
        began = time.monotonic()
        crowd = [
            opened.enter_context(_crowd(gate, ca, number, clients // PROCESSES))
            for number in range(PROCESSES)
        ]
        told = [_line(one) for one in crowd]
        wrong += [said for one in told for said in one["wrong"]]
        at_once = sum(one["open"] for one in told)
        took = time.monotonic() - began
        for one in crowd:
            _go_on(one)
        began, cpu = time.monotonic(), gate.cpu
        with ThreadPoolExecutor(GOVC) as pool:
            runs = [
                pool.submit(_govc, gate, ca, folder / f"home{n % GOVC}") for n in range(commands)
            ]
            told = [_line(one) for one in crowd]
            wrong += [said for one in told for said in one["wrong"]]
            wrong += filter(None, (run.result() for run in runs))
        worked, spent = time.monotonic() - began, gate.cpu - cpu
        most = seen.stop()
        if most > SIZE:
            wrong.append(f"{most} sessions at the upstream, and {SIZE} are allowed")
        rss = gate.rss
        gate.process.send_signal(ending)
        gate.process.wait(60)
        left = [sessions_there(folder / "home", port)]
        if ending == signal.SIGKILL:
            with sessiongate(data_dir, settings, tls=True):
                until = time.monotonic() + 10
                while left[-1] and time.monotonic() < until:
                    left.append(sessions_there(folder / "home", port))
        if left[-1]:
            wrong.append(f"{left[-1]} sessions are left after {ending.name}")
    done = sum(one["worked"] for one in told)
    said = [
        f"{ending.name}: {at_once} sessions open at once in {took:.0f} s",
        f"{done} clients and {commands} runs of govc did their work in {worked:.0f} s",
        f"{spent:.0f} s of processor time for that, {rss / 2**20:.0f} MiB",
        f"at most {most} sessions at the upstream",
        f"{left[0]} after the end",
        *([f"{left[-1]} after the restart"] if left[1:] else []),
    ]
    sys.stdout.write("; ".join(said) + "\n")
    return wrong


@contextmanager
def _crowd(gate: Child, ca: Path, number: int, count: int) -> Iterator["subprocess.Popen[str]"]:
    (python,) = sorted(PEERS.glob("pyvmomi-9*/bin/python"))[-1:]
    script = ROOT / "tests" / "peers" / "pyvmomi_crowd.py"
    host, _, port = gate.url.rpartition("/")[2].partition(":")
    who = (USER, populate.PASSWORD, str(1000 * number), str(count))
    command = [str(python), str(script), host, port, str(ca), *who]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def _go_on(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _govc(gate: Child, ca: Path, home: Path) -> str:
    """What went wrong; "" for nothing."""
    done = govc(gate.url, (USER, populate.PASSWORD), home, *_COMMAND, ca=ca)
    return "" if done.returncode == 0 else f"govc: {done.stderr.strip()[:300]}"


class _Watch:
    """Counts the sessions at the simulator again and again."""

    def __init__(self, home: Path, port: int) -> None:
        self._home, self._port = home, port
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> int:
        """The most that there have been."""
        self._over.set()
        self._thread.join()
        return self._most

    def _look(self) -> None:
        while not self._over.wait(0.5):
            self._most = max(self._most, sessions_there(self._home, self._port))


if __name__ == "__main__":
    main()
