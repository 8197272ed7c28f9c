"""The operations listener of a real server: its address, what it answers, and who cannot reach it.

Request ids too: what a client calls its request stands in our log lines and in the reply.
"""

import http.client
import json
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sessiongate.config import load
from sessiongate.config.addresses import is_loopback
from tests.basic import basic
from tests.each import each
from tests.end_to_end.serving import (
    ADMIN,
    OPERATOR,
    USER,
    Client,
    Headers,
    Reply,
    Server,
    run_command,
    vim,
    with_people,
)
from tests.peers import redis
from tests.peers.ports import usual_operations_port
from tests.security.dialects import DIALECTS, Dialect, each_dialect, over_dialects
from tests.telemetry.families import everything, read, value
from tests.until import PATIENCE, wait_until

MakeServer = Callable[..., Server]

SETTINGS = '[admin]\nlisten = "127.0.0.1:0"\n'
FLAGS = ("--listen", "127.0.0.1:0")
# Published where the store is Redis.
OF_REDIS = {
    *("sessiongate_store_cache_hits_total", "sessiongate_store_cache_misses_total"),
    *("sessiongate_store_losses_total", "sessiongate_store_partial_losses_total"),
}
# Published once the store was looked at, which nobody waits for.
LATER = {"sessiongate_store_doubts"}
# Published where there is an upstream.
OF_A_GATEWAY = {
    name
    for name in everything()
    if name.startswith(
        (
            *("sessiongate_forward", "sessiongate_pool_", "sessiongate_upstream_"),
            "sessiongate_clone_tickets_",
        )
    )
}
PATHS = ("/healthz", "/readyz", "/metrics")


def address_of(server: Server) -> str:
    """Where the start-up output says that operations are."""
    (said,) = [line for line in server.out.lines if line.startswith("Operations on ")]
    return said.removeprefix("Operations on ")


def ask(
    server: Server, path: str, verb: str = "GET", headers: Headers = (), *, worker: int = 0
) -> Reply:
    """A request to the operations listener, of this worker where there are several."""
    scheme, _, address = address_of(server).split(", ")[worker].partition("://")
    assert scheme == "http"
    host, _, port = address.rpartition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=PATIENCE)) as connection:
        return Client(connection).request(verb, path, headers)


