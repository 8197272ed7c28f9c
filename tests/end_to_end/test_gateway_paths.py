"""Every path that clients send, told to a vCenter directly and through a gateway: the same answers.

What is ours, and what is refused, is in the table with its reason. The vCenters are the simulator
and another sessiongate, each with what the other has not.
"""

import http.client
import json
import re
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from sessiongate.wire.vim import wsdl
from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Client, Reply, Server
from tests.end_to_end.test_gateway import BOSS, SERVICE, callers_gate, shared_gate, upstream
from tests.end_to_end.test_gateway_rest import before_simulator
from tests.end_to_end.vim_soap import SoapClient, envelope
from tests.peers.simulator import simulator
from tests.until import PATIENCE

__all__ = ["upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

NAME = envelope("Fetch", "Folder", "group-d1", "<prop>name</prop>")
CONTENT = envelope("RetrieveServiceContent", "ServiceInstance", "ServiceInstance")
XML = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": "urn:vim25/8.0.2.0"}
JSON = {"Content-Type": "application/json"}
FILE = "/folder/paths.bin?dcPath=DC0&dsName=LocalDS_0"
CATEGORIES = "/rest/com/vmware/cis/tagging/category"


class Simulator:
    """The simulator, asked as a server is."""

    def __init__(self, port: int) -> None:
        self._port = port

    def request(self, verb: str, path: str, headers: Any = (), body: Any = None) -> Reply:
        context = ssl._create_unverified_context()
        with closing(
            http.client.HTTPSConnection("127.0.0.1", self._port, timeout=PATIENCE, context=context)
        ) as connection:
            return Client(connection).request(verb, path, headers, body)


@dataclass
class Side:
    """Sessions of one person at a server, for SOAP and for the Automation API."""

    server: Any
    person: tuple[str, str]
    soap: SoapClient = field(init=False)
    rest: str = ""

    def __post_init__(self) -> None:
        self.soap = SoapClient.login(self.server, self.person)
        reply = self.server.request(
            "POST", "/rest/com/vmware/cis/session", {"Authorization": basic(*self.person)}
        )
        assert reply.status == 200, reply
        self.rest = reply.json()["value"]

    def ask(self, row: "Row") -> Reply:
        headers = dict(row.headers)
        if row.by == "cookie":
            headers["Cookie"] = self.soap.cookie
        elif row.by == "rest":
            headers["vmware-api-session-id"] = self.rest
        elif row.by == "vi-json":
            headers["vmware-api-session-id"] = self.soap.cookie.partition("=")[2].strip('"')
        body = row.body
        if isinstance(body, dict):
            body = json.dumps(body).replace("TOKEN", self.rest)
        reply: Reply = self.server.request(row.verb, row.path, headers, body)
        return reply


class Row(NamedTuple):
    """A request. `ours`: the answer is the gateway's own, of the same status."""

    verb: str
    path: str
    by: str = ""
    headers: Mapping[str, str] = {}
    body: Any = None
    ours: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.path} {self.by}".rstrip()


def of_service(method: str, kind: str, namespace: str) -> str:
    return envelope(method, kind, "ServiceInstance").replace("urn:vim25", f"urn:{namespace}")


def rpc(service: str, operation: str) -> dict[str, Any]:
    """What the VCF SDK sends; the session stands in it, too."""
    security = {"schemeId": "com.vmware.vapi.std.security.session_id", "sessionId": "TOKEN"}
    params = {
        "serviceId": service,
        "operationId": operation,
        "input": {"STRUCTURE": {"operation-input": {}}},
        "ctx": {"appCtx": {}, "securityCtx": security},
    }
    return {"jsonrpc": "2.0", "method": "invoke", "id": "1", "params": params}


