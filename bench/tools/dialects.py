"""What a client of each dialect sends to log in, check and log out, and what the replies mean."""

import json
import re
import time
from abc import ABC, abstractmethod
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from tools import populate


@dataclass(frozen=True)
class Request:
    """One request, without Host and Content-Length."""

    verb: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def written(self, host: str) -> bytes:
        """Its bytes."""
        lines = [f"{self.verb} {self.path} HTTP/1.1", f"Host: {host}"]
        if self.body or self.verb == "POST":
            lines.append(f"Content-Length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Reply:
    """One reply; the head as it came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, "" without it."""
        found = re.search(rb"^" + name.encode() + rb": *([^\r]*)", self.head, re.I | re.M)
        return found[1].decode() if found else ""


@dataclass
class Opened:
    """What a login gave: how to carry the session, and its key where the reply says it."""

    token: str
    key: str = ""
    refresh: str = ""
    fresh_until: float = 0.0
    """When to ask for a new access token, by time.monotonic; 0 without access tokens."""
    lasts: float = 0.0
    """Seconds for which a refresh token is good from its issue, however much it is used."""


class Dialect(ABC):
    """A client's side of one dialect."""

    name: str
    works = frozenset({200, 201, 204})

    @abstractmethod
    def login(self, user: str) -> Request:
        """Log this user in."""

    @abstractmethod
    def opened(self, reply: Reply) -> Opened:
        """What a login that worked gave."""

    @abstractmethod
    def check(self, opened: Opened) -> Request:
        """A call that every session may make, and nobody without one."""

    @abstractmethod
    def logout(self, opened: Opened) -> Request:
        """End the session."""

    def alive(self, reply: Reply) -> bool | None:
        """Whether the reply says that the session lives; None where it says something else."""
        if reply.status in self.works:
            return True
        return False if reply.status == 401 else None


def _basic(user: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", populate.basic(user)),)


class Zerto(Dialect):
    name = "zerto"

    def login(self, user: str) -> Request:
        return Request("POST", "/v1/session/add", _basic(user))

    def opened(self, reply: Reply) -> Opened:
        return Opened(reply.header("x-zerto-session"))

    def check(self, opened: Opened) -> Request:
        return Request("GET", "/v1/serverDateTime", (("x-zerto-session", opened.token),))

    def logout(self, opened: Opened) -> Request:
        return Request("DELETE", "/v1/session", (("x-zerto-session", opened.token),))


class Automation(Dialect):
    """/api and the older /rest."""

    def __init__(self, name: str, path: str) -> None:
        self.name, self._path = name, path

    def login(self, user: str) -> Request:
        return Request("POST", self._path, _basic(user))

    def opened(self, reply: Reply) -> Opened:
        said = json.loads(reply.body)
        return Opened(said if isinstance(said, str) else said["value"])

    def check(self, opened: Opened) -> Request:
        return Request("GET", self._path, (("vmware-api-session-id", opened.token),))

    def logout(self, opened: Opened) -> Request:
        return Request("DELETE", self._path, (("vmware-api-session-id", opened.token),))


class JsonRpc(Dialect):
    name = "json-rpc"

    def _call(self, operation: str, security: dict[str, str]) -> Request:
        scheme = "user_pass" if operation == "create" else "session_id"
        security = {"schemeId": f"com.vmware.vapi.std.security.{scheme}", **security}
        params = {
            "serviceId": "com.vmware.cis.session",
            "operationId": operation,
            "input": {"STRUCTURE": {"operation-input": {}}},
            "ctx": {"appCtx": {}, "securityCtx": security},
        }
        body = {"jsonrpc": "2.0", "method": "invoke", "id": "1", "params": params}
        headers = (("Content-Type", "application/json"),)
        return Request("POST", "/api", headers, json.dumps(body).encode())

    def login(self, user: str) -> Request:
        return self._call("create", {"userName": user, "password": populate.PASSWORD})

    def opened(self, reply: Reply) -> Opened:
        return Opened(json.loads(reply.body)["result"]["output"]["SECRET"])

    def check(self, opened: Opened) -> Request:
        return self._call("get", {"sessionId": opened.token})

    def logout(self, opened: Opened) -> Request:
        return self._call("delete", {"sessionId": opened.token})

    def alive(self, reply: Reply) -> bool | None:
        """Refusals come inside a 200."""
        if reply.status != 200:
            return None
        result = json.loads(reply.body).get("result", {})
        if "output" in result:
            return True
        refused = "com.vmware.vapi.std.errors.unauthenticated" in reply.body.decode()
        return False if refused else None


class Vim(Dialect):
    """What VI/JSON and SOAP have in common: a refusal is a fault in a 500."""

    def alive(self, reply: Reply) -> bool | None:
        if reply.status in self.works:
            return True
        refused = reply.status == 500 and b"NotAuthenticated" in reply.body
        return False if refused else None

    @abstractmethod
    def ticket(self, opened: Opened) -> Request:
        """Ask for a clone ticket."""

    @abstractmethod
    def ticket_of(self, reply: Reply) -> str:
        """The ticket."""

    @abstractmethod
    def clone(self, ticket: str) -> Request:
        """Open a session with it."""

    @abstractmethod
    def terminate(self, opened: Opened, keys: list[str]) -> Request:
        """End the sessions of these keys."""

    def used_up(self, reply: Reply) -> bool:
        """Whether the reply says that the ticket opens nothing."""
        return reply.status == 500 and b"InvalidLogin" in reply.body


class ViJson(Vim):
    name = "vi-json"

    def _call(self, member: str, opened: Opened | None, **arguments: object) -> Request:
        headers = (("vmware-api-session-id", opened.token),) if opened else ()
        return Request("POST", self.path(member), headers, json.dumps(arguments).encode())

    @staticmethod
    def path(member: str) -> str:
        """The path of a member of SessionManager, or of `Type/id/member`."""
        return f"/sdk/vim25/8.0.3.0/{member if '/' in member else 'SessionManager/' * 2 + member}"

    def login(self, user: str) -> Request:
        return self._call("Login", None, userName=user, password=populate.PASSWORD)

    def opened(self, reply: Reply) -> Opened:
        return Opened(reply.header("vmware-api-session-id"), json.loads(reply.body)["key"])

    def check(self, opened: Opened) -> Request:
        """Ours before an upstream, too, which may know no VI/JSON."""
        return self.current(opened)

    def alive(self, reply: Reply) -> bool | None:
        """Nobody's current session is null."""
        return False if (reply.status, reply.body) == (200, b"null") else super().alive(reply)

    def logout(self, opened: Opened) -> Request:
        return self._call("Logout", opened)

    def current(self, opened: Opened) -> Request:
        """Read the session of the caller."""
        headers = (("vmware-api-session-id", opened.token),)
        return Request("GET", self.path("currentSession"), headers)

    def ticket(self, opened: Opened) -> Request:
        return self._call("AcquireCloneTicket", opened)

    def ticket_of(self, reply: Reply) -> str:
        return str(json.loads(reply.body))

    def clone(self, ticket: str) -> Request:
        return self._call("CloneSession", None, cloneTicket=ticket)

    def terminate(self, opened: Opened, keys: list[str]) -> Request:
        return self._call("TerminateSession", opened, sessionId=keys)


class Soap(Vim):
    name = "soap"

    def _call(
        self, method: str, opened: Opened | None, *arguments: tuple[str, str], on: str = ""
    ) -> Request:
        on = on or "SessionManager"
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv='
            '"http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
            f'<{method} xmlns="urn:vim25"><_this type="{on}">{on}</_this>{inner}</{method}>'
            "</soapenv:Body></soapenv:Envelope>"
        )
        headers = [("Content-Type", "text/xml; charset=UTF-8")]
        headers.append(("SOAPAction", '"urn:vim25/8.0.3.0"'))
        if opened:
            headers.append(("Cookie", f'vmware_soap_session="{opened.token}"'))
        return Request("POST", "/sdk", tuple(headers), body.encode())

    def login(self, user: str) -> Request:
        return self._call("Login", None, ("userName", user), ("password", populate.PASSWORD))

    def opened(self, reply: Reply) -> Opened:
        token = re.match(r'vmware_soap_session="?([^";]+)', reply.header("set-cookie"))
        key = re.search(rb"<key>([^<]+)</key>", reply.body)
        return Opened(token[1] if token else "", key[1].decode() if key else "")

    def check(self, opened: Opened) -> Request:
        return self._call("CurrentTime", opened, on="ServiceInstance")

    def logout(self, opened: Opened) -> Request:
        return self._call("Logout", opened)

    def ticket(self, opened: Opened) -> Request:
        return self._call("AcquireCloneTicket", opened)

    def ticket_of(self, reply: Reply) -> str:
        found = re.search(rb"<returnval>([^<]+)</returnval>", reply.body)
        return found[1].decode() if found else ""

    def clone(self, ticket: str) -> Request:
        return self._call("CloneSession", None, ("cloneTicket", ticket))

    def terminate(self, opened: Opened, keys: list[str]) -> Request:
        return self._call("TerminateSession", opened, *(("sessionId", key) for key in keys))


class Appliance(Dialect):
    """Access and refresh tokens in Keycloak's form."""

    name = "appliance"
    _path = "/auth/realms/zerto/protocol/openid-connect/"

    def _post(self, what: str, **form: str) -> Request:
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        form = {"client_id": "zerto-client", **form}
        return Request("POST", self._path + what, headers, urlencode(form).encode())

    def login(self, user: str) -> Request:
        return self._post("token", grant_type="password", username=user, password=populate.PASSWORD)

    def opened(self, reply: Reply) -> Opened:
        said = json.loads(reply.body)
        claims = said["access_token"].split(".")[1]
        key = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]
        until = time.monotonic() + said["expires_in"] * 0.5
        lasts = said["refresh_expires_in"]
        return Opened(said["access_token"], key, said["refresh_token"], until, lasts)

    def check(self, opened: Opened) -> Request:
        return Request("GET", "/v1/serverDateTime", (("Authorization", f"Bearer {opened.token}"),))

    def refresh(self, opened: Opened) -> Request:
        """New tokens of the same session."""
        return self._post("token", grant_type="refresh_token", refresh_token=opened.refresh)

    def refreshed(self, reply: Reply) -> bool | None:
        """Whether the session lives, by the reply to a refresh."""
        if reply.status == 200:
            return True
        return False if reply.status == 400 and b"invalid_grant" in reply.body else None

    def logout(self, opened: Opened) -> Request:
        return self._post("logout", refresh_token=opened.refresh)


VI_JSON, SOAP, APPLIANCE = ViJson(), Soap(), Appliance()
VIM: tuple[Vim, ...] = (VI_JSON, SOAP)

# Those that carry the session's own token, so that each of them may use a session of any other.
DIRECT: tuple[Dialect, ...] = (
    Zerto(),
    VI_JSON,
    SOAP,
    Automation("api", "/api/session"),
    Automation("rest", "/rest/com/vmware/cis/session"),
    JsonRpc(),
)
ALL = (*DIRECT, APPLIANCE)
