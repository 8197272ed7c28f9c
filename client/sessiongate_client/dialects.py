"""The forms in which servers take a login, a logout and a question that costs no privilege.

Pure: what is asked and what an answer means. `DIALECTS` has them by the names of the command line.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Optional
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from . import faults
from .errors import LoginRefused, UnexpectedAnswer
from .wire import Answer, Ask, Opened

_JSON = "application/json"

_LONGEST_LIFETIME = 1e9
"""Seconds, about 30 years: a token that is said to be good for longer has no end that counts."""


class Dialect:
    """One form. Subclasses say what is sent; what is common to most stands here."""

    name = ""
    header = ""
    """The name of the header that carries the token."""

    def login(self, user: str, password: str) -> Ask:
        """The request that opens a session."""
        raise NotImplementedError

    def token_of(self, answer: Answer) -> str:
        """The token in the answer to a login that went well; "" where there is none."""
        raise NotImplementedError

    def logout(self, opened: Opened) -> Ask:
        """The request that ends it."""
        raise NotImplementedError

    def keep_alive(self, opened: Opened) -> Ask:
        """A request that counts as use and that everybody with a session may make."""
        raise NotImplementedError

    def refresh(self, opened: Opened) -> Optional[Ask]:
        """The request that makes the same session go on with another token, where there is one."""
        del opened
        return None

    def opened(self, answer: Answer, now: float) -> Opened:
        """The session that a login opened. Raises LoginRefused or UnexpectedAnswer."""
        del now
        if answer.status not in (200, 201):
            raise self.refusal(answer)
        token = self.token_of(answer)
        if not token or not token.isprintable():
            raise UnexpectedAnswer("the server said yes to the login and sent no session")
        return Opened(token, self.key_of(answer))

    def key_of(self, answer: Answer) -> str:
        """The session's public name, where the answer tells one."""
        del answer
        return ""

    def refusal(self, answer: Answer) -> Exception:
        """What an answer to a login that is not yes means."""
        fault = faults.fault_of(answer.header("content-type"), answer.body)
        fault = fault if fault.isidentifier() else ""
        if answer.status in (401, 403) or (answer.status == 500 and fault in faults.REFUSED):
            fault = fault if fault in faults.REFUSED else "InvalidLogin"
            return LoginRefused(f"the server refuses this name and password: {fault}", fault)
        said = f"{answer.status}{f' {fault}' if fault else ''}"
        return UnexpectedAnswer(f"the server answered the login with {said}")

    def is_logged_out(self, answer: Answer) -> bool:
        """Whether the session is over after this answer to a logout: also if it was before."""
        dead = faults.is_dead(answer.status, answer.header("content-type"), answer.body)
        return 200 <= answer.status < 300 or dead

    def carry(self, opened: Opened) -> dict[str, str]:
        """The headers that carry the session."""
        return {self.header: opened.token}


class Zerto(Dialect):
    """A Zerto Virtual Manager on Windows: `POST /v1/session/add`."""

    name, header = "zerto", "x-zerto-session"

    def login(self, user: str, password: str) -> Ask:
        """See the class."""
        return Ask("POST", "/v1/session/add", {"Authorization": _basic(user, password)})

    def token_of(self, answer: Answer) -> str:
        """In the header."""
        return answer.header("x-zerto-session")

    def logout(self, opened: Opened) -> Ask:
        """`DELETE /v1/session`."""
        return Ask("DELETE", "/v1/session", self.carry(opened))

    def keep_alive(self, opened: Opened) -> Ask:
        """The server's time."""
        return Ask("GET", "/v1/serverDateTime", self.carry(opened))


class Rest(Dialect):
    """The Automation API: `POST /api/session`, from vCenter 7.0 U2 on."""

    name, header = "rest", "vmware-api-session-id"
    path = "/api/session"

    def login(self, user: str, password: str) -> Ask:
        """See the class."""
        headers = {"Authorization": _basic(user, password), "vmware-use-header-authn": "true"}
        return Ask("POST", self.path, headers)

    def token_of(self, answer: Answer) -> str:
        """The body, a JSON string."""
        return _text(faults.value_of(answer.body))

    def logout(self, opened: Opened) -> Ask:
        """`DELETE` on the same address."""
        return Ask("DELETE", self.path, self.carry(opened))

    def keep_alive(self, opened: Opened) -> Ask:
        """Who the session is of."""
        return Ask("GET", self.path, self.carry(opened))


class OldRest(Rest):
    """The same before vCenter 7.0 U2: `POST /rest/com/vmware/cis/session`."""

    path = "/rest/com/vmware/cis/session"

    def token_of(self, answer: Answer) -> str:
        """The member `value` of the body."""
        return _text(faults.members(answer.body).get("value"))

    def keep_alive(self, opened: Opened) -> Ask:
        """Who the session is of."""
        return Ask("POST", f"{self.path}?~action=get", self.carry(opened))


