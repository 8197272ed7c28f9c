"""Mixed traffic in all dialects for a long time, against a model of which sessions must live.

A server with SQLite and TLS, as it comes but for a short idle limit and a short audit, so that
both are reached many times. Every reply is judged: a session that should live and does not is
lost, one that should be over and is not is revived. Every half minute a line of figures is
written; the last lines compare the beginning with the end. With `--gateway` the server stands
before the simulator of a vCenter, so that CurrentTime by SOAP is forwarded. Exit code 1 says that
the model was contradicted, or that the gateway had more sessions than it may or left one.
"""

import argparse
import asyncio
import json
import os
import re
import sqlite3
import ssl
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import uvloop
from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.simulated import SIZE, gateway, sessions_there, simulator
from tools.traffic import IDLE, USERS, Line, Model, Visitor

import sessiongate as served

CONNECTIONS = 16
AUDIT = 20_000


class Pace:
    """Hands out moments at an even rate; who comes late does not make up for more than a second."""

    def __init__(self, rate: float) -> None:
        self._step, self._next = 1 / rate, time.monotonic()

    async def wait(self) -> None:
        now = time.monotonic()
        self._next = max(self._next + self._step, now - 1)
        if self._next > now:
            await asyncio.sleep(self._next - now)


class Sampler:
    """The figures of the server, and those of the clients since the last sample."""

    def __init__(self, model: Model, server: Child, folder: Path, admin: Path, out: Path) -> None:
        self._model, self._server, self._folder = model, server, folder
        self._admin, self._out = admin, out
        self._began, self._cpu = time.monotonic(), server.cpu
        self._at = self._began
        self.samples: list[dict[str, object]] = []

    async def take(self) -> None:
        times, self._model.times = self._model.times, defaultdict(list)
        now, cpu = time.monotonic(), self._server.cpu
        live = await self._live()
        groups: dict[str, list[float]] = defaultdict(list)
        for kind, found in times.items():
            groups[kind.split()[0]] += found
        requests = sum(map(len, times.values()))
        sample: dict[str, object] = {
            "at": round(now - self._began),
            "rate": round(requests / (now - self._at), 1),
            "cpu_us": round((cpu - self._cpu) / max(requests, 1) * 1e6),
            "rss_mib": round(self._server.rss / 2**20, 1),
            "fds": self._fds(),
            "live": live,
            "expected": self._model.expected(now),
            "audit": await asyncio.to_thread(self._audit),
            "db_mib": round(self._size("sessiongate.db"), 1),
            "wal_mib": round(self._size("sessiongate.db-wal"), 1),
            "load": os.getloadavg()[0],
            "ms": {kind: _shape(found) for kind, found in sorted({**groups, **times}.items())},
            "counts": dict(self._model.counts),
        }
        self._at, self._cpu = now, cpu
        self.samples.append(sample)
        with self._out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(sample) + "\n")
        check = sample["ms"].get("check")  # type: ignore[attr-defined]
        shown = {name: value for name, value in sample.items() if name not in ("ms", "counts")}
        print(
            " ".join(f"{name}={value}" for name, value in shown.items()), f"check={check}", end=""
        )
        print(f" contradictions={self._model.counts['contradictions']}", flush=True)

    async def _live(self) -> int:
        reader, writer = await asyncio.open_unix_connection(str(self._admin))
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n")
        said = await reader.read()
        while more := await reader.read():
            said += more
        writer.close()
        found = re.search(rb"^sessiongate_sessions_live (\S+)", said, re.M)
        return int(float(found[1])) if found else -1

    def _fds(self) -> int:
        return len(list(Path(f"/proc/{self._server.process.pid}/fd").iterdir()))

    def _audit(self) -> int:
        path = self._folder / "sessiongate.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            ((count,),) = connection.execute("SELECT count(*) FROM audit")
        finally:
            connection.close()
        return int(count)

    def _size(self, name: str) -> float:
        path = self._folder / name
        return path.stat().st_size / 2**20 if path.exists() else 0.0


