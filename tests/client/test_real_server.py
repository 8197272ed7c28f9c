"""The client against a real server: each dialect's whole life, and sessions that end meanwhile."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sessiongate.tls import certificates
from sessiongate_client import (
    ApplianceSession,
    LoginRefused,
    NotTrusted,
    Session,
    SessionError,
    VsphereSession,
    ZertoSession,
)
from sessiongate_client.requests import adapter
from tests.each import each
from tests.end_to_end.clients import present, run
from tests.end_to_end.serving import ADMIN, USER, Server, vim, with_people
from tests.house.sources import ROOT
from tests.peers.setup import PYVMOMI, interpreter
from tests.peers.simulator import simulator
from tests.until import PATIENCE

Make = Callable[..., Session]

USE = {
    "zerto": ("GET", "/v1/serverDateTime"),
    "vi-json": ("POST", vim("ServiceInstance/ServiceInstance/CurrentTime")),
}


def vsphere(dialect: str) -> Make:
    def make(*given: Any, **named: Any) -> Session:
        return VsphereSession(*given, dialect=dialect, **named)

    return make


DIALECTS: dict[str, Make] = {
    "zerto": ZertoSession,
    "appliance": ApplianceSession,
    "rest": vsphere("rest"),
    "vi-json": vsphere("vi-json"),
    "soap": vsphere("soap"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests here. Wrong passwords lock nobody out."""
    settings = "[lockout]\nattempts = 100000\n"
    folder = tmp_path_factory.mktemp("client") / "data"
    with with_people(folder, settings=settings) as running:
        yield running


def sessions(server: Server) -> list[dict[str, Any]]:
    """Those of the library."""
    listed: list[dict[str, Any]] = server.run("sessions", "list", "--output", "json").json()
    return [one for one in listed if "sessiongate-client" in json.dumps(one)]


def end(server: Server) -> None:
    """End them, as their idle limit or an administrator does."""
    keys = [str(one["key"]) for one in sessions(server)]
    assert server.run("sessions", "terminate", *keys).code == 0


@each(("name", "make"), DIALECTS.items(), ids=str)
def test_a_whole_life(server: Server, name: str, make: Make) -> None:
    before = len(sessions(server))
    with make(server.url, *ADMIN, ca=server.ca) as session:
        assert session.keep_alive() is False
        token = session.token
        assert len(sessions(server)) == before + 1
        assert session.keep_alive()
        if name in ("vi-json", "soap"):
            assert session.key in {one["key"] for one in sessions(server)}
        server_says = session.is_over(session.current(), session.url("/x"))
        assert server_says  # nothing is known against the address
        end(server)
        assert not session.keep_alive()
        assert session.instead_of(session.current()).token != token
        assert len(sessions(server)) == before + 1
    assert len(sessions(server)) == before


@each(("name", "make"), DIALECTS.items(), ids=str)
def test_a_refused_login_is_tried_once(server: Server, name: str, make: Make) -> None:
    session = make(server.url, ADMIN[0], "wrong password 1", ca=server.ca)
    before = server.log.text.count("login refused")
    for _ in range(3):
        with pytest.raises(LoginRefused):
            session.current()
    assert server.log.text.count("login refused") == before + 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "many"), [("zerto", 100), ("vi-json", 10)])
def test_a_hundred_threads_whose_session_ended_log_in_once(
    server: Server, name: str, many: int
) -> None:
    verb, path = USE[name]
    statuses: list[int] = []
    with DIALECTS[name](server.url, *USER, ca=server.ca) as session:
        session.current()
        end(server)
        opened = server.log.text.count('"session opened"')
        start = threading.Barrier(many)

        def use() -> None:
            start.wait(PATIENCE)
            answer = requests.request(
                verb, session.url(path), auth=session.auth, verify=session.ca, timeout=PATIENCE
            )
            statuses.append(answer.status_code)

        # All carry the dead session: each has it before the first one logs in anew.
        threads = [threading.Thread(target=use) for _ in range(many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert statuses == [200] * many
        assert server.log.text.count('"session opened"') == opened + 1
        assert len(sessions(server)) == 1


def test_sec_67_whom_it_believes(server: Server, tmp_path: Path) -> None:
    shown = next(line for line in server.out.lines if line.startswith("Certificate SHA-256"))
    fingerprint = shown.rpartition(" ")[2]
    with ZertoSession(server.url, *USER, fingerprint=fingerprint) as session:
        calls = requests.Session()
        with calls:
            calls.mount(session.url(), adapter(session))
            answer = calls.get(session.url("/v1/serverDateTime"), auth=session.auth)
            assert answer.status_code == 200
    wrong = ZertoSession(server.url, *USER, fingerprint="00" * 32)
    with pytest.raises(NotTrusted, match="another fingerprint"):
        wrong.current()
    with pytest.raises(NotTrusted, match=r"its CA \(ca, at a command --ca\), or .*--fingerprint"):
        ZertoSession(server.url, *USER).current()
    both = ZertoSession(server.url, *USER, ca=server.ca, fingerprint="00" * 32)
    with pytest.raises(NotTrusted, match="another fingerprint"):
        both.current()
    other = certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC)).ca
    theirs = ZertoSession(server.url, *USER, ca=other, fingerprint=fingerprint)
    with pytest.raises(NotTrusted, match="not trusted"):
        theirs.current()
    with ZertoSession(server.url, *USER, ca=server.ca, fingerprint=fingerprint) as session:
        assert session.token
    assert sessions(server) == []


