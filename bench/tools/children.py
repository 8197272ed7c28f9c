"""The processes that are measured: started on a free loopback port, ended by their own pid."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.table import NotMeasured

BENCH = Path(__file__).parent.parent
PEERS = BENCH.parent / ".peers" / "bench"

# How long a child may take until it listens: a million sessions are to load in six seconds.
_PATIENCE = 120.0


@dataclass(frozen=True)
class Child:
    """A running process, and where it listens."""

    process: "subprocess.Popen[str]"
    url: str
    took: float
    """Seconds from its start until it listened."""

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it and its workers have used, all threads together."""
        return sum(map(_cpu_of, [self.process.pid, *self.workers]))

    @property
    def workers(self) -> list[int]:
        """The processes that it has started."""
        main = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in main.read_text(encoding="ascii").split()]

    @property
    def rss(self) -> int:
        """Bytes of memory that it holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _cpu_of(pid: int) -> float:
    """By the clock of another process, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sessiongate-bench-") as folder:
        yield Path(folder)


@contextmanager
def running(
    command: Sequence[str], pattern: str, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a command whose output says its address, as group 1 of the pattern."""
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            list(command),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environ or {})},
        )
    try:
        url = _address(process, re.compile(pattern), log)
        yield Child(process, url, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _address(process: "subprocess.Popen[str]", pattern: re.Pattern[str], log: Path) -> str:
    out = process.stdout
    if out is None:
        raise NotMeasured("a child has no output")
    watchdog = threading.Timer(_PATIENCE, process.kill)
    watchdog.start()
    try:
        for line in out:
            found = pattern.search(line)
            if found is not None:
                # What else it says must not fill the pipe.
                threading.Thread(target=out.read, daemon=True).start()
                return found[1]
    finally:
        watchdog.cancel()
    tail = log.read_text(encoding="utf-8", errors="replace")[-300:].strip()
    raise NotMeasured(f"{Path(process.args[0]).name} did not start: {tail}")  # type: ignore[index,arg-type]


@contextmanager
def sessiongate(
    data_dir: Path,
    settings: Mapping[str, str] | None = None,
    *,
    tls: bool = False,
    script: str = "",
    python: str = sys.executable,
) -> Iterator[Child]:
    """`sessiongate serve` on this data directory; settings as SECTION__KEY.

    A script of children/ may stand in for the command, and another interpreter for ours.
    """
    program = [str(BENCH / "children" / script)] if script else ["-m", "sessiongate.cli.main"]
    command = [
        *(python, *program, "serve"),
        *("--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--log-format", "json"),
    ]
    environ = {f"SESSIONGATE_{name}": value for name, value in (settings or {}).items()}
    environ |= _modules()
    if not tls:
        command.append("--plain-http")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    pattern = r"Listening on (https?://\S+)"
    with running(command, pattern, data_dir / "serve.log", environ) as child:
        yield child


@contextmanager
def hello(folder: Path) -> Iterator[Child]:
    """The bare server: our HTTP edge and a handler that does nothing."""
    command = [sys.executable, str(BENCH / "children" / "hello.py")]
    with running(command, r"Listening on (http://\S+)", folder / "hello.log") as child:
        yield child


@contextmanager
def floor(folder: Path) -> Iterator[Child]:
    """The floor of the event loop: a protocol that answers a constant to whatever comes."""
    command = [sys.executable, str(BENCH / "children" / "floor.py")]
    with running(command, r"Listening on (http://\S+)", folder / "floor.log") as child:
        yield child


@contextmanager
def parsing(folder: Path, data_dir: Path | None = None) -> Iterator[Child]:
    """The floor of a server in Python, with the certificate of this data directory if given."""
    script = str(BENCH / "children" / "parsing.py")
    tls = [str(data_dir / "tls")] if data_dir is not None else []
    log = folder / f"parsing{len(tls)}.log"
    with running([sys.executable, script, *tls], r"Listening on (https?://\S+)", log) as child:
        yield child


@contextmanager
def passing(folder: Path, data_dir: Path, upstream: str) -> Iterator[Child]:
    """The floor of a proxy in Python, with the certificate of this data directory."""
    script = str(BENCH / "children" / "passing.py")
    command = [sys.executable, script, str(data_dir / "tls"), upstream]
    log = folder / "passing.log"
    with running(command, r"Listening on (https://\S+)", log, _modules()) as child:
        yield child


@contextmanager
def vcsim(folder: Path, *, tls: bool) -> Iterator[Child]:
    """The vCenter simulator of govmomi, freshly started."""
    found = PEERS / "vcsim"
    if not found.exists():
        raise NotMeasured("vcsim is missing (bench/setup)")
    command = [str(found), f"-tls={'true' if tls else 'false'}"]
    pattern = r"GOVC_URL=(https?://\S+?)/sdk"
    with running(command, pattern, folder / "vcsim.log") as child:
        # The address comes with a user and a password in it.
        scheme, _, rest = child.url.partition("://")
        yield Child(child.process, f"{scheme}://{rest.rpartition('@')[2]}", child.took)


_NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    keepalive_requests 1000000000;
    {more}
    server {{
        listen 127.0.0.1:{port}{how};
        location / {{ {answer} }}
        {places}
    }}
}}
"""

# Connections to the upstream are kept, as ours are; whose certificate it has is not looked at.
_UPSTREAM = "upstream theirs {{ server {address}; keepalive 64; keepalive_requests 1000000000; }}"
_PASSED = """
            {first}
            proxy_pass {scheme}://theirs;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host {address};
        """


def passed(upstream: str, first: str = "") -> str:
    """What a location of nginx has that passes all to the upstream of its `nginx`."""
    scheme, _, address = upstream.partition("://")
    return _PASSED.format(scheme=scheme, address=address, first=first)


@contextmanager
def nginx(
    folder: Path,
    data_dir: Path | None = None,
    upstream: str | None = None,
    first: str = "",
    places: str = "",
    tls: str = "TLSv1.2 TLSv1.3",
) -> Iterator[Child]:
    """nginx in one process that answers the same text to all, or passes all to an upstream.

    With the data directory of a server of ours, over TLS with that one's certificate. `first` is
    what it does before it passes anything on, `places` are what it answers itself, and `tls` the
    versions that it has: ours has both, of which a client takes the newer.
    """
    found = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        raise NotMeasured("nginx is missing (bench/setup)")
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    how = ""
    if data_dir is not None:
        keys = data_dir / "tls"
        how = f" ssl; ssl_certificate {keys}/server.pem; ssl_certificate_key {keys}/server.key"
        how += f"; ssl_protocols {tls}"
    config = folder / "nginx.conf"
    more, answer = "", 'return 200 "Hello World!";'
    if upstream is not None:
        more = _UPSTREAM.format(address=upstream.partition("://")[2])
        answer = passed(upstream, first)
    text = _NGINX.format(folder=folder, port=port, how=how, more=more, answer=answer, places=places)
    config.write_text(text, encoding="utf-8")
    url = f"{'https' if how else 'http'}://127.0.0.1:{port}"
    # It says nothing once it listens, so the shell names the address, and `exec` keeps the pid.
    command = ["sh", "-c", f'echo "Listening on {url}"; exec "$0" "$@"', found, "-c", str(config)]
    with running(command, r"Listening on (\S+)", folder / "nginx.log") as child:
        _until_open(port)
        yield child


def _until_open(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), _PATIENCE):
                return
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise NotMeasured("nginx does not listen") from None
            time.sleep(0.02)


def result_of(script: str, *arguments: str, timeout: float) -> list[float]:
    """Run a script of children/ and read the numbers on its last line."""
    try:
        done = subprocess.run(
            [sys.executable, str(BENCH / "children" / script), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **_modules()},
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{script} took longer than {timeout:.0f} s") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise NotMeasured(f"{script} failed: {done.stderr.strip()[-200:]}")
    return [float(word) for word in lines[-1].split()]


def _modules() -> dict[str, str]:
    """The environment in which scripts and other interpreters find the bench and this tree."""
    path = [str(BENCH), str(BENCH.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}
