"""Data types of the vim25 schema that sessions need: names, members, and their order.

The order is the WSDL's: .NET and Java stubs may skip elements that come out of turn. Sources: the
vendor's API pages of SessionManager, ServiceInstance and PropertyCollector.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec


class MoRef(msgspec.Struct, frozen=True):
    """A managed object reference: type and id."""

    kind: str
    name: str


class Data(msgspec.Struct):
    """A data object: its WSDL type name, and its set members in WSDL order."""

    type: str
    members: dict[str, "Value"]


class Boxed(msgspec.Struct):
    """A value in a slot that may hold any type, so that its type must travel with it."""

    type: str
    value: "Value"
    array: bool = False


Value: TypeAlias = str | bool | int | bytes | datetime | MoRef | Data | Boxed | Sequence["Value"]


class Field(msgspec.Struct, frozen=True):
    """A member of a data object, a parameter, or a result."""

    name: str
    type: str
    optional: bool = False
    array: bool = False
    secret: bool = False
    """Text that must become a Secret the moment it is read."""
    about: str = ""


PRIMITIVES = frozenset({"string", "boolean", "int", "long", "dateTime", "base64Binary"})
"""Names as in XML Schema; JSON calls base64Binary "binary"."""

MOREF = "ManagedObjectReference"
ANY = "anyType"
# JSON numbers above this lose their last digits in many clients; vim25 calls the type long.
LARGEST_LONG = 2**63 - 1


def _fields(text: str, about: Mapping[str, str] | None = None) -> tuple[Field, ...]:
    """Read `name:type`, with `?` for optional and `*` for any number, separated by blanks."""
    fields = []
    for item in text.split():
        name, _, kind = item.partition(":")
        fields.append(
            Field(
                name,
                kind.rstrip("?*"),
                optional=kind.endswith(("?", "*")),
                array=kind.endswith("*"),
                about=(about or {}).get(name, ""),
            )
        )
    return tuple(fields)


_METHOD_FAULT = _fields("faultCause:LocalizedMethodFault? faultMessage:LocalizableMessage*")

_NO_PERMISSION = (*_METHOD_FAULT, *_fields(f"object:{MOREF}? privilegeId:string?"))

TYPES: Mapping[str, tuple[Field, ...]] = {
    "UserSession": _fields(
        "key:string userName:string fullName:string loginTime:dateTime lastActiveTime:dateTime"
        " locale:string messageLocale:string extensionSession:boolean ipAddress:string"
        " userAgent:string callCount:long",
        {
            "key": "Public name of the session: shown in lists, ends it, never a credential.",
            "userName": "The user of this session, as the directory spells the name.",
            "fullName": "The user's full name, or the user name where none is known.",
            "loginTime": "When the session was opened.",
            "lastActiveTime": "When the session was last used.",
            "locale": "Locale for the formats of data, and the one preferred for messages.",
            "messageLocale": "Locale in which messages really come.",
            "extensionSession": "Whether an extension opened this session.",
            "ipAddress": "Address of the client, or the socket's name for a local client.",
            "userAgent": "Name of the client program, as it said itself.",
            "callCount": "Authenticated calls since the session was opened.",
        },
    ),
    "AboutInfo": _fields(
        "name:string fullName:string vendor:string version:string patchLevel:string? build:string"
        " localeVersion:string? localeBuild:string? osType:string productLineId:string"
        " apiType:string apiVersion:string instanceUuid:string? licenseProductName:string?"
        " licenseProductVersion:string?"
    ),
    "ServiceContent": _fields(
        f"rootFolder:{MOREF} propertyCollector:{MOREF} about:AboutInfo sessionManager:{MOREF}?"
    ),
    "SessionManagerLocalTicket": _fields("userName:string passwordFilePath:string"),
    "SessionManagerGenericServiceTicket": _fields(
        "id:string hostName:string? sslThumbprint:string? certThumbprintList:string*"
        " ticketType:string? sslCertificate:string?"
    ),
    "SessionManagerServiceRequestSpec": (),
    "SessionManagerHttpServiceRequestSpec": _fields("method:string? url:string"),
    "SessionManagerVmomiServiceRequestSpec": _fields("method:string"),
    "PropertySpec": _fields("type:string all:boolean? pathSet:string*"),
    "ObjectSpec": _fields(f"obj:{MOREF} skip:boolean?"),
    "PropertyFilterSpec": _fields(
        "propSet:PropertySpec* objectSet:ObjectSpec* reportMissingObjectsInResults:boolean?"
    ),
    "RetrieveOptions": _fields("maxObjects:int?"),
    "RetrieveResult": _fields("token:string? objects:ObjectContent*"),
    "ObjectContent": _fields(f"obj:{MOREF} propSet:DynamicProperty* missingSet:MissingProperty*"),
    "DynamicProperty": _fields(f"name:string val:{ANY}"),
    "MissingProperty": _fields("path:string fault:LocalizedMethodFault"),
    "LocalizedMethodFault": _fields("fault:MethodFault localizedMessage:string?"),
    "LocalizableMessage": _fields("key:string arg:KeyAnyValue* message:string?"),
    "KeyAnyValue": _fields(f"key:string value:{ANY}"),
    "MethodFault": _METHOD_FAULT,
    "InvalidLogin": _METHOD_FAULT,
    "InvalidLocale": _METHOD_FAULT,
    "NoPermission": _NO_PERMISSION,
    "NotAuthenticated": _NO_PERMISSION,
    "NotFound": _METHOD_FAULT,
    "NotSupported": _METHOD_FAULT,
    "NoClientCertificate": _METHOD_FAULT,
    "NoSubjectName": _METHOD_FAULT,
    "SSPIChallenge": (*_METHOD_FAULT, *_fields("base64Token:string")),
    "InvalidArgument": (*_METHOD_FAULT, *_fields("invalidProperty:string?")),
    "InvalidRequest": _METHOD_FAULT,
    "InvalidProperty": (*_METHOD_FAULT, *_fields("name:string")),
    "MethodNotFound": (*_METHOD_FAULT, *_fields(f"receiver:{MOREF} method:string")),
    "ManagedObjectNotFound": (*_METHOD_FAULT, *_fields(f"obj:{MOREF}")),
    "SystemError": (*_METHOD_FAULT, *_fields("reason:string")),
}

BASES: Mapping[str, str] = {
    "SessionManagerHttpServiceRequestSpec": "SessionManagerServiceRequestSpec",
    "SessionManagerVmomiServiceRequestSpec": "SessionManagerServiceRequestSpec",
}
"""Which types may stand where a more general one is declared."""
