"""Each dialect spoken by hand: a login, and a call that needs a session. As plain as can be."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from xml.etree import ElementTree

from sessiongate.testing import Gate
from tests.until import PATIENCE

_SOAP = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<{name} xmlns="urn:vim25"><_this type="{kind}">{kind}</_this>{arguments}</{name}>'
    "</soapenv:Body></soapenv:Envelope>"
)
_REALM = "/auth/realms/zerto/protocol/openid-connect"


@dataclass(frozen=True)
class Said:
    """A reply."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def fault(self) -> str:
        """The id of the rule that has touched it."""
        return self.headers.get("x-sessiongate-fault", "")


def ask(
    gate: Gate,
    verb: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Said:
    """One request by a connection of its own. Raises what http.client does where that breaks."""
    connection = HTTPConnection(gate.host, gate.port, timeout=PATIENCE)
    try:
        connection.request(verb, path, body, {"User-Agent": "speaker/1", **(headers or {})})
        reply: HTTPResponse = connection.getresponse()
        text = reply.read().decode()
        told = {name.lower(): value for name, value in reply.getheaders()}
        return Said(reply.status, told, text)
    finally:
        connection.close()


class Speaker:
    """A dialect: how one logs in, which token comes of it, and a call that needs it."""

    def login(self, gate: Gate, user: str = "ci") -> Said:
        """Try to log in."""
        raise NotImplementedError

    def token(self, said: Said) -> str:
        """The token in the reply to a login."""
        raise NotImplementedError

    def call(self, gate: Gate, token: str) -> Said:
        """A call that needs a session."""
        raise NotImplementedError

    def logged_in(self, gate: Gate, user: str = "ci") -> str:
        """The token of a login that succeeds."""
        said = self.login(gate, user)
        assert said.status in (200, 201), said
        return self.token(said)


def soap(
    gate: Gate, name: str, token: str = "", kind: str = "SessionManager", **arguments: str
) -> Said:
    """A SOAP call."""
    inside = "".join(f"<{key}>{value}</{key}>" for key, value in arguments.items())
    headers = {"Content-Type": "text/xml", "SOAPAction": "urn:vim25/8.0.3.0"}
    if token:
        headers["Cookie"] = f'vmware_soap_session="{token}"'
    return ask(gate, "POST", "/sdk", _SOAP.format(name=name, kind=kind, arguments=inside), headers)


def basic(gate: Gate, user: str) -> dict[str, str]:
    """The Basic credential of a user."""
    pair = f"{user}:{gate.users[user].password}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"}


class _Soap(Speaker):
    def login(self, gate: Gate, user: str = "ci") -> Said:
        return soap(gate, "Login", userName=user, password=gate.users[user].password)

    def token(self, said: Said) -> str:
        return said.headers["set-cookie"].split('"')[1]

    def call(self, gate: Gate, token: str) -> Said:
        return soap(gate, "AcquireCloneTicket", token)


def vi_json(gate: Gate, name: str, token: str = "", arguments: Any = None) -> Said:
    """A VI/JSON call of the session manager."""
    path = f"/sdk/vim25/8.0.3.0/SessionManager/SessionManager/{name}"
    headers = {"vmware-api-session-id": token} if token else {}
    body = json.dumps(arguments) if arguments is not None else None
    return ask(gate, "POST", path, body, headers)


class _ViJson(Speaker):
    def login(self, gate: Gate, user: str = "ci") -> Said:
        told = {"userName": user, "password": gate.users[user].password}
        return vi_json(gate, "Login", arguments=told)

    def token(self, said: Said) -> str:
        return said.headers["vmware-api-session-id"]

    def call(self, gate: Gate, token: str) -> Said:
        return vi_json(gate, "AcquireCloneTicket", token)


