"""What an empty vCenter has in the Automation API beside its sessions: one row for each resource.

A row gives the resource's address below `/api` and below `/rest`, and its service in JSON-RPC; what
it answers is the same in all three. Source: the vendor's pages of the vcenter, cis and appliance
services.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from sessiongate.errors import NotSupported, SessionGateError, UnknownObject, WrongVerb
from sessiongate.wire.query import read_query


class ResourceValue(Enum):
    """What a resource gives to whoever reads it."""

    NOTHING = "an empty list"
    NO_MAP = "an empty map, which `/rest` writes as a list"
    OFF = "`false`"
    SHELL = "`enabled`: `false`, `timeout`: 0"
    VERSION = "product, version and build, as `AboutInfo` has them"
    HOST_NAME = "the server's name"


class Resource(msgspec.Struct, frozen=True):
    """One resource, by its three addresses."""

    api: str
    rest: str
    service: str
    answer: ResourceValue = ResourceValue.NOTHING
    reads: bool = True
    """Whether GET gives it; one that is no list of its own has actions only."""
    actions: tuple[str, ...] = ()
    """Of POST, and all of them lists that are empty: `?action=` in `/api`, `?~action=` before."""
    operation: str = "list"
    """Of JSON-RPC, which reads it. One that is got is one thing, without members to get."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The HTTP methods it takes."""
        return ("GET",) * self.reads + ("POST",) * bool(self.actions)


def _vcenter(name: str, service: str = "") -> Resource:
    path = f"vcenter/{name}"
    return Resource(
        f"/api/{path}",
        f"/rest/{path}",
        f"com.vmware.vcenter.{service or name.replace('-', '_')}",
    )


def _tagging(name: str, *actions: str, reads: bool = True) -> Resource:
    return Resource(
        f"/api/cis/tagging/{name}",
        f"/rest/com/vmware/cis/tagging/{name}",
        f"com.vmware.cis.tagging.{name.replace('-', '_')}",
        reads=reads,
        actions=actions,
    )


def _content(name: str, *actions: str) -> Resource:
    service = f"com.vmware.content.{name.replace('-', '_')}"
    return Resource(
        f"/api/content/{name}", f"/rest/com/vmware/content/{name}", service, actions=actions
    )


def _appliance(name: str, answer: ResourceValue, operation: str = "get") -> Resource:
    path = f"appliance/{name}"
    service = f"com.vmware.{path.replace('/', '.')}"
    return Resource(f"/api/{path}", f"/rest/{path}", service, answer, operation=operation)


RESOURCES = (
    _vcenter("vm", "VM"),
    _vcenter("host"),
    _vcenter("datacenter"),
    _vcenter("cluster"),
    _vcenter("folder"),
    _vcenter("datastore"),
    _vcenter("network"),
    _vcenter("resource-pool"),
    _vcenter("storage/policies", "storage.policies"),
    _tagging("category", "list-used-categories"),
    _tagging("tag", "list-used-tags"),
    _tagging(
        "tag-association",
        "list-attached-tags",
        "list-attached-tags-on-objects",
        "list-attached-objects-on-tags",
        "list-attachable-tags",
        reads=False,
    ),
    _content("library", "find"),
    _content("local-library"),
    _content("subscribed-library"),
    _appliance("system/version", ResourceValue.VERSION),
    _appliance("networking/interfaces", ResourceValue.NOTHING, "list"),
    _appliance("networking/firewall/inbound", ResourceValue.NOTHING),
    _appliance("networking/dns/hostname", ResourceValue.HOST_NAME),
    _appliance("access/consolecli", ResourceValue.OFF),
    _appliance("access/dcui", ResourceValue.OFF),
    _appliance("access/ssh", ResourceValue.OFF),
    _appliance("access/shell", ResourceValue.SHELL),
    _appliance("logging/forwarding", ResourceValue.NOTHING),
    _appliance("services", ResourceValue.NO_MAP, "list"),
)

API: Mapping[str, Resource] = {one.api: one for one in RESOURCES}
REST: Mapping[str, Resource] = {one.rest: one for one in RESOURCES}
SERVICES: Mapping[str, Resource] = {one.service: one for one in RESOURCES}

_MOST_PARTS = 1 + max(path.count("/") for path in (*API, *REST))


def find(table: Mapping[str, Resource], path: str) -> tuple[Resource | None, bool]:
    """The resource of API or REST that a path is, or is below; and whether it is below."""
    parts = path.split("/", _MOST_PARTS)
    for count in range(min(len(parts), _MOST_PARTS), 1, -1):
        resource = table.get("/".join(parts[:count]))
        if resource is not None:
            return resource, count < len(parts)
    return None, False


def refused(resource: Resource, verb: str, query: str, *, below: bool) -> SessionGateError | None:
    """Why a request for a resource, or for one of its members, is refused; None where it is not.

    There are no members. Filters in the query are passed over: what is empty stays so.
    """
    if below:
        return UnknownObject("resource", "")
    if verb not in resource.verbs:
        return WrongVerb(*resource.verbs)
    if verb == "POST" and not any(
        name in ("action", "~action") and value in resource.actions
        for name, value in read_query(query)
    ):
        return NotSupported("nothing can be made or changed here")
    return None


def reads(resource: Resource, operation: str) -> bool:
    """Whether an operation of JSON-RPC reads the resource."""
    listed = {one.replace("-", "_") for one in resource.actions}
    return (resource.reads and operation == resource.operation) or operation in listed


def seeks(resource: Resource, operation: str) -> bool:
    """Whether an operation of JSON-RPC asks for one member, of which there is none."""
    return resource.reads and resource.operation == "list" and operation == "get"


class Appliance(msgspec.Struct, frozen=True):
    """What the server says of itself as an appliance."""

    host_name: str
    product: str
    version: str
    build: str
    type: str


def value_of(resource: Resource, appliance: Appliance) -> object:
    """What the resource gives, as `/api` writes it."""
    match resource.answer:
        case ResourceValue.NOTHING:
            return []
        case ResourceValue.NO_MAP:
            return {}
        case ResourceValue.OFF:
            return False
        case ResourceValue.SHELL:
            return {"enabled": False, "timeout": 0}
        case ResourceValue.HOST_NAME:
            return appliance.host_name
        case ResourceValue.VERSION:
            return _version(appliance)


def wrapped(value: object) -> object:
    """The same as `/rest` writes it, where a map is the list of its entries."""
    return {"value": [] if value == {} else value}


def _version(appliance: Appliance) -> Mapping[str, str]:
    return {
        "version": appliance.version,
        "product": appliance.product,
        "build": appliance.build,
        "type": appliance.type,
        # Of a patch, and empty where there was none; when we were installed nobody has written.
        "summary": "",
        "releasedate": "",
        "install_time": "",
    }


def output_of(resource: Resource, appliance: Appliance) -> object:
    """The same as JSON-RPC writes it."""
    value = value_of(resource, appliance)
    name = _STRUCTURES.get(resource.answer)
    if name is not None:
        return {"STRUCTURE": {f"{resource.service}.{name}": value}}
    return [] if value == {} else value


_STRUCTURES = {ResourceValue.VERSION: "version_struct", ResourceValue.SHELL: "shell_config"}
"""What the service calls the structure that it gives, where it is one."""