def line_of(server: Server, event: str, user: str) -> Any:
    """The log line of this event about this user."""

    def found(lines: list[str]) -> list[Any]:
        read = (json.loads(line) for line in lines)
        return [line for line in read if (line["event"], line.get("user")) == (event, user)]

    assert server.log.wait_for(lambda lines: bool(found(lines)))
    return found(server.log.lines)[-1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an operations listener on a port of its own. Nobody may stop it."""
    folder = tmp_path_factory.mktemp("operations") / "data"
    with with_people(folder, settings=SETTINGS, flags=FLAGS) as server:
        yield server
        server.stop()


# A store that goes away and comes back


def cache_hits(server: Server) -> float:
    families = read(ask(server, "/metrics").body)
    return value(families, "sessiongate_store_cache_hits_total")


@pytest.mark.peer
@pytest.mark.skipif(bool(redis.missing()), reason=redis.missing() or "-")
def test_a_server_is_alive_and_not_ready_while_its_store_is_away(
    make_server: MakeServer, tmp_path: Path
) -> None:
    with redis.Redis(tmp_path / "redis") as store:
        settings = f'{SETTINGS}[store]\nurl = "{store.url}"\ncache = true\ntimeout = "1s"\n'
        server = make_server(settings=settings, flags=FLAGS)
        token = server.vim_token(USER)
        # Where the machine is busy, what the cache has is at times too old to be said.
        wait_until(lambda: server.is_alive(token) and cache_hits(server) >= 1)
        assert ask(server, "/readyz").status == 200
        families = read(ask(server, "/metrics").body)
        assert families.keys() >= OF_REDIS
        assert value(families, "sessiongate_sessions_live") == 1
        store.kill()
        assert ask(server, "/readyz").status == 503
        assert ask(server, "/healthz").status == 200
        families = read(ask(server, "/metrics").body)
        assert "sessiongate_sessions_live" not in families
        assert value(families, "sessiongate_store_errors_total", operation="count") >= 1
        store.start()
        store.until(lambda: ask(server, "/readyz").status == 200)
        assert server.is_alive(token)
        families = read(ask(server, "/metrics").body)
        assert value(families, "sessiongate_sessions_live") == 1
        server.stop()


# The address


def test_port_0_takes_a_free_one_and_says_which(running: Server) -> None:
    host, _, port = address_of(running).removeprefix("http://").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert int(port) != running.port
    assert ask(running, "/healthz").json() == {"status": "ok"}
    assert ask(running, "/readyz").json() == {"status": "ok"}


def test_sec_72_the_admin_listener_is_its_own_and_on_loopback_by_default() -> None:
    settings = load(environ={})
    default = settings.admin.listen
    assert default is not None
    assert is_loopback(default.host)
    assert default not in settings.server.listen


def test_a_second_server_whose_default_address_is_taken_serves_all_the_same(
    make_server: MakeServer,
) -> None:
    with usual_operations_port():
        server = make_server(operations=True)
    assert "Operations on" not in server.out.text
    assert server.log.wait_for(lambda lines: any("no operations listener" in one for one in lines))
    assert server.vim_token(ADMIN)
    server.stop()


def test_an_address_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_command(
            "serve",
            *("--data-dir", str(tmp_path / "data"), *FLAGS),
            environ={"SESSIONGATE_ADMIN__LISTEN": address},
        )
    assert done.code == 2
    assert f"admin.listen: {address} cannot be had" in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_it_may_be_a_unix_socket(make_server: MakeServer, tmp_path: Path) -> None:
    path = tmp_path / "ops.sock"
    server = make_server(settings=f'[admin]\nlisten = "unix:{path}"\n', flags=FLAGS)
    assert address_of(server) == f"unix:{path}"
    with server.connected_locally(str(path)) as client:
        assert client.request("GET", "/readyz").status == 200
    server.stop()
    assert not path.exists()


@pytest.mark.slow
def test_what_leaves_the_machine_is_encrypted(make_server: MakeServer) -> None:
    server = make_server(settings='[admin]\nlisten = "0.0.0.0:0"\n', flags=FLAGS)
    assert address_of(server).startswith("https://0.0.0.0:")
    port = int(address_of(server).rpartition(":")[2])
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=server.tls())
    with closing(connection):
        assert Client(connection).request("GET", "/healthz").status == 200
    server.stop()


# What it answers


def test_every_metric_is_there_and_none_holds_a_secret(running: Server) -> None:
    """Also requirement 18's labels: what clients sent is looked for in all that is published."""
    secrets = [USER[1], "Canary-wrong-password", "canary-user", "canary-agent"]
    for dialect in DIALECTS:
        token = dialect.token(running, USER)
        secrets.append(token)
        assert dialect.is_alive(running, token)
        wrong = (f"canary-user-{dialect}", "Canary-wrong-password")
        dialect.login(running, *wrong, {"User-Agent": "canary-agent"})
        assert dialect.worked(dialect.logout(running, dialect.carry(token)))
    kept = running.zerto_token(ADMIN)
    reply = ask(running, "/metrics")
    families = read(reply.body)
    assert families.keys() | LATER == everything().keys() - OF_REDIS - OF_A_GATEWAY
    assert value(families, "sessiongate_sessions_live") >= 1
    assert value(families, "sessiongate_session_ends_total", reason="logout") >= len(DIALECTS)
    for name in ("zerto", "vi-json", "soap", "rest", "vapi-rpc"):
        for result in ("ok", "refused"):
            assert value(families, "sessiongate_logins_total", dialect=name, result=result) >= 1
        assert value(families, "sessiongate_login_seconds_count", dialect=name) >= 2
    assert value(families, "sessiongate_requests_total", dialect="zerto", status="401") >= 1
    assert value(families, "sessiongate_store_seconds_count", operation="use") >= len(DIALECTS)
    assert value(families, "sessiongate_store_errors_total", operation="use") == 0
    for secret in (*secrets, kept):
        assert secret.encode() not in reply.body


def test_sec_18_no_label_holds_what_a_client_sent(running: Server) -> None:
    canary = "canary-of-labels"
    running.zerto_login(canary, canary)
    running.request("GET", f"/{canary}?{canary}", {"User-Agent": canary, "X-Request-Id": canary})
    running.request("GET", "/v1/session", {"x-zerto-session": canary, "Cookie": f"a={canary}"})
    running.vim_login(canary, canary, locale=canary)
    assert line_of(running, "login refused", canary)
    assert canary.encode() not in ask(running, "/metrics").body


def test_what_never_became_a_request_is_counted(running: Server) -> None:
    def counted(cause: str) -> float:
        families = read(ask(running, "/metrics").body)
        return value(families, "sessiongate_refused_requests_total", cause=cause)

    for data, cause in (
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "malformed_host"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", "body_too_large"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", "head_too_large"),
    ):
        before = counted(cause)
        assert running.raw(data).startswith(b"HTTP/1.1 4")
        assert counted(cause) == before + 1