DENIED = ("/lookupservice/sdk", "/sts/STSService", "/sso-adminserver/sdk", "/eam/sdk")
ROWS = (
    Row("GET", "/sdk/vimServiceVersions.xml"),
    Row("POST", "/sdk", "", XML, CONTENT),
    Row("POST", "/sdk", "cookie", XML, NAME),
    Row("POST", "/sdk", "", XML, NAME, ours=True),
    Row("POST", "/sdk/", "cookie", XML, NAME),
    Row("POST", "/sdk/vimService", "cookie", XML, NAME),
    Row("POST", "/sdk/webService", "cookie", XML, NAME),
    *(Row("GET", path) for path in wsdl.VENDORS),
    Row("POST", wsdl.SERVICE, "cookie", XML, NAME),
    Row("GET", "/sdk/vim25/8.0.2.0/Folder/group-d1/name", "vi-json"),
    Row("GET", "/sdk/vim25/8.0.2.0/Folder/group%2dd1/name", "vi-json"),
    Row("GET", "/sdk/vsanServiceVersions.xml"),
    Row("POST", "/vsanHealth", "cookie", XML, of_service("VsanQuery", "VsanSystem", "vsan")),
    Row("POST", "/pbm", "cookie", XML, of_service("PbmRetrieveServiceContent", "P", "pbm")),
    Row("POST", "/vslm/sdk", "cookie", XML, of_service("RetrieveContent", "V", "vslm")),
    Row("POST", "/sms/sdk", "cookie", XML, of_service("QueryAboutInfo", "S", "sms")),
    *(Row("GET", path, "cookie", ours=True) for path in ("/mob", "/ui")),
    *(Row("POST", path, "cookie", XML, NAME, ours=True) for path in DENIED),
    Row("GET", "/rest/com/vmware/cis/session", "rest", ours=True),
    Row("POST", "/rest/com/vmware/cis/session?~action=get", "rest", ours=True),
    Row("GET", CATEGORIES, "rest"),
    Row("GET", CATEGORIES, ours=True),
    Row("GET", "/api/cis/tagging/category", "rest"),
    Row("GET", "/api/vcenter/vm", "rest"),
    Row("GET", "/rest/vcenter/vm", "rest"),
    Row("POST", "/api", "", JSON, rpc("com.vmware.cis.session", "get"), ours=True),
    Row("POST", "/api", "", JSON, rpc("com.vmware.cis.tagging.category", "list")),
    Row("PUT", FILE, "cookie", {}, b"abcdefghij"),
    Row("GET", FILE, "cookie"),
    Row("HEAD", FILE, "cookie"),
    Row("GET", FILE, "cookie", {"Range": "bytes=2-4"}),
    Row("GET", FILE, "cookie", {"Range": "bytes=10-"}),
    Row("DELETE", FILE, "cookie"),
    Row("GET", FILE, "cookie"),
    Row("GET", "/nfc/no-such-ticket/disk-0.vmdk"),
    Row("GET", "/guestFile?id=1&token=none"),
    Row("GET", "/screen?id=vm-1", "cookie"),
    Row("GET", "/cls/data/none/file"),
    Row("GET", "/ticket/none", "", {"Upgrade": "websocket", "Connection": "Upgrade"}, ours=True),
)

ENCODED = "GET /sdk/vim25/8.0.2.0/Folder/group%2dd1/name vi-json"
INTENDED = {
    # A letter that need not be encoded is refused: it could be read in two ways.
    ENCODED: (200, 500),
}
"""Statuses that differ: the vCenter's, and the gateway's."""
BEFORE_SIMULATOR = {
    # Clients in the field write it, so that it means `/sdk` everywhere.
    "POST /sdk/ cookie": (404, 200),
    "POST /sdk/vimService.wsdl cookie": (404, 200),
    # The simulator has no VI/JSON. Through a gateway the fault says so.
    "GET /sdk/vim25/8.0.2.0/Folder/group-d1/name vi-json": (404, 500),
    ENCODED: (404, 500),
}

_CHANGING = (
    (re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), b"KEY"),
    (re.compile(rb"127\.0\.0\.1:[0-9]+"), b"ADDRESS"),
)


def plain(reply: Reply) -> tuple[int, str | None, str | None, bytes]:
    """What two answers that are the same have in common."""
    body = reply.body
    for form, word in _CHANGING:
        body = form.sub(word, body)
    return reply.status, reply.header("content-type"), reply.header("content-range"), body


def compare(direct: Side, through: Side, intended: Mapping[str, tuple[int, int]]) -> str:
    """The rows of which the answers differ, and are not meant to."""
    wrong: list[str] = []
    for row in ROWS:
        theirs, said = direct.ask(row), through.ask(row)
        statuses = theirs.status, said.status
        if statuses == intended.get(str(row), (0, 0)):
            continue
        # That a file or a part of it is not there is told in our own words, too.
        same = row.ours or statuses in ((404, 404), (416, 416)) or plain(theirs) == plain(said)
        if theirs.status != said.status or not same:
            wrong.append(f"{row}: {plain(theirs)} but {plain(said)}")
    return "\n".join(wrong)


@pytest.mark.peer
def test_every_path_is_answered_as_the_simulator_does(make_server: MakeServer) -> None:
    with simulator(*SERVICE, "inventory") as port:
        gate = make_server(settings=before_simulator(port))
        at = Simulator(port)
        assert compare(Side(at, SERVICE), Side(gate, ADMIN), BEFORE_SIMULATOR) == ""


@pytest.mark.parametrize("mode", ["session", "shared"])
def test_every_path_is_answered_as_a_strict_vcenter_does(
    mode: str, upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream, f'mode = "{mode}"'))
    assert compare(Side(upstream, SERVICE), Side(gate, ADMIN), INTENDED) == ""


def test_every_path_is_answered_as_for_the_caller_itself(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    assert compare(Side(upstream, BOSS), Side(gate, BOSS), INTENDED) == ""
