"""A real `sessiongate serve`: a child process, a free port, TLS that is verified, requests.

Everything goes over loopback. Whoever starts a server stops it: use it as a context manager, or
by the fixtures of `conftest`. Its output is read as it comes, so that waiting is for a real line
and never for a time.
"""

import codecs
import fcntl
import http.client
import io
import json
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self

import structlog

from sessiongate.cli.main import main
from sessiongate.files import make_directory, open_own
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.rules.access import Roles
from sessiongate.secret import Secret
from tests.basic import basic
from tests.end_to_end.forking import Forked, may_fork
from tests.until import PATIENCE

RELEASE = "8.0.3.0"
ADMIN = ("admin", "Correct horse:battery/9")
OPERATOR = ("olga", "operator pass 1")
USER = ("ursula", "user pass 1")
OTHER = ("ulf", "user pass 2")
NOBODY = ("norbert", "no access 1")
PEOPLE: Mapping[tuple[str, str], str] = {
    ADMIN: "administrator",
    OPERATOR: "operator",
    USER: "user",
    OTHER: "user",
    NOBODY: "no-access",
}
"""Name and password of each user of a server made by `people`, and the role."""

Body = bytes | str | Mapping[str, Any] | Sequence[Any] | None
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """One reply. Header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def json(self) -> Any:
        return json.loads(self.body)

    def without_date(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Everything that two equal replies share."""
        kept = tuple((name, value) for name, value in self.headers if name != "date")
        return self.status, kept, self.body