class ViJson(Dialect):
    """The JSON form of the Web Services API, from vCenter 8.0 U1 on."""

    name, header = "vi-json", "vmware-api-session-id"
    base = "/sdk/vim25/8.0.1.0"
    """The first release that has it, and so the one that every later server serves."""

    def login(self, user: str, password: str) -> Ask:
        """`SessionManager.Login`."""
        body = json.dumps({"userName": user, "password": password}).encode()
        path = f"{self.base}/SessionManager/SessionManager/Login"
        return Ask("POST", path, {"Content-Type": _JSON}, body)

    def token_of(self, answer: Answer) -> str:
        """In the header."""
        return answer.header(self.header)

    def key_of(self, answer: Answer) -> str:
        """Of the UserSession."""
        return _text(faults.members(answer.body).get("key"))

    def logout(self, opened: Opened) -> Ask:
        """`SessionManager.Logout`."""
        path = f"{self.base}/SessionManager/SessionManager/Logout"
        return Ask("POST", path, self.carry(opened))

    def keep_alive(self, opened: Opened) -> Ask:
        """`ServiceInstance.CurrentTime`."""
        path = f"{self.base}/ServiceInstance/ServiceInstance/CurrentTime"
        return Ask("POST", path, self.carry(opened))


class Soap(Dialect):
    """The Web Services API, of every vCenter."""

    name, header = "soap", "Cookie"
    cookie = "vmware_soap_session"

    def login(self, user: str, password: str) -> Ask:
        """`SessionManager.Login`."""
        inside = f"<userName>{escape(user)}</userName><password>{escape(password)}</password>"
        return self._call("Login", "SessionManager", inside)

    def token_of(self, answer: Answer) -> str:
        """The cookie's value, whatever other cookies come with it."""
        begins = re.compile(rf'\s*{self.cookie}="?([^";\s]*)"?')
        cookies = (begins.match(value) for name, value in answer.headers if name == "set-cookie")
        return next((found[1] for found in cookies if found), "")

    def key_of(self, answer: Answer) -> str:
        """Of the UserSession."""
        return faults.Xml(answer.body).texts.get("key", "")

    def logout(self, opened: Opened) -> Ask:
        """`SessionManager.Logout`."""
        return self._call("Logout", "SessionManager", "", opened)

    def keep_alive(self, opened: Opened) -> Ask:
        """`ServiceInstance.CurrentTime`."""
        return self._call("CurrentTime", "ServiceInstance", "", opened)

    def carry(self, opened: Opened) -> dict[str, str]:
        """The cookie, quoted as vCenter quotes it."""
        return {"Cookie": f'{self.cookie}="{opened.token}"'}

    def _call(self, method: str, kind: str, inside: str, opened: Optional[Opened] = None) -> Ask:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
            f'<soapenv:Body><{method} xmlns="urn:vim25"><_this type="{kind}">{kind}</_this>'
            f"{inside}</{method}></soapenv:Body></soapenv:Envelope>"
        )
        # A version that every server since 2015 knows; a later one is refused by those before it.
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"urn:vim25/6.0"'}
        if opened is not None:
            headers.update(self.carry(opened))
        return Ask("POST", "/sdk", headers, body.encode())


class Appliance(Dialect):
    """A Zerto appliance, whose tokens come from Keycloak; or any realm of a Keycloak."""

    name, header = "appliance", "Authorization"

    def __init__(self, realm: str = "zerto", client_id: str = "zerto-client") -> None:
        self._base = f"/auth/realms/{quote(realm, safe='')}/protocol/openid-connect"
        self._client = client_id

    def login(self, user: str, password: str) -> Ask:
        """The password grant."""
        return self._post("token", grant_type="password", username=user, password=password)

    def refresh(self, opened: Opened) -> Optional[Ask]:
        """The refresh grant, where there is a refresh token."""
        if not opened.refresh:
            return None
        return self._post("token", grant_type="refresh_token", refresh_token=opened.refresh)

    def opened(self, answer: Answer, now: float) -> Opened:
        """With the end of the access token."""
        first = super().opened(answer, now)
        said = faults.members(answer.body)
        lifetime = said.get("expires_in")
        ends = None
        if isinstance(lifetime, (int, float)) and lifetime is not True:
            ends = now + lifetime if 0 < lifetime <= _LONGEST_LIFETIME else None
        return first._replace(expires_at=ends, refresh=_text(said.get("refresh_token")))

    def token_of(self, answer: Answer) -> str:
        """The member `access_token` of the body."""
        return _text(faults.members(answer.body).get("access_token"))

    def refusal(self, answer: Answer) -> Exception:
        """Refused are what RFC 6749 calls so: `invalid_grant`, `invalid_client`, and the like."""
        said = _text(faults.members(answer.body).get("error"))
        if answer.status in (400, 401) and said.isidentifier():
            return LoginRefused(f"the server refuses this name and password: {said}", said)
        return super().refusal(answer)

    def logout(self, opened: Opened) -> Ask:
        """The end of the session at Keycloak, by the refresh token."""
        return self._post("logout", refresh_token=opened.refresh)

    def is_logged_out(self, answer: Answer) -> bool:
        """Keycloak says 400 of a session that is over already."""
        gone = faults.members(answer.body).get("error") == "invalid_grant"
        return super().is_logged_out(answer) or (answer.status == 400 and gone)

    def keep_alive(self, opened: Opened) -> Ask:
        """Who the token is of. It does not make the session longer: a refresh does."""
        return Ask("GET", f"{self._base}/userinfo", self.carry(opened))

    def carry(self, opened: Opened) -> dict[str, str]:
        """As a bearer token."""
        return {"Authorization": f"Bearer {opened.token}"}

    def _post(self, what: str, **form: str) -> Ask:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": _JSON}
        body = urlencode({"client_id": self._client, **form}).encode()
        return Ask("POST", f"{self._base}/{what}", headers, body)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
