"""A vCenter whose sessions grow old: unused ones end, and those that have lived for long."""

import asyncio
import re
from dataclasses import dataclass, field

from sessiongate.secret import Secret
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.upstream.fakes import Asked, envelope, http, soap_fault

_CALL = re.compile(r'<(\w+) xmlns="urn:vim25"><_this type="\w+">([^<]*)')


@dataclass
class Living:
    """A session there."""

    key: str
    opened: float
    used: float
    objects: set[str] = field(default_factory=set)


class AgeingVCenter:
    """Answers logins, clones, views and reads. Ages are seconds by the event loop's clock."""

    def __init__(self, *, idle: float, total: float) -> None:
        self._idle = idle
        self._total = total
        self.alive: dict[str, Living] = {}
        self.most = 0
        self.made = 0
        self.logged_out: list[float] = []
        """Ages of those that were logged out."""
        self.ended_here = 0
        """Those that it has ended by itself."""
        self.probed: list[float] = []
        """When somebody asked whether a session lives."""
        self._tickets: set[str] = set()

    def __call__(self, asked: Asked) -> bytes:
        now = asyncio.get_running_loop().time()
        self._end_what_is_over(now)
        found = _CALL.search(asked.body.decode())
        assert found is not None, asked.body
        method, target = found[1], found[2]
        if method == "Login":
            return self._open(method)
        if method == "CloneSession":
            ticket = asked.body.decode().partition("<cloneTicket>")[2].partition("<")[0]
            self._tickets.remove(ticket)
            return self._open(method)
        token = asked.headers.get("cookie", "").partition("=")[2]
        session = self.alive.get(token)
        if session is None:
            return soap_fault("NotAuthenticated")
        session.used = now
        if method == "Logout":
            self.logged_out.append(now - session.opened)
            del self.alive[token]
            return _said(method)
        if method == "AcquireCloneTicket":
            self._tickets.add(f"ticket-{self.made}-{now}")
            return _said(method, f"ticket-{self.made}-{now}")
        if method == "CreateContainerView":
            self.made += 1
            name = f"session[{session.key}]view-{self.made}"
            session.objects.add(name)
            return _said(method, name, " type='ContainerView'")
        if method == "DestroyView":
            if target not in session.objects:
                return soap_fault("ManagedObjectNotFound")
            session.objects.remove(target)
            return _said(method)
        if method == "RetrieveProperties":
            self.probed.append(now)
            return _said(method, "<propSet><name>currentSession</name></propSet>")
        return _said(method, "name")

    def opened(self) -> UpstreamSession:
        """A session, as a login has opened it."""
        now = asyncio.get_running_loop().time()
        self.made += 1
        token, key = f"token-{self.made}", f"52a67ed8-0f0b-1714-4534-{self.made:012}"
        self.alive[token] = Living(key, now, now)
        self.most = max(self.most, len(self.alive))
        return UpstreamSession(WireForm.SOAP, Secret(token), UserSession(key, "svc", "", "en"))

    def _open(self, method: str) -> bytes:
        opened = self.opened()
        token, key = opened.token.reveal(), opened.user.key
        returned = f"<key>{key}</key><userName>svc</userName><locale>en</locale>"
        return _said(method, returned, "", f"Set-Cookie: vmware_soap_session={token}; Path=/")

    def _end_what_is_over(self, now: float) -> None:
        for token, one in list(self.alive.items()):
            if now - one.used >= self._idle or now - one.opened >= self._total:
                self.ended_here += 1
                del self.alive[token]


def _said(method: str, returned: str = "", attributes: str = "", *headers: str) -> bytes:
    inner = f"<returnval{attributes}>{returned}</returnval>" if returned else ""
    body = envelope(f'<{method}Response xmlns="urn:vim25">{inner}</{method}Response>')
    return http(200, body, *headers, kind="text/xml")
