"""Every dialect's way to log in, check, log out, list and terminate, for tests that run over all.

A dialect is one class here; `DIALECTS` is the one list that the security tests go through. The
operations send what a plain client sends and judge nothing: `worked` says whether a reply means
yes in its dialect.
"""

import json
import re
from abc import ABC, abstractmethod
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.serving import Body, Headers, Reply, vim

Carrier = Headers
NOTHING: Carrier = ()


def plus(headers: Carrier, name: str, value: str) -> list[tuple[str, str]]:
    """These headers and one more."""
    return [*(headers.items() if isinstance(headers, Mapping) else headers), (name, value)]


class Asker(Protocol):
    """A server, or one connection to it."""

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply: ...


class Dialect(ABC):
    """What a client of one dialect can do."""

    name: ClassVar[str]
    path: ClassVar[str]
    """Where its logins go."""
    verbs: ClassVar[frozenset[str]]
    """The verbs that this path takes."""
    sets_cookie: ClassVar[bool] = False
    signed: ClassVar[bool] = False
    """Whether its tokens are signed views of a session, which other dialects do not take."""

    @abstractmethod
    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        """Log in, with these headers besides."""

    @abstractmethod
    def token_of(self, reply: Reply) -> str | None:
        """The token in the reply of a login."""

    @abstractmethod
    def carry(self, token: str) -> dict[str, str]:
        """The headers that carry a session."""

    @abstractmethod
    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        """Call something that every session may call, and nobody without one."""

    @abstractmethod
    def logout(self, to: Asker, headers: Carrier) -> Reply:
        """End the session."""

    def worked(self, reply: Reply) -> bool:
        """Whether the reply means yes."""
        return reply.status in (200, 201, 204)

    def key_of(self, to: Asker, token: str) -> str:
        """The public key of the session of this token."""
        carrier = {"vmware-api-session-id": token}
        return str(to.request("GET", vim("currentSession"), carrier).json()["key"])

    def token(self, to: Asker, person: tuple[str, str]) -> str:
        """Log in and keep the token."""
        reply = self.login(to, *person)
        assert self.worked(reply), reply
        token = self.token_of(reply)
        assert token
        return token

    def is_alive(self, to: Asker, token: str) -> bool:
        """Whether a session of this token lives, judged by using it."""
        return self.worked(self.check(to, self.carry(token)))

    def __str__(self) -> str:
        return self.name


class Manages(Dialect):
    """A dialect in which sessions of others are listed and ended."""

    @abstractmethod
    def current_key(self, to: Asker, headers: Carrier) -> str:
        """The public key of the caller's session."""

    @abstractmethod
    def list_sessions(self, to: Asker, headers: Carrier) -> Reply:
        """The list of all sessions."""

    @abstractmethod
    def terminate(self, to: Asker, headers: Carrier, *keys: str) -> Reply:
        """End these sessions."""

    @abstractmethod
    def clone_ticket(self, to: Asker, headers: Carrier) -> str:
        """A clone ticket of the caller's session."""

    @abstractmethod
    def clone(self, to: Asker, ticket: str, headers: Carrier = NOTHING) -> Reply:
        """Open a session with a clone ticket."""

    @abstractmethod
    def impersonate(self, to: Asker, headers: Carrier, user: str) -> Reply:
        """Turn the caller's session into one of another user."""


class Zerto(Dialect):
    name = "zerto"
    path = "/v1/session/add"
    verbs = frozenset({"POST"})

    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        return to.request("POST", self.path, plus(headers, "Authorization", basic(user, password)))

    def token_of(self, reply: Reply) -> str | None:
        return reply.header("x-zerto-session")

    def carry(self, token: str) -> dict[str, str]:
        return {"x-zerto-session": token}

    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        return to.request("GET", f"/v1/serverDateTime{query}", headers)

    def logout(self, to: Asker, headers: Carrier) -> Reply:
        return to.request("DELETE", "/v1/session", headers)


