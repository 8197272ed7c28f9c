"""What a start costs: a command, a throw-away server, and the first test of a project."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tools import populate
from tools.children import result_of, running, scratch, sessiongate
from tools.load import alternate
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
                _seconds(folder, *words)  # what Python compiles is compiled then
                spent = sorted(_seconds(folder, *words) for _ in range(times))
                note = f"{times} starts, {spent[0]:.2f} to {spent[-1]:.2f} s"
                yield Measured(key, median(spent), note)


def _compiled(folder: Path) -> dict[str, str]:
    """The environment in which Python keeps what it compiles, as an installation has it."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def _seconds(folder: Path, *words: str) -> float:
    """Processor time of a whole command of ours, as installed."""
    environ = {**os.environ, **_compiled(folder)}
    return _seconds_of([sys.executable, "-m", "sessiongate", *words], environ=environ)


def _seconds_of(
    command: Sequence[str], folder: Path | None = None, environ: Mapping[str, str] | None = None
) -> float:
    """Processor time of a whole command, run there."""
    done = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder, env=environ)
    _, status, used = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    if done.returncode:
        raise NotMeasured(f"{' '.join(command[1:4])} ended with {done.returncode}")
    return used.ru_utime + used.ru_stime


def _dev(bench: Bench) -> Iterator[Measured]:
    times = 3 if bench.quick else _TIMES
    command = [sys.executable, "-m", "sessiongate", "dev", "--listen", "127.0.0.1:0"]
    spent = []
    with scratch() as folder:
        for _ in range(1 + times):
            log, environ = folder / "dev.log", _compiled(folder)
            with running(command, r"Listening on (https?://\S+)", log, environ) as dev:
                spent.append(dev.cpu)
    del spent[0]  # what Python compiles is compiled then
    note = f"{times} starts, {min(spent):.2f} to {max(spent):.2f} s"
    yield Measured("dev", median(spent), note)


def _gate(bench: Bench) -> Iterator[Measured]:
    found = [result_of("gate.py", timeout=60) for _ in range(3 if bench.quick else _TIMES)]
    yield Measured("fixture", median(one[0] for one in found), "in a new process each time")
    yield Measured("reset", median(one[1] for one in found) * 1e3, "with a session to end in each")


_TEST = """
import requests

def test_one(sessiongate):
    ci = sessiongate.users["ci"]
    url, verify = f"{sessiongate.url}/api/session", str(sessiongate.ca)
    assert requests.post(url, auth=(ci.name, ci.password), verify=verify, timeout=10).ok
"""
_PLAIN = """
import requests

def test_one():
    assert requests.post
"""


def _first_test(bench: Bench) -> Iterator[Measured]:
    """A whole run of pytest with one test, less one whose test needs no server.

    No other plugins: which of them are there is another matter.
    """
    times = 3 if bench.quick else _TIMES
    with scratch() as folder:
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "one"]
        spent: dict[str, list[float]] = {"test_it.py": [], "test_plain.py": []}
        for name, text in zip(spent, (_TEST, _PLAIN), strict=True):
            (folder / name).write_text(text, encoding="utf-8")
        alone = {**os.environ, **_compiled(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        ours = {"test_it.py": ["-p", "sessiongate.testing.plugin"]}
        for _ in range(times + 1):  # the first compiles
            for name in spent:
                command = [*pytest, *ours.get(name, []), str(folder / name)]
                spent[name].append(_seconds_of(command, folder, alone))
    cold, plain = (median(found[1:]) for found in spent.values())
    yield Measured("cold", cold - plain, f"{times} runs, {cold:.2f} s less {plain:.2f} s")


def _collecting(bench: Bench) -> Iterator[Measured]:
    """Pytest that collects one test, with the plugin and without it, in turns."""
    times = 3 if bench.quick else 9
    with scratch() as folder:
        (folder / "test_plain.py").write_text(_PLAIN, encoding="utf-8")
        alone = {**os.environ, **_compiled(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--collect-only", str(folder)]
        ways = [
            partial(_seconds_of, [*command, *more], folder, alone)
            for more in ((), ("-p", "sessiongate.testing.plugin"))
        ]
        for way in ways:
            way()  # what Python compiles is compiled then
        found = alternate(times, ways)
    added = [1e3 * (with_ - without) for without, with_ in found]
    whole = median(without for without, _ in found)
    yield Measured.of("collect", added, f"{times} pairs, {whole:.2f} s without")


def _client(bench: Bench) -> Iterator[Measured]:
    times = 3 if bench.quick else _TIMES
    root = Path(__file__).parents[2] / "client"
    python = [sys.executable, "-c"]
    with scratch() as folder:
        environ = {**os.environ, **_compiled(folder)}
        importing = [*python, "import sessiongate_client"]
        _seconds_of(importing, root, environ)  # what Python compiles is compiled then
        loaded = [_seconds_of(importing, root, environ) for _ in range(times)]
        bare = [_seconds_of([*python, ""], root, environ) for _ in range(times)]
    yield Measured("client", median(loaded) - median(bare), f"{times} starts, less Python's own")


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
    Part(
        "first-test",
        (Target("cold", "pytest -k one, its first server, CPU", "plain pytest", "<=", 1.0, "s"),),
        _first_test,
    ),
    Part(
        "collecting",
        (Target("collect", "pytest --collect-only, the plugin, CPU", "without", "<=", 20, "ms"),),
        _collecting,
    ),
    Part(
        "client",
        (Target("client", "import sessiongate_client, CPU", "-", "<=", 0.05, "s"),),
        _client,
    ),
)