class Client:
    """One connection, kept open over several requests."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        """Send exactly these headers (besides Host, Accept-Encoding, Content-Length), and read."""
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        data = bytes_of(body)
        connection = self.connection
        named = any(name.lower() == "host" for name, _ in pairs)
        connection.putrequest(verb, path, skip_host=named)
        if data is not None or verb in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(data or b"")))
        for name, value in pairs:
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(data or None)
        answer = connection.getresponse()
        got = answer.read()
        return Reply(
            answer.status,
            tuple((name.lower(), value) for name, value in answer.getheaders()),
            got,
        )

    def is_idle(self) -> bool:
        """Whether the server may be asked again: it has neither closed nor said more than asked."""
        there: socket.socket | None = self.connection.sock
        return there is None or not select.select([there], [], [], 0)[0]

    def close(self) -> None:
        self.connection.close()


def bytes_of(body: Body) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def vim(member: str, release: str = RELEASE) -> str:
    """The VI/JSON path of a member of SessionManager, or of `Type/id/member`."""
    if "/" not in member:
        member = f"SessionManager/SessionManager/{member}"
    return f"/sdk/vim25/{release}/{member}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Lines:
    """The lines of a child's pipe, as they come.

    Whoever looks sees whatever the child had written by then. So a line that a server writes before
    it answers is there once the answer is; what it writes later is for `wait_for`.
    """

    def __init__(self, pipe: IO[str]) -> None:
        self._lines: list[str] = []
        self._pipe = pipe
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        number = self._pipe.fileno()
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        ready = select.poll()
        ready.register(number, select.POLLIN)
        rest = ""
        while not self._ended:
            ready.poll()
            # Read under the lock: what has left the pipe is among the lines, for all who look.
            with self._news:
                data = os.read(number, 65536)
                self._ended = not data
                *whole, rest = (rest + decode(data)).split("\n")
                self._lines += whole
                if self._ended and rest:
                    self._lines.append(rest)
                self._news.notify_all()

    def _all_read(self) -> bool:
        if self._ended:
            return True
        left = array("i", [0])
        fcntl.ioctl(self._pipe.fileno(), termios.FIONREAD, left)
        return left[0] == 0

    def wait_for(self, wanted: Callable[[list[str]], bool], patience: float = PATIENCE) -> bool:
        """Whether the lines came to be as wanted, before the pipe ended and in bounded time."""
        with self._news:
            self._news.wait_for(lambda: self._ended or wanted(self._lines), patience)
            return wanted(self._lines)

    def close(self) -> None:
        self._thread.join(PATIENCE)  # workers hold the pipe until they see that they are alone
        self._pipe.close()

    @property
    def lines(self) -> list[str]:
        with self._news:
            self._news.wait_for(self._all_read, PATIENCE)
            return list(self._lines)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would reach into a server: its settings, and the locale.

    Without a console too: many servers run at once, and one alone could have its usual address.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SESSIONGATE_", "LC_", "LANG"))
    }
    return {**kept, "SESSIONGATE_CONSOLE__LISTEN": "off", **(extra or {})}


def run_command(
    *args: str, stdin: str = "", environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Finished:
    """Run `sessiongate ...` to its end, as a process."""
    done = subprocess.run(
        [sys.executable, "-m", "sessiongate.cli.main", *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(environ),
        cwd=cwd,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def run_here(
    *args: str, stdin: str | bytes = "", environ: Mapping[str, str] | None = None
) -> Finished:
    """Run `sessiongate ...` to its end in this process: the same, without half a second's start."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    before = sys.argv, sys.stdin, dict(os.environ)
    logging = structlog.get_config()
    typed = stdin if isinstance(stdin, bytes) else stdin.encode()
    sys.argv, sys.stdin = ["sessiongate", *args], io.TextIOWrapper(io.BytesIO(typed))
    wanted = environment(environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.argv, sys.stdin = before[:2]
        os.environ.clear()
        os.environ.update(before[2])
        structlog.configure(**logging)  # `serve` keeps loggers, whose lines no test would capture
    return Finished(code, out.getvalue(), err.getvalue())


@cache
def _file_of_people() -> bytes:
    """The users file of `PEOPLE`: five slow hashes, once for all servers of a run."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "data" / "users.toml"
        add_people(path, PEOPLE)
        return path.read_bytes()


@cache
def _hashed(password: str) -> str:
    """What is stored of a password: slow to make, and as good for the next server of a run."""
    hasher = PasswordHasher(1)
    try:
        return hasher.hash_now(Secret(password))
    finally:
        hasher.close()


class _MadeOnce:
    """Hashes each password once in a run."""

    def hash_now(self, password: Secret) -> str:
        return _hashed(password.reveal())


def add_people(path: Path, people: Mapping[tuple[str, str], str]) -> None:
    """Put users into a file, as `users add` does but without a process for each."""
    for (name, password), role in people.items():
        add_user(
            path,
            name,
            Secret(password),
            role,
            hasher=_MadeOnce(),
            roles=Roles().names(),
            created=datetime.now(UTC),
        )


@dataclass
class Server:
    """A server on a data directory. `start` it; `kill9`, `stop` or `restart` it."""

    data_dir: Path
    settings: str = ""
    """The text of its settings file; none is given for ""."""
    flags: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("serve",)
    file_limit: int | None = None
    """No file may grow beyond so many bytes: a full disk, for one process."""
    open_files: int | None = None
    """It may open so many files, and no more."""
    operations: bool = False
    """Whether it has operations where they usually are, if its settings say nothing of them."""
    keep_alive: bool = False
    """Whether `request` uses connections again: for many requests whose handshake says nothing."""

    def __post_init__(self) -> None:
        self.process: subprocess.Popen[str] | Forked | None = None
        self.addresses: list[str] = []
        self.out: Lines
        self.log: Lines
        self.context: ssl.SSLContext | None = None
        self._idle: list[Client] = []

    # Its life

    def start(self) -> Self:
        """Return when it listens; fail with what it said if it does not."""
        environ = environment({**self._without_operations(), **self.environ})
        limited = self.file_limit is not None or self.open_files is not None
        if limited or not may_fork(environ):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sessiongate.cli.main", *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environ,
                preexec_fn=self._limit if limited else None,
            )
        else:
            self.process = Forked(self._arguments(), environ)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = Lines(self.process.stdout)
        self.log = Lines(self.process.stderr)
        # The certificate, or the warning that there is none, comes after all else that it says.
        last = ("Certificate SHA-256", "WARNING: plain HTTP")
        told = self.out.wait_for(lambda lines: any(line.startswith(last) for line in lines))
        if not told:
            self.kill9()
            raise AssertionError(f"the server did not start:\n{self.out.text}\n{self.log.text}")
        said = (line.removeprefix("Listening on ") for line in self.out.lines)
        self.addresses = [line for line in said if line.startswith(("https:", "http:", "unix:"))]
        return self

    @property
    def console(self) -> str:
        """Where its console is: scheme, host and port."""
        said = next(line for line in self.out.lines if line.startswith("Console on "))
        return said.removeprefix("Console on ").removesuffix("/console/")

    def _arguments(self) -> list[str]:
        arguments = [*self.command, "--log-format", "json", *self.flags]
        if self.command == ("serve",):
            arguments += ["--data-dir", str(self.data_dir)]
        if self.settings:
            arguments += ["--config", str(self.write_settings())]
        if "listen" not in self.settings and "--listen" not in self.flags:
            arguments += ["--listen", "127.0.0.1:0"]
        return arguments

    def write_settings(self) -> Path:
        """Write its settings file, which lies beside the data directory."""
        path = self.data_dir.with_name(f"{self.data_dir.name}.toml")
        path.write_text(self.settings, encoding="utf-8")
        return path

    def _without_operations(self) -> Mapping[str, str]:
        """Of many servers that run at once, one alone could have the usual address."""
        named = self.operations or self.command != ("serve",) or "[admin]" in self.settings
        return {} if named else {"SESSIONGATE_ADMIN__LISTEN": "off"}

    def _limit(self) -> None:
        if self.file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))
        if self.open_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

    def spent(self) -> float:
        """Seconds that the processor has worked for its process: no other's work counts."""
        assert self.process is not None
        return time.clock_gettime((~self.process.pid << 3) | 2)  # as clock_getcpuclockid has it

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end, and say its exit code."""
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        self._hang_up()
        self.out.close()
        self.log.close()
        self.process = None
        return code

    def _hang_up(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def kill9(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.ended()

    def stop(self) -> None:
        """Have it stop, which it must do by itself and cleanly."""
        self._hang_up()  # else it would wait for our goodbyes for seconds
        self.signal(signal.SIGTERM)
        code = self.ended()
        assert code == 0, f"exit code {code}:\n{self.log.text}"
        assert "Traceback" not in self.log.text, self.log.text

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill9()

    # Talking to it

    @property
    def url(self) -> str:
        return next(address for address in self.addresses if not address.startswith("unix:"))

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def ca(self) -> Path:
        return self.data_dir / "tls" / "ca.pem"

    def tls(self) -> ssl.SSLContext:
        """What a careful client uses: only this server's own CA is trusted."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = True
        return context

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """One connection, for several requests."""
        client = self._client()
        try:
            yield client
        finally:
            client.close()

    def _client(self) -> Client:
        connection: http.client.HTTPConnection
        if self.url.startswith("https:"):
            if self.context is None:
                self.context = self.tls()
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=PATIENCE, context=self.context
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        return Client(connection)

    @contextmanager
    def connected_locally(self, path: str) -> Iterator[Client]:
        """One connection by a Unix socket."""
        connection = _UnixConnection(path)
        try:
            yield Client(connection)
        finally:
            connection.close()

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        """One request on a connection of its own, or with `keep_alive` on one that is idle."""
        client = self._idle_client() if self.keep_alive else self._client()
        try:
            reply = client.request(verb, path, headers, body)
        except BaseException:
            client.close()
            raise
        if self.keep_alive:
            self._idle.append(client)
        else:
            client.close()
        return reply

    def _idle_client(self) -> Client:
        with suppress(IndexError):  # there are none, or other threads have taken them
            while client := self._idle.pop():
                if client.is_idle():
                    return client
                client.close()
        return self._client()

    def raw(self, data: bytes) -> bytes:
        """Send these very bytes over TLS, and read until the server closes."""
        with (
            socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain,
            self.tls().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(data)
            chunks = []
            while chunk := secured.recv(65536):
                chunks.append(chunk)
        return b"".join(chunks)

    def run(self, *args: str, stdin: str = "") -> Finished:
        """Run a command on this server's data directory, with its settings."""
        environ = dict(self._without_operations())
        if self.settings:
            environ["SESSIONGATE_CONFIG"] = str(self.write_settings())
        return run_here(*args, "--data-dir", str(self.data_dir), stdin=stdin, environ=environ)

    # The two dialects, in short

    def zerto_login(self, user: str, password: str, body: Body = None) -> Reply:
        return self.request(
            "POST", "/v1/session/add", {"Authorization": basic(user, password)}, body
        )

    def zerto_token(self, person: tuple[str, str]) -> str:
        reply = self.zerto_login(*person)
        assert reply.status == 200, reply
        token = reply.header("x-zerto-session")
        assert token
        return token

    def call(self, member: str, token: str | None = None, body: Body = None) -> Reply:
        """Call a method of SessionManager (or `Type/id/method`)."""
        return self.request("POST", vim(member), session(token), body)

    def get(self, member: str, token: str | None = None) -> Reply:
        """Read a property of SessionManager (or `Type/id/property`)."""
        return self.request("GET", vim(member), session(token))

    def vim_login(self, user: str, password: str, **more: Any) -> Reply:
        return self.call("Login", None, {"userName": user, "password": password, **more})

    def vim_token(self, person: tuple[str, str], **more: Any) -> str:
        reply = self.vim_login(*person, **more)
        assert reply.status == 200, reply
        token = reply.header("vmware-api-session-id")
        assert token
        return token

    def is_alive(self, token: str) -> bool:
        """Whether a token is a live session, judged by whose it says it is."""
        reply = self.get("currentSession", token)
        assert reply.status == 200, reply
        return reply.json() is not None


def session(token: str | None) -> dict[str, str]:
    """The header that carries a VI/JSON session."""
    return {} if token is None else {"vmware-api-session-id": token}


def with_people(data_dir: Path, **facts: Any) -> Server:
    """A server, not started yet, that knows `PEOPLE`."""
    make_directory(data_dir)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(open_own(data_dir / "users.toml", flags), "wb") as file:
        file.write(_file_of_people())
    return Server(data_dir, **facts)