class ViJson(Manages):
    name = "vi-json"
    path = vim("Login")
    verbs = frozenset({"POST"})

    def _call(self, to: Asker, method: str, headers: Carrier, **arguments: Any) -> Reply:
        return to.request("POST", vim(method), headers, arguments)

    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        return self._call(to, "Login", headers, userName=user, password=password)

    def token_of(self, reply: Reply) -> str | None:
        return reply.header("vmware-api-session-id")

    def carry(self, token: str) -> dict[str, str]:
        return {"vmware-api-session-id": token}

    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        return self._call(to, f"ServiceInstance/ServiceInstance/CurrentTime{query}", headers)

    def logout(self, to: Asker, headers: Carrier) -> Reply:
        return self._call(to, "Logout", headers)

    def current_key(self, to: Asker, headers: Carrier) -> str:
        return str(to.request("GET", vim("currentSession"), headers).json()["key"])

    def list_sessions(self, to: Asker, headers: Carrier) -> Reply:
        return to.request("GET", vim("sessionList"), headers)

    def terminate(self, to: Asker, headers: Carrier, *keys: str) -> Reply:
        return self._call(to, "TerminateSession", headers, sessionId=list(keys))

    def clone_ticket(self, to: Asker, headers: Carrier) -> str:
        return str(self._call(to, "AcquireCloneTicket", headers).json())

    def clone(self, to: Asker, ticket: str, headers: Carrier = NOTHING) -> Reply:
        return self._call(to, "CloneSession", headers, cloneTicket=ticket)

    def impersonate(self, to: Asker, headers: Carrier, user: str) -> Reply:
        return self._call(to, "ImpersonateUser", headers, userName=user)


class Soap(Manages):
    name = "soap"
    path = "/sdk"
    verbs = frozenset({"POST"})
    sets_cookie = True

    def _call(
        self,
        to: Asker,
        method: str,
        headers: Carrier,
        *arguments: tuple[str, str],
        on: tuple[str, str] = ("SessionManager", "SessionManager"),
        query: str = "",
    ) -> Reply:
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments)
        return self._post(
            to,
            f'<{method} xmlns="urn:vim25"><_this type="{on[0]}">{on[1]}</_this>{inner}</{method}>',
            headers,
            query,
        )

    def _post(self, to: Asker, inner: str, headers: Carrier, query: str = "") -> Reply:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv='
            f'"http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>{inner}'
            "</soapenv:Body></soapenv:Envelope>"
        )
        headers = plus(headers, "Content-Type", "text/xml; charset=UTF-8")
        headers = plus(headers, "SOAPAction", '"urn:vim25/8.0.2.0"')
        return to.request("POST", self.path + query, headers, body)

    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        return self._call(to, "Login", headers, ("userName", user), ("password", password))

    def token_of(self, reply: Reply) -> str | None:
        found = re.match(r'vmware_soap_session="([^"]+)";', reply.header("set-cookie") or "")
        return found[1] if found else None

    def carry(self, token: str) -> dict[str, str]:
        return {"Cookie": f'vmware_soap_session="{token}"'}

    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        instance = ("ServiceInstance", "ServiceInstance")
        return self._call(to, "CurrentTime", headers, on=instance, query=query)

    def logout(self, to: Asker, headers: Carrier) -> Reply:
        return self._call(to, "Logout", headers)

    def _collect(self, to: Asker, headers: Carrier, name: str) -> Reply:
        return self._post(
            to,
            '<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">'
            "propertyCollector</_this><specSet><propSet><type>SessionManager</type>"
            f"<pathSet>{name}</pathSet></propSet><objectSet>"
            '<obj type="SessionManager">SessionManager</obj></objectSet></specSet>'
            "<options></options></RetrievePropertiesEx>",
            headers,
        )

    def current_key(self, to: Asker, headers: Carrier) -> str:
        found = re.search(r"<key>([^<]+)</key>", self._text(to, headers))
        assert found
        return found[1]

    def _text(self, to: Asker, headers: Carrier) -> str:
        return self._collect(to, headers, "currentSession").body.decode()

    def list_sessions(self, to: Asker, headers: Carrier) -> Reply:
        return self._collect(to, headers, "sessionList")

    def terminate(self, to: Asker, headers: Carrier, *keys: str) -> Reply:
        return self._call(to, "TerminateSession", headers, *(("sessionId", key) for key in keys))

    def clone_ticket(self, to: Asker, headers: Carrier) -> str:
        body = self._call(to, "AcquireCloneTicket", headers).body.decode()
        found = re.search(r"<returnval>([^<]+)</returnval>", body)
        assert found, body
        return found[1]

    def clone(self, to: Asker, ticket: str, headers: Carrier = NOTHING) -> Reply:
        return self._call(to, "CloneSession", headers, ("cloneTicket", ticket))

    def impersonate(self, to: Asker, headers: Carrier, user: str) -> Reply:
        return self._call(to, "ImpersonateUser", headers, ("userName", user))


class ApiSession(Dialect):
    name = "api"
    path = "/api/session"
    verbs = frozenset({"POST", "GET", "DELETE"})

    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        return to.request("POST", self.path, plus(headers, "Authorization", basic(user, password)))

    def token_of(self, reply: Reply) -> str | None:
        found = reply.json()
        return found if isinstance(found, str) else None

    def carry(self, token: str) -> dict[str, str]:
        return {"vmware-api-session-id": token}

    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        return to.request("GET", self.path + query, headers)

    def logout(self, to: Asker, headers: Carrier) -> Reply:
        return to.request("DELETE", self.path, headers)


