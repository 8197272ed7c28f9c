"""A client of the vim25 methods over SOAP, which sends what it is told to and reads any answer."""

import re
from dataclasses import dataclass
from typing import Self

from sessiongate.wire.xml import Element, escape, parse
from tests.end_to_end.serving import Reply, Server

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope'
    ' xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>'
)

ROOT = '<container type="Folder">group-d1</container>'
FOLDERS = "<propSet><type>Folder</type><pathSet>name</pathSet></propSet>"
SPEC = (
    f"<spec>{FOLDERS}<objectSet><obj type='Folder'>group-d1</obj></objectSet></spec>"
    "<partialUpdates>false</partialUpdates>"
)


def envelope(method: str, kind: str, name: str, inner: str = "") -> str:
    return (
        f'{_HEAD}<{method} xmlns="urn:vim25"><_this type="{kind}">{escape(name)}</_this>{inner}'
        f"</{method}></s:Body></s:Envelope>"
    )


@dataclass(frozen=True)
class Said:
    """An answer: the fault's type, or "" and what was returned."""

    status: int
    fault: str
    body: str
    returned: tuple[Element, ...]

    @property
    def text(self) -> str:
        """The text of the one thing returned."""
        (one,) = self.returned
        return one.text

    def texts(self, name: str) -> list[str]:
        """The texts of all elements of this name, wherever they stand."""
        found: list[str] = []
        stack = list(self.returned)
        while stack:
            one = stack.pop(0)
            if one.name == name:
                found.append(one.text)
            stack += one.children
        return found


@dataclass
class SoapClient:
    """One session of one person."""

    server: Server
    cookie: str = ""
    key: str = ""
    host: str = ""

    @classmethod
    def login(cls, server: Server, person: tuple[str, str], host: str = "") -> Self:
        client = cls(server, host=host)
        name, password = map(escape, person)
        inner = f"<userName>{name}</userName><password>{password}</password>"
        said = client.call("Login", "SessionManager", "SessionManager", inner)
        assert not said.fault, said.body
        client.key = said.texts("key")[0]
        return client

    def logout(self) -> None:
        assert not self.call("Logout", "SessionManager", "SessionManager").fault

    def call(self, method: str, kind: str, name: str, inner: str = "") -> Said:
        return self.send(envelope(method, kind, name, inner))

    def send(self, document: str | bytes) -> Said:
        headers = {"SOAPAction": "urn:vim25/8.0.2.0", "Content-Type": "text/xml; charset=utf-8"}
        if self.host:
            headers["Host"] = self.host
        if self.cookie:
            headers["Cookie"] = self.cookie
        reply = self.server.request("POST", "/sdk", headers, document)
        for value in reply.all("set-cookie"):
            self.cookie = value.partition(";")[0]
        return read(reply)

    # What clients do most.

    def view(self) -> str:
        said = self.call(
            "CreateContainerView",
            "ViewManager",
            "ViewManager",
            f"{ROOT}<recursive>true</recursive>",
        )
        assert not said.fault, said.body
        return said.text

    def filter(self, collector: str = "propertyCollector") -> str:
        said = self.call("CreateFilter", "PropertyCollector", collector, SPEC)
        assert not said.fault, said.body
        return said.text

    def updates(self, version: str = "", seconds: int = 0) -> Said:
        inner = f"<version>{version}</version>" if version else ""
        inner += f"<options><maxWaitSeconds>{seconds}</maxWaitSeconds></options>"
        return self.call("WaitForUpdatesEx", "PropertyCollector", "propertyCollector", inner)

    def fetch(self, kind: str, name: str, prop: str) -> Said:
        return self.call("Fetch", kind, name, f"<prop>{prop}</prop>")


def read(reply: Reply) -> Said:
    body = reply.body.decode()
    root = parse(reply.body, work=10_000)
    (inner,) = next(one for one in root.children if one.name == "Body").children
    if inner.name == "Fault":
        found = re.search(r'xsi:type="([A-Za-z]+)"', body)
        return Said(reply.status, found[1] if found else "?", body, ())
    return Said(reply.status, "", body, tuple(inner.children))
