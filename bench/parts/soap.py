"""SOAP against vcsim, the simulator that everyone tests with: checks, and logins."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from tools import populate
from tools.children import Child, scratch, sessiongate, vcsim
from tools.load import Load, Way, compare, cpu_ratios, p99_ratios, rate_ratios, rates
from tools.pipelined import post, send
from tools.table import Bench, Measured, NotMeasured, Part, Target, median

PATH = "/sdk"
LOGINS = 30_000
USERS, SESSIONS = 20, 400
"""Of calls that all differ: more than requests are kept of, and few enough for vcsim."""
MEASURED = "urn:vim25/8.0.3.0"
"""The SOAPAction of calls that are forwarded, by which an upstream may know them."""

_HEADERS = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": '"urn:vim25/8.0.3.0"'}
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    '<soapenv:Body><{method} xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
    "{arguments}</{method}></soapenv:Body></soapenv:Envelope>"
)
# The script puts a number in the place of the mark.
_HEADER = (
    b'<soapenv:Header><operationID xmlns="urn:vim25">bench-@NUMBER-@</operationID>'
    b"</soapenv:Header><soapenv:Body>"
)
_KEY = re.compile(rb"<key>([^<]+)</key>")
_NAME = re.compile(rb"<userName>([^<]+)</userName>")
_COOKIE = re.compile(rb'set-cookie: *(vmware_soap_session="?[^";\r]+"?)', re.IGNORECASE)

Start = Callable[[Path], AbstractContextManager[Child]]


def _envelope(method: str, **arguments: str) -> bytes:
    members = "".join(f"<{name}>{value}</{name}>" for name, value in arguments.items())
    return _ENVELOPE.format(method=method, arguments=members).encode()


def _login(name: str = "bench0") -> bytes:
    # vcsim takes any name and password; ours are those of a user that it knows.
    return _envelope("Login", userName=name, password=populate.PASSWORD)


def login(server: Child, folder: Path) -> Way:
    """SOAP logins of one user, whose credential is soon verified."""
    return _way(server, folder / f"{server.process.pid}-login", _login(), _HEADERS)


def logged_in(server: Child, name: str = "bench0") -> tuple[dict[str, str], str, str]:
    """The headers of a new session of a user, its key, and the user's name as the reply has it."""
    asked = post(server.url, PATH, _HEADERS, _login(name))
    [(head, body)] = send(server.url, asked, 1, within=10)
    cookie, key, user = _COOKIE.search(head), _KEY.search(body), _NAME.search(body)
    if cookie is None or key is None or user is None:
        raise NotMeasured("a SOAP login did not give a session")
    return {**_HEADERS, "Cookie": cookie[1].decode()}, key[1].decode(), user[1].decode()


def is_active(server: Child, folder: Path) -> Way:
    """SessionIsActive of a session about itself."""
    headers, key, name = logged_in(server)
    asked = _envelope("SessionIsActive", sessionID=key, userName=name)
    if b"<returnval>true</returnval>" not in _answer(server, headers, asked):
        raise NotMeasured("SessionIsActive did not say that the session is active")
    return _way(server, folder / f"{server.process.pid}-active", asked, headers)


def time_there(server: Child, folder: Path, headers: dict[str, str]) -> Way:
    """CurrentTime by a session, with the SOAPAction of what is measured."""
    headers = {**headers, "SOAPAction": MEASURED}
    asked = _envelope("CurrentTime").replace(b"SessionManager", b"ServiceInstance")
    if b"CurrentTimeResponse" not in _answer(server, headers, asked):
        raise NotMeasured("CurrentTime did not say what time it is")
    return _way(server, folder / f"{server.process.pid}-time", asked, headers)


def _answer(server: Child, headers: dict[str, str], asked: bytes) -> bytes:
    [(_, answer)] = send(server.url, post(server.url, PATH, headers, asked), 1, within=10)
    return answer


def _way(server: Child, stem: Path, body: bytes, headers: dict[str, str]) -> Way:
    body_file, header_file = stem.with_suffix(".xml"), stem.with_suffix(".headers")
    body_file.write_bytes(body)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    header_file.write_text("\n".join(lines), encoding="ascii")
    environ = {"BENCH_BODY": str(body_file), "BENCH_HEADERS": str(header_file)}
    return Way(server, PATH, "post.lua", environ)


@contextmanager
def _both(folder: Path, number: int = 0, *, tls: bool = False) -> Iterator[tuple[Child, Child]]:
    """Our server and vcsim, both freshly started."""
    data_dir = folder / f"server{number}"
    populate.write_users(data_dir, 1)
    with sessiongate(data_dir, tls=tls) as ours, vcsim(folder, tls=tls) as theirs:
        yield ours, theirs


def _checks(bench: Bench) -> Iterator[Measured]:
    for scheme in ("http", "https"):
        with scratch() as folder, _both(folder, tls=scheme == "https") as servers:
            ways = [is_active(server, folder) for server in servers]
            found = compare(bench, *ways)
        yield Measured.of(f"{scheme}-cpu", cpu_ratios(found, 0, 1), rates(found, 0, 1))
        yield Measured.of(scheme, rate_ratios(found, 0, 1))
        ours, theirs = (median(loads[way].p99 for loads in found) for way in (0, 1))
        note = f"{ours:.2f} ms against {theirs:.2f} ms"
        yield Measured.of(f"{scheme}-p99", p99_ratios(found, 0, 1), note)


