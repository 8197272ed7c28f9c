"""The methods and properties that this server has: one table for every codec and every document.

Modules: `rows` (what a row is), `objects` (which objects there are), and the rows by managed
object: `session_manager`, `service_instance`, `property_collector`, `views`, `inventory`,
`authorization`, `events`, `managers`, and `refused` (what is always NotSupported).

Which function does the work says the row's handler: one of the class that
`dialects.vim.center.HANDLERS` names for the type; a test walks both sides.
"""

from collections.abc import Mapping

from sessiongate.wire.vim.methods import (
    authorization,
    events,
    inventory,
    managers,
    property_collector,
    service_instance,
    session_manager,
    views,
)
from sessiongate.wire.vim.methods.objects import (
    KINDS,
    MADE,
    OBJECTS,
    PROPERTY_COLLECTOR,
    ROOT_FOLDER,
    SERVICE_INSTANCE,
    SESSION_MANAGER,
    has_some,
    is_a,
    resolve,
    session_object_id,
)
from sessiongate.wire.vim.methods.refused import REFUSED
from sessiongate.wire.vim.methods.rows import Call, Method, Property, keyword

__all__ = [
    "KINDS",
    "MADE",
    "METHODS",
    "OBJECTS",
    "PROPERTIES",
    "PROPERTY_COLLECTOR",
    "REFUSED",
    "ROOT_FOLDER",
    "SERVICE_INSTANCE",
    "SESSION_MANAGER",
    "SESSION_METHODS",
    "SESSION_PROPERTIES",
    "Call",
    "Method",
    "Property",
    "has_some",
    "is_a",
    "is_method_name",
    "keyword",
    "method_of",
    "resolve",
    "session_object_id",
]

_MODULES = (
    session_manager,
    service_instance,
    property_collector,
    inventory,
    views,
    authorization,
    events,
    managers,
)

METHODS: Mapping[tuple[str, str], Method] = {
    (row.on, row.name): row for module in _MODULES for row in module.METHODS
}
"""Every method that does something, by object type and name."""

PROPERTIES: Mapping[tuple[str, str], Property] = {
    (row.on, row.name): row for module in _MODULES for row in module.PROPERTIES
}
"""Every property, by object type and name."""

_RETRIEVES = ("RetrieveProperties", "RetrievePropertiesEx")

SESSION_METHODS: Mapping[tuple[str, str], Method] = {
    key: row
    for key, row in METHODS.items()
    if row.on in ("SessionManager", "ServiceInstance") or row.name in _RETRIEVES
}
"""The methods that sessions need: those that the documents list one by one."""

SESSION_PROPERTIES: Mapping[tuple[str, str], Property] = {
    key: row
    for key, row in PROPERTIES.items()
    if row.on == "SessionManager" or key[1] in ("content", "serverClock")
}
"""The properties of the same kind."""

_NAMES = frozenset(name for _, name in (*METHODS, *REFUSED))


def method_of(kind: str, name: str) -> Method | None:
    """The method of this name that a type has, also one that is always refused."""
    return METHODS.get((kind, name)) or REFUSED.get((kind, name))


def is_method_name(name: str) -> bool:
    """Whether some type has a method of this name."""
    return name in _NAMES