class _Api(Speaker):
    path, resource = "/api/session", "/api/vcenter/vm"

    def login(self, gate: Gate, user: str = "ci") -> Said:
        return ask(gate, "POST", self.path, None, basic(gate, user))

    def token(self, said: Said) -> str:
        found = json.loads(said.body)
        return str(found["value"] if isinstance(found, dict) else found)

    def call(self, gate: Gate, token: str) -> Said:
        return ask(gate, "GET", self.resource, None, {"vmware-api-session-id": token})


class _Rest(_Api):
    path, resource = "/rest/com/vmware/cis/session", "/rest/vcenter/vm"


class _Rpc(Speaker):
    def _ask(self, gate: Gate, service: str, operation: str, security: Mapping[str, str]) -> Said:
        call = {
            "jsonrpc": "2.0",
            "method": "invoke",
            "id": "0",
            "params": {
                "serviceId": service,
                "operationId": operation,
                "input": {"STRUCTURE": {"operation-input": {}}},
                "ctx": {"appCtx": {"opId": "1"}, "securityCtx": security},
            },
        }
        headers = {"Content-Type": "application/json"}
        return ask(gate, "POST", "/api", json.dumps(call), headers)

    def login(self, gate: Gate, user: str = "ci") -> Said:
        scheme = "com.vmware.vapi.std.security.user_pass"
        told = {"schemeId": scheme, "userName": user, "password": gate.users[user].password}
        return self._ask(gate, "com.vmware.cis.session", "create", told)

    def token(self, said: Said) -> str:
        return str(json.loads(said.body)["result"]["output"]["SECRET"])

    def call(self, gate: Gate, token: str) -> Said:
        scheme = "com.vmware.vapi.std.security.session_id"
        told = {"schemeId": scheme, "sessionId": token}
        return self._ask(gate, "com.vmware.vcenter.VM", "list", told)


class _Zerto(Speaker):
    def login(self, gate: Gate, user: str = "ci") -> Said:
        return ask(gate, "POST", "/v1/session/add", None, basic(gate, user))

    def token(self, said: Said) -> str:
        return said.headers["x-zerto-session"]

    def call(self, gate: Gate, token: str) -> Said:
        return ask(gate, "GET", "/v1/localsite", None, {"x-zerto-session": token})


class _Appliance(Speaker):
    def login(self, gate: Gate, user: str = "ci") -> Said:
        body = (
            "grant_type=password&client_id=zerto-client&scope=openid"
            f"&username={user}&password={gate.users[user].password}"
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return ask(gate, "POST", f"{_REALM}/token", body, headers)

    def token(self, said: Said) -> str:
        return str(json.loads(said.body)["access_token"])

    def call(self, gate: Gate, token: str) -> Said:
        headers = {"Authorization": f"Bearer {token}"}
        return ask(gate, "GET", f"{_REALM}/userinfo", None, headers)


SPEAKERS: Mapping[str, Speaker] = {
    "soap": _Soap(),
    "vi-json": _ViJson(),
    "rest": _Api(),
    "rest-old": _Rest(),
    "vapi-rpc": _Rpc(),
    "zerto": _Zerto(),
    "zerto-appliance": _Appliance(),
}


def gist(said: Said) -> str:
    """What a reply says, in a word or two: its status, and what its body names as the error."""
    return f"{said.status} {_named(said)}".rstrip()


def _named(said: Said) -> str:
    if said.body.startswith("<"):
        tree = ElementTree.fromstring(said.body)
        detail = next((one for one in tree.iter() if one.tag.endswith("detail") and len(one)), None)
        return detail[0].tag.rpartition("}")[2].removesuffix("Fault") if detail is not None else ""
    try:
        found = json.loads(said.body)
    except ValueError:
        return said.body
    if not isinstance(found, dict):
        return ""
    if isinstance(found.get("result"), dict):
        found = found["result"].get("error") or {}
        return next((name.rpartition(".")[2] for name in found.get("ERROR", {})), "")
    value = found.get("value")
    inner = value if isinstance(value, dict) else found
    if said.status < 400:
        return ""
    for key in ("error_type", "_typeName", "error", "Message"):
        if key in inner:
            return str(inner[key])
    return said.body