@pytest.mark.slow
def test_sec_70_an_audit_that_cannot_be_written_is_counted(make_server: MakeServer) -> None:
    server = make_server(settings=SETTINGS, flags=FLAGS, file_limit=104 * 1024)

    def failed() -> float:
        families = read(ask(server, "/metrics").body)
        return value(families, "sessiongate_store_errors_total", operation="audit")

    assert failed() == 0
    for _ in range(2000):
        if server.vim_login(*USER).status != 200 and failed() > 0:
            break  # the last of the room may still have held the event of a refused login
    before = failed()
    assert before >= 1
    server.zerto_login(USER[0], "wrong")
    assert failed() == before + 1


@pytest.mark.parametrize("path", PATHS)
def test_only_reading(path: str, running: Server) -> None:
    assert ask(running, path, "HEAD").status == 200
    assert ask(running, path, "HEAD").body == b""
    for verb in ("POST", "DELETE", "PUT", "OPTIONS"):
        refused = ask(running, path, verb)
        assert (refused.status, refused.header("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", PATHS)
def test_sec_36_health_lives_on_a_listener_of_its_own(path: str, running: Server) -> None:
    for verb in ("GET", "HEAD", "POST"):
        assert running.request(verb, path).status == 404
    token = running.zerto_token(ADMIN)
    assert running.request("GET", path, {"x-zerto-session": token}).status == 404


@over_dialects
def test_sec_72_no_dialect_answers_on_the_admin_listener(dialect: Dialect, running: Server) -> None:
    token = dialect.token(running, OPERATOR)
    for headers in (dialect.carry(token), {"Authorization": basic(*OPERATOR)}):
        for verb in ("GET", "POST", "DELETE"):
            assert ask(running, dialect.path, verb, headers).status == 404
    assert ask(running, "/docs").status == 404
    assert dialect.is_alive(running, token)


# 36: nothing gets around a check

PROBES = ("kube-probe/1.29", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Prometheus/2.53", "")


@each_dialect
@each("agent", PROBES)
def test_sec_36_no_user_agent_gets_around_a_check(
    agent: str, dialect: Dialect, running: Server
) -> None:
    bare = dialect.check(running, {})
    probed = dialect.check(running, {"User-Agent": agent})
    assert not dialect.worked(probed)
    assert (probed.status, probed.body) == (bare.status, bare.body)
    if dialect.name in ("zerto", "api", "rest"):
        assert probed.status == 401


SUFFIXES = (
    "/healthz",
    "/readyz",
    "/metrics",
    "%23",
    "%23/healthz",
    "#/healthz",
    "?/healthz",
    "?healthz",
    ";healthz",
    ";.css",
    ".css",
    "%00",
    "%2e%2e/healthz",
    "/../../healthz",
    "/..;/healthz",
    "//",
    "?a=/docs/",
)


@each("suffix", SUFFIXES)
@each(
    ("verb", "path"),
    [
        ("GET", "/v1/serverDateTime"),
        ("DELETE", "/v1/session"),
        ("GET", "/api/session"),
        ("GET", "/rest/com/vmware/cis/session"),
        ("GET", vim("sessionList")),
        ("POST", vim("ServiceInstance/ServiceInstance/CurrentTime")),
    ],
)
def test_sec_36_no_suffix_fragment_or_query_gets_around_a_check(
    verb: str, path: str, suffix: str, running: Server
) -> None:
    headers = {"User-Agent": "kube-probe/1.29"}
    plain = running.request(verb, path, headers)
    reply = running.request(verb, path + suffix, headers)
    assert reply.status >= 400
    assert plain.status in (401, 500)  # 500 is NotAuthenticated, as VI/JSON tells it


# Request ids


@each("header", ["X-Request-Id", "vapi-ctx-opid"])
@each_dialect
def test_the_id_of_a_request_comes_back_and_is_in_the_log(
    dialect: Dialect, header: str, running: Server
) -> None:
    name, identity = f"nobody-{dialect}-{header}", f"{dialect}:{header}:1"
    reply = dialect.login(running, name, "wrong", {header: identity})
    assert reply.header("x-request-id") == identity
    assert line_of(running, "login refused", name)["request_id"] == identity


def test_soap_names_its_requests_in_the_envelope(running: Server) -> None:
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        "<soapenv:Header><operationID>esxcli-7a-3</operationID></soapenv:Header><soapenv:Body>"
        '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
        "<userName>nobody-soap-id</userName><password>wrong</password></Login>"
        "</soapenv:Body></soapenv:Envelope>"
    )
    assert running.request("POST", "/sdk", {"SOAPAction": '"urn:vim25/8.0.2.0"'}, body).status
    line = line_of(running, "login refused", "nobody-soap-id")
    assert line["request_id"] == "esxcli-7a-3"


@pytest.mark.parametrize("identity", ["a b", "x" * 129, "é", '"', "{}"])
def test_an_id_that_could_do_harm_is_replaced(identity: str, running: Server) -> None:
    name = f"nobody-{len(identity)}-{ord(identity[0])}"
    headers = {"X-Request-Id": identity, "Authorization": basic(name, "wrong")}
    reply = running.request("POST", "/v1/session/add", headers)
    assert reply.header("x-request-id") is None
    made = line_of(running, "login refused", name)["request_id"]
    assert made.isalnum()
    assert len(made) == 16


def test_lines_of_one_request_share_an_id_and_no_other_has_it(running: Server) -> None:
    for number in range(3):
        running.zerto_login(f"nobody-number-{number}", "wrong")
    ids = {
        line_of(running, "login refused", f"nobody-number-{number}")["request_id"]
        for number in range(3)
    }
    assert len(ids) == 3


# Backup, as docs/operations.md has it


@pytest.mark.slow
def test_a_backup_of_a_running_server_holds_its_sessions(
    make_server: MakeServer, tmp_path: Path
) -> None:
    """What `sqlite3 FILE .backup` does, by the same call of the library."""
    server = make_server()
    token = server.vim_token(USER)
    copy = tmp_path / "copy"
    shutil.copytree(server.data_dir, copy, ignore=shutil.ignore_patterns("*.db*", "*.sock"))
    with (
        closing(sqlite3.connect(server.data_dir / "sessiongate.db")) as source,
        closing(sqlite3.connect(copy / "sessiongate.db")) as target,
    ):
        source.backup(target)
    later = server.vim_token(USER)
    server.stop()
    with Server(copy) as restored:
        assert restored.is_alive(token)
        assert not restored.is_alive(later)
        restored.stop()
    assert run_command("audit", "verify", "--data-dir", str(copy)).code == 0