class RestSession(ApiSession):
    name = "rest"
    path = "/rest/com/vmware/cis/session"
    sets_cookie = True

    def token_of(self, reply: Reply) -> str | None:
        found = reply.json().get("value")
        return found if isinstance(found, str) else None


class JsonRpc(Dialect):
    name = "json-rpc"
    path = "/api"
    verbs = frozenset({"POST"})

    def _call(
        self, to: Asker, operation: str, headers: Carrier, query: str = "", **security: str
    ) -> Reply:
        body = {
            "jsonrpc": "2.0",
            "method": "invoke",
            "id": "1",
            "params": {
                "serviceId": "com.vmware.cis.session",
                "operationId": operation,
                "input": {"STRUCTURE": {"operation-input": {}}},
                "ctx": {"securityCtx": security} if security else {},
            },
        }
        return to.request("POST", self.path + query, headers, json.dumps(body))

    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        return self._call(
            to,
            "create",
            headers,
            schemeId="com.vmware.vapi.std.security.user_pass",
            userName=user,
            password=password,
        )

    def token_of(self, reply: Reply) -> str | None:
        found = reply.json()["result"].get("output")
        return found["SECRET"] if found else None

    def carry(self, token: str) -> dict[str, str]:
        return {"vmware-api-session-id": token}

    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        return self._call(to, "get", headers, query)

    def logout(self, to: Asker, headers: Carrier) -> Reply:
        return self._call(to, "delete", headers)

    def worked(self, reply: Reply) -> bool:
        """All is 200 here: a result holds an output, or an error."""
        return reply.status == 200 and "output" in reply.json().get("result", {})


class Appliance(Dialect):
    """The appliance's OpenID Connect: a check asks who the bearer is."""

    name = "zerto-appliance"
    base = "/auth/realms/zerto/protocol/openid-connect"
    path = f"{base}/token"
    verbs = frozenset({"POST"})
    signed = True

    def post(self, to: Asker, path: str, headers: Carrier = NOTHING, /, **form: str) -> Reply:
        """Send a form to an address of the realm."""
        headers = plus(headers, "Content-Type", "application/x-www-form-urlencoded")
        return to.request("POST", f"{self.base}{path}", headers, urlencode(form))

    def login(self, to: Asker, user: str, password: str, headers: Carrier = NOTHING) -> Reply:
        facts = {"grant_type": "password", "client_id": "zerto-client", "scope": "openid"}
        return self.post(to, "/token", headers, **facts, username=user, password=password)

    def refresh(self, to: Asker, token: str, headers: Carrier = NOTHING) -> Reply:
        """Ask for the next tokens."""
        facts = {"grant_type": "refresh_token", "client_id": "zerto-client"}
        return self.post(to, "/token", headers, **facts, refresh_token=token)

    def token_of(self, reply: Reply) -> str | None:
        found = reply.json().get("access_token")
        return found if isinstance(found, str) else None

    def carry(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    def check(self, to: Asker, headers: Carrier, query: str = "") -> Reply:
        return to.request("GET", f"{self.base}/userinfo{query}", headers)

    def logout(self, to: Asker, headers: Carrier) -> Reply:
        return self.post(to, "/logout", headers, client_id="zerto-client")

    def key_of(self, to: Asker, token: str) -> str:
        claims = token.split(".")[1]
        return str(json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"])


DIALECTS: tuple[Dialect, ...] = (
    Zerto(),
    ViJson(),
    Soap(),
    ApiSession(),
    RestSession(),
    JsonRpc(),
    Appliance(),
)
UNSIGNED: tuple[Dialect, ...] = tuple(one for one in DIALECTS if not one.signed)
"""Those whose token is the session's own, so that each takes the tokens of all others."""
MANAGERS: tuple[Manages, ...] = tuple(one for one in DIALECTS if isinstance(one, Manages))

over_dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=str)
over_managers = pytest.mark.parametrize("dialect", MANAGERS, ids=str)
each_dialect = each("dialect", DIALECTS, ids=str)
"""For a test whose cases are many, or share a server."""

over_stores = pytest.mark.parametrize(
    "store",
    ["sqlite", pytest.param("cached", marks=pytest.mark.peer)],
    indirect=True,
    scope="session",
)
"""For a test of how sessions live and end, over the two that differ most. What is refused before a
session is looked for is refused over one as over the other."""