def _shape(found: list[float]) -> list[float]:
    """How many, p50, p99, longest; milliseconds."""
    found = sorted(found)
    half, most = found[len(found) // 2], found[len(found) * 99 // 100]
    return [len(found), round(half, 2), round(most, 2), round(found[-1], 2)]


async def soak(options: argparse.Namespace, server: Child, folder: Path, admin: Path) -> Model:
    context = ssl.create_default_context(cafile=str(folder / "tls" / "ca.pem"))
    model, pace = Model(), Pace(options.rate)
    lines = [Line(server.url, context, model) for _ in range(CONNECTIONS)]
    visitors = [Visitor(model, line, options.sessions) for line in lines]
    sampler = Sampler(model, server, folder, admin, Path(options.out))
    until = time.monotonic() + options.seconds

    async def visit(visitor: Visitor, line: Line) -> None:
        while time.monotonic() < until:
            await pace.wait()
            try:
                await visitor.step()
            except (OSError, TimeoutError, EOFError) as error:
                model.fault(f"a connection failed: {error!r}")
                line.close()

    async def sample() -> None:
        while time.monotonic() < until:
            await asyncio.sleep(min(30, max(until - time.monotonic(), 0.1)))
            await sampler.take()

    await asyncio.gather(sample(), *map(visit, visitors, lines))
    await asyncio.gather(*(visitor.last_look() for visitor in visitors))
    await sampler.take()
    for line in lines:
        line.close()
    return model


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="how long; an hour")
    parser.add_argument("--rate", type=float, default=200, help="requests per second")
    parser.add_argument("--sessions", type=int, default=1500, help="sessions that live at a time")
    parser.add_argument("--gateway", action="store_true", help="before a simulated vCenter")
    parser.add_argument("--out", default="soak.jsonl", help="file for the samples")
    return parser.parse_args()


def main() -> None:
    """Soak, verify the audit, say what was found."""
    options = _options()
    print(f"sessiongate of {Path(served.__file__).parent}", flush=True)
    with scratch() as top, _upstream(options.gateway) as port:
        folder, admin = top / "data", top / "ops.sock"
        populate.write_users(folder, USERS)
        settings = {
            "SESSIONS__IDLE_TIMEOUT": f"{IDLE:.0f}s",
            "AUDIT__MAX_EVENTS": str(AUDIT),
            "ADMIN__LISTEN": f"unix:{admin}",
            **(gateway(port) if port else {}),
        }
        with sessiongate(folder, settings, tls=True) as server:
            model = uvloop.run(soak(options, server, folder, admin))
            wrong = _there(top, port, SIZE, "open") if port else 0
        wrong += _there(top, port, 0, "left") if port else 0
        verify = [sys.executable, "-m", "sessiongate.cli.main", "audit", "verify"]
        whole = subprocess.run([*verify, "--data-dir", str(folder)], check=False)
        log = (folder / "serve.log").read_text(encoding="utf-8", errors="replace")
        errors = [line for line in log.splitlines() if json.loads(line)["level"] == "error"]
    print(f"audit verify: exit code {whole.returncode}; {len(errors)} error lines in the log")
    print("\n".join(errors[:20]))
    print(json.dumps(dict(model.counts), indent=1))
    sys.exit(1 if model.counts["contradictions"] or whole.returncode or errors or wrong else 0)


def _upstream(wanted: bool) -> AbstractContextManager[int]:
    """The port of a simulated vCenter; 0 where none is wanted."""
    return simulator() if wanted else nullcontext(0)


def _there(top: Path, port: int, most: int, what: str) -> int:
    """1 where the simulator has more sessions than it may."""
    there = sessions_there(top / "home", port)
    print(f"sessions {what} at the upstream: {there}")
    return int(there > most)


if __name__ == "__main__":
    main()
