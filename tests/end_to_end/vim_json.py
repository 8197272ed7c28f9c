"""A client of the vim25 methods over VI/JSON: it sends what it is told to and reads any answer."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from tests.end_to_end.serving import RELEASE, Reply, Server

HEADER = "vmware-api-session-id"


def ref(kind: str, name: str) -> dict[str, str]:
    return {"_typeName": "ManagedObjectReference", "type": kind, "value": name}


ROOT = ref("Folder", "group-d1")
FOLDERS = {"_typeName": "PropertySpec", "type": "Folder", "pathSet": ["name"]}
SPEC = {"propSet": [FOLDERS], "objectSet": [{"obj": ROOT}]}


@dataclass(frozen=True)
class JsonSaid:
    """An answer: the fault's type, or "" and what was returned."""

    status: int
    fault: str
    value: Any
    reply: Reply

    def texts(self, name: str) -> list[str]:
        """The texts of all members of this name, wherever they stand."""
        return [value for key, value in _members(self.value) if key == name]

    def names(self, kind: str) -> list[str]:
        """The ids of all references to objects of this type."""
        return [
            one["value"]
            for one in (self.value, *(value for _, value in _members(self.value)))
            if isinstance(one, dict) and one.get("type") == kind and "value" in one
        ]


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    inside: Iterable[tuple[str, Any]] = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inside = (("", one) for one in value)
    for key, one in inside:
        yield key, one
        yield from _members(one)


@dataclass
class JsonClient:
    """One session of one person."""

    server: Server
    token: str = ""
    key: str = ""

    @classmethod
    def login(cls, server: Server, person: tuple[str, str]) -> Self:
        client = cls(server)
        name, password = person
        said = client.call(
            "Login", "SessionManager", "SessionManager", userName=name, password=password
        )
        assert not said.fault, said.value
        client.key = said.value["key"]
        return client

    def logout(self) -> None:
        assert self.call("Logout", "SessionManager", "SessionManager").status == 204

    def call(self, method: str, kind: str, name: str, /, **arguments: Any) -> JsonSaid:
        body = json.dumps({"_typeName": f"{method}RequestType", **arguments})
        return self.send("POST", f"{kind}/{quote(name)}/{method}", body)

    def fetch(self, kind: str, name: str, prop: str) -> JsonSaid:
        return self.send("GET", f"{kind}/{quote(name)}/{prop}")

    def send(self, verb: str, path: str, body: str | bytes | None = None) -> JsonSaid:
        headers = {HEADER: self.token} if self.token else {}
        reply = self.server.request(verb, f"/sdk/vim25/{RELEASE}/{path}", headers, body)
        self.token = reply.header(HEADER) or self.token
        value: Any = json.loads(reply.body) if reply.body else None
        fault = value["_typeName"] if reply.status >= 400 else ""
        return JsonSaid(reply.status, fault, value, reply)

    # What clients do most.

    def view(self) -> str:
        said = self.call(
            "CreateContainerView", "ViewManager", "ViewManager", container=ROOT, recursive=True
        )
        assert not said.fault, said.value
        return str(said.value["value"])

    def filter(self, collector: str = "propertyCollector") -> str:
        said = self.call(
            "CreateFilter", "PropertyCollector", collector, spec=SPEC, partialUpdates=False
        )
        assert not said.fault, said.value
        return str(said.value["value"])

    def updates(self, version: str = "", seconds: int = 0) -> JsonSaid:
        return self.call(
            "WaitForUpdatesEx",
            "PropertyCollector",
            "propertyCollector",
            version=version,
            options={"maxWaitSeconds": seconds},
        )

    def retrieve(self, spec: Any, **options: Any) -> JsonSaid:
        return self.call(
            "RetrievePropertiesEx",
            "PropertyCollector",
            "propertyCollector",
            specSet=[spec],
            options=options,
        )