def _fresh(bench: Bench) -> Iterator[Measured]:
    """Requests that no server has seen before: each has an operation's id of its own."""
    with scratch() as folder, _both(folder) as servers:
        ways = []
        for server in servers:
            way = is_active(server, folder)
            environ = dict(way.environ or {})
            body = Path(environ["BENCH_BODY"])
            body.write_bytes(body.read_bytes().replace(b"<soapenv:Body>", _HEADER, 1))
            ways.append(way)
        found = compare(bench, *ways)
    yield Measured.of("new-cpu", cpu_ratios(found, 0, 1), rates(found, 0, 1))
    yield Measured.of("new", rate_ratios(found, 0, 1))


def _different(bench: Bench) -> Iterator[Measured]:
    """Requests of many sessions and users, each with an operation's id: nothing was read before."""
    with scratch() as folder:
        data_dir = folder / "server"
        populate.write_users(data_dir, USERS)
        with sessiongate(data_dir) as ours, vcsim(folder, tls=False) as theirs:
            found = compare(bench, *(_by_many(server, folder) for server in (ours, theirs)))
    yield Measured.of("different", cpu_ratios(found, 0, 1), rates(found, 0, 1))


def _by_many(server: Child, folder: Path) -> Way:
    """SessionIsActive of each of many sessions about itself."""
    lines = []
    for number in range(SESSIONS):
        headers, key, name = logged_in(server, f"bench{number % USERS}")
        lines.append(f"{headers['Cookie']}\t{key}\t{name}")
    each = folder / f"{server.process.pid}-each"
    each.write_text("\n".join(lines), encoding="utf-8")
    asked = _envelope("SessionIsActive", sessionID="@KEY@", userName="@USER@")
    asked = asked.replace(b"<soapenv:Body>", _HEADER, 1)
    way = _way(server, folder / f"{server.process.pid}-different", asked, _HEADERS)
    return replace(way, environ={**(way.environ or {}), "BENCH_EACH": str(each)})


def _logins(bench: Bench) -> Iterator[Measured]:
    found: list[list[Load]] = []
    with scratch() as folder:
        for number in range(1 if bench.quick else 5):
            # Fresh ones each time: vcsim grows slower with every login.
            with _both(folder, number) as servers:
                ways = [login(server, folder) for server in servers]
                if number % 2:
                    ways.reverse()
                loads = [way.run(2) for way in ways]
                found.append(loads[::-1] if number % 2 else loads)
    yield Measured.of("login", cpu_ratios(found, 0, 1), rates(found, 0, 1))


def _after_logins(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder, _both(folder) as servers:
        for server in servers:
            _log_in(login(server, folder))
        ways = [is_active(server, folder) for server in servers]
        # Long slices: vcsim answers some twenty times a second now.
        found = [[way.run(5) for way in ways] for _ in range(3)]
    yield Measured.of("after", rate_ratios(found, 0, 1), rates(found, 0, 1))


def _log_in(way: Way) -> None:
    """At least LOGINS of them, in at most a minute."""
    done = 0.0
    for turn in count():
        if done >= LOGINS:
            return
        if turn == 30:
            raise NotMeasured(f"only {done:,.0f} of {LOGINS:,} logins in a minute")
        done += way.run(2).rate * 2


PARTS = (
    Part(
        "soap",
        (
            Target("http-cpu", "SOAP SessionIsActive, same bytes", "vcsim, fresh, CPU", ">=", 2),
            Target("http", "the same", "its rate", ">=", 1.2),
            Target("http-p99", "its p99", "vcsim's", "<=", 0.4),
            Target("https-cpu", "the same over HTTPS", "vcsim, fresh, CPU", ">=", 1.6),
            Target("https", "the same", "its rate", ">=", 1.0),
            Target("https-p99", "its p99", "vcsim's", "<=", 0.4),
        ),
        _checks,
    ),
    Part(
        "soap-new",
        (
            Target("new-cpu", "each with its own operationID", "vcsim, fresh, CPU", ">=", 1.5),
            Target("new", "the same", "its rate", ">=", 0.85),
        ),
        _fresh,
    ),
    Part(
        "soap-different",
        (
            Target(
                "different",
                "session, user and operationID all different",
                "vcsim, fresh, CPU",
                ">=",
                1.0,
            ),
        ),
        _different,
    ),
    Part(
        "soap-login",
        (
            Target(
                "login",
                "SOAP Login, durable and audited",
                "vcsim's, which checks and keeps nothing, CPU",
                ">=",
                0.55,
            ),
        ),
        _logins,
    ),
    Part(
        "soap-crowd",
        (
            Target(
                "after",
                "SOAP SessionIsActive after 30 k logins",
                "vcsim after 30 k",
                ">=",
                300,
            ),
        ),
        _after_logins,
        whole_run_only=True,
    ),
)