def test_without_a_pin_requests_keeps_its_own_idea(server: Server) -> None:
    calls = requests.Session()
    with calls, ZertoSession(server.url, *USER, ca=server.ca) as session:
        calls.mount(session.url(), adapter(session))
        answer = calls.get(session.url("/v1/serverDateTime"), auth=session.auth)
        assert answer.status_code == 200


def test_what_may_not_be_asked_is_no_dead_session(server: Server) -> None:
    """SessionIsActive needs a privilege that few have: NoPermission, and the session lives."""
    with DIALECTS["vi-json"](server.url, *USER, ca=server.ca) as session:
        answer = requests.post(
            session.url(vim("SessionIsActive")),
            json={"sessionID": session.key, "userName": USER[0]},
            auth=session.auth,
            verify=session.ca,
        )
        assert answer.json()["_typeName"] == "NoPermission"
        assert answer.history == []
        assert len(sessions(server)) == 1


def test_an_access_token_is_renewed_within_its_session(server: Server) -> None:
    now = [0.0]
    make = ApplianceSession(server.url, *USER, ca=server.ca, clock=lambda: now[0])
    with make as session:
        first = session.token
        assert session.expires_at == 60.0
        now[0] = 54.9
        assert session.token == first
        now[0] = 55.0
        assert session.token != first
        assert len(sessions(server)) == 1


PYVMOMI_STORY = """
import json, sys
from sessiongate_client import VsphereSession
url, user, password, ca, dialect, logs_out = sys.argv[1:]
with VsphereSession(url, user, password, ca=ca, dialect=dialect or None) as session:
    service = session.pyvmomi()
    first = session.token
    told = [service.content.sessionManager.currentSession.userName]
    # Ended behind its back: the next call finds the session dead, and is sent once more.
    service.content.sessionManager.Logout()
    told.append(type(service.CurrentTime()).__name__)
    told.append(session.token != first)
print(json.dumps(told))
"""


PYVMOMI_IN_VAIN = """
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pyVmomi import vim
from sessiongate_client import VsphereSession
from sessiongate_client.pyvmomi import _stub_of
from sessiongate_client.wire import Opened

FAULT = b'''<?xml version="1.0"?><soapenv:Envelope
 xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>
<faultcode>ServerFaultCode</faultcode><faultstring>The session is not authenticated.</faultstring>
<detail><NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated">
<object type="Folder">group-d1</object><privilegeId>System.View</privilegeId>
</NotAuthenticatedFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>'''

class Refuses(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(FAULT)))
        self.end_headers()
        self.wfile.write(FAULT)

    def log_message(self, *_):
        pass

class Counted(VsphereSession):
    logins = 0

    def _logged_in(self):
        self.logins += 1
        return self._numbered(Opened(f"token-{self.logins}"), 0)

    def _lives(self, opened):
        return True

    def _end(self, opened, timeout=None):
        return None

server = HTTPServer(("127.0.0.1", 0), Refuses)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
session = Counted(f"http://127.0.0.1:{port}", "ci", "password", dialect="soap")
place = {"host": "127.0.0.1", "port": -port, "path": "/sdk", "sslContext": None}
service = vim.ServiceInstance("ServiceInstance", _stub_of(session, "vim.version.version9", place))
told = []
for _ in range(5):
    try:
        service.CurrentTime()
    except vim.fault.NotAuthenticated:
        told.append("refused")
told.append(session.logins)
print(json.dumps(told))
"""


@pytest.mark.peer
@pytest.mark.parametrize("version", PYVMOMI)
def test_a_method_that_is_always_refused_costs_pyvmomi_one_login(version: str) -> None:
    """As from a service behind a vCenter that has lost sight of sessions which live."""
    assert pyvmomi(version, story=PYVMOMI_IN_VAIN) == ["refused"] * 5 + [2]


def pyvmomi(version: str, *given: str, story: str = PYVMOMI_STORY) -> Any:
    python = present(interpreter(version))
    done = run(python, "-W", "ignore", "-c", story, *given, "1", folder=ROOT / "client")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.peer
@pytest.mark.parametrize("version", [PYVMOMI[0], PYVMOMI[-1]])
def test_pyvmomi_goes_on_where_its_session_ended(server: Server, version: str) -> None:
    for dialect in ("", "rest"):
        told = pyvmomi(version, server.url, *ADMIN, str(server.ca), dialect)
        assert told == [ADMIN[0], "datetime", True]
    assert sessions(server) == []


@pytest.mark.peer
def test_the_simulator_is_a_vcenter_too() -> None:
    with simulator("ci", "sim-pass-1") as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(NotTrusted):
            VsphereSession(url, "ci", "sim-pass-1").current()
        fingerprint = fingerprint_of(url)
        for dialect in ("rest", "soap"):  # it has no VI/JSON
            wrong = VsphereSession(url, "ci", "no", fingerprint=fingerprint, dialect=dialect)
            with pytest.raises(SessionError):
                wrong.current()
            make = VsphereSession(url, "ci", "sim-pass-1", fingerprint=fingerprint, dialect=dialect)
            with make as session:
                assert session.token
                assert session.keep_alive()
                opened = session.current()
            assert session.logout()
            assert not session._lives(opened)


def fingerprint_of(url: str) -> str:
    """What a server shows of itself, told by the error of a pin that is none."""
    with pytest.raises(NotTrusted) as told:
        VsphereSession(url, "u", "p", fingerprint="00" * 32).current()
    return str(told.value).rpartition(" ")[2]
