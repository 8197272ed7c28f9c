"""The VI/JSON operations: one for each method and property that sessions need.

What an empty vCenter answers besides is not listed: three hundred operations would hide these.
"""

from collections.abc import Iterable

from sessiongate.dialects.openapi import (
    MESSAGE,
    Json,
    allow,
    as_json,
    header,
    refused_reference,
    retry_after,
)
from sessiongate.dialects.vim.openapi_schemas import reference, request_name, slot
from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.wire.vim.json import NEWER, PREFIX, RELEASES, SESSION_HEADER
from sessiongate.wire.vim.methods import (
    OBJECTS,
    SESSION_METHODS,
    SESSION_PROPERTIES,
    Method,
    Property,
)

SECURITY = "vmwareSession"

_KINDS = tuple(dict.fromkeys(kind for kind, _ in SESSION_METHODS))

# vim25 lets every call answer with a runtime fault, so that no method declares them. That of a
# missing session is among them, since a request may carry two that contradict each other.
_ANY_TIME = (
    "NotAuthenticated",
    "InvalidRequest",
    "InvalidArgument",
    "ManagedObjectNotFound",
    "SystemError",
)

_SESSION = {
    "_typeName": "UserSession",
    "key": "52a67ed8-0f0b-4714-8534-86a177fc5158",
    "userName": "administrator@vsphere.local",
    "fullName": "Administrator",
    "loginTime": "2026-01-02T03:04:05.123456Z",
    "lastActiveTime": "2026-01-02T03:04:05.123456Z",
    "locale": "en_US",
    "messageLocale": "en",
    "extensionSession": False,
    "ipAddress": "192.0.2.10",
    "userAgent": "curl/8.5.0",
    "callCount": 0,
}

# What a newcomer tries first. The API page fills it in and sends it at a press of a button, so it
# names nobody: a made-up password would be a failed try, held against whoever looks around.
_REQUESTS = {("SessionManager", "Login"): {"userName": "", "password": "", "locale": "en_US"}}
_RESULTS = {("SessionManager", "Login"): _SESSION}


def paths() -> dict[str, Json]:
    """Every path with its operation."""
    found: dict[str, Json] = {}
    for method in SESSION_METHODS.values():
        found[_path(method)] = {"parameters": _parameters(method.on), "post": _call(method)}
    for prop in SESSION_PROPERTIES.values():
        found[_path(prop)] = {"parameters": _parameters(prop.on), "get": _read(prop)}
    return found


def tags() -> list[Json]:
    """One tag for each type of managed object."""
    return [
        {"name": kind, "description": f"vSphere: the managed object {kind}."} for kind in _KINDS
    ]


def responses() -> dict[str, Json]:
    """Replies that every operation here shares."""
    verb = {
        "description": "The address does not take this HTTP method.",
        "headers": {"Allow": allow()},
        "content": as_json(_outermost(["InvalidRequest"])),
    }
    busy = {
        "description": "No answer for now: too many sessions, or something that the server needs"
        " is away.",
        "headers": {"Retry-After": retry_after()},
        "content": as_json({"oneOf": [_outermost(["SystemError"]), reference(MESSAGE)]}),
    }
    foreign = {
        "description": "The request comes from a page of another origin.",
        "content": as_json(_outermost(["InvalidRequest"])),
    }
    packed = {
        "description": "The body has a Content-Encoding.",
        "content": as_json(_outermost(["InvalidRequest"])),
    }
    return {
        "VimWrongVerb": verb,
        "VimUnavailable": busy,
        "VimForeignOrigin": foreign,
        "VimEncodedBody": packed,
    }


def security_schemes() -> dict[str, Json]:
    """How a session is shown."""
    about = f"The session of a log-in, from its reply's header `{SESSION_HEADER}`."
    scheme = {"type": "apiKey", "in": "header", "name": SESSION_HEADER, "description": about}
    return {SECURITY: scheme}


def _path(member: Method | Property) -> str:
    return f"{PREFIX}{{release}}/{member.on}/{{moId}}/{member.name}"


def _parameters(kind: str) -> list[Json]:
    release = {
        "name": "release",
        "in": "path",
        "required": True,
        "description": "The API's release: one that is published, or a newer one of the 9 line.",
        "schema": {
            "type": "string",
            "anyOf": [{"enum": list(RELEASES)}, {"pattern": f"^{NEWER}$"}],
        },
        "examples": {name: {"value": name} for name in reversed(RELEASES)},
    }
    target = {
        "name": "moId",
        "in": "path",
        "required": True,
        "description": f"The one {kind} that exists here.",
        "schema": {"type": "string", "enum": [OBJECTS[kind].name]},
    }
    return [release, target]


def _call(method: Method) -> Json:
    key = (method.on, method.name)
    operation = _operation(method, _needs(method.privilege))
    if method.params:
        operation["requestBody"] = {
            "required": any(not param.optional for param in method.params),
            "content": as_json(reference(request_name(method)), _REQUESTS.get(key)),
        }
    if method.result is None:
        done: Json = {"204": {"description": "Done."}}
    else:
        schema = slot(method.result, nullable=method.result.optional)
        reply: Json = {
            "description": "Done.",
            "content": as_json(schema, _RESULTS.get(key)),
        }
        if method.opens:
            about = "The new session. A secret: whoever has it is logged in."
            token = {"type": "string", "minLength": 1}
            reply["headers"] = {SESSION_HEADER: header(about, token, required=True)}
        done = {"200": reply}
    operation["responses"] = {**done, **_failures(method.faults, method.privilege), **_UNREAD}
    operation["security"] = _security(method)
    return operation


_UNREAD = {
    "403": {"$ref": "#/components/responses/VimForeignOrigin"},
    "415": {"$ref": "#/components/responses/VimEncodedBody"},
}


def _read(prop: Property) -> Json:
    operation = _operation(prop, _needs(prop.privilege, prop.also))
    schema = slot(prop.field, nullable=prop.field.optional)
    told = {"description": "The value, or null where it is unset."}
    if not prop.field.optional:
        told = {"description": "The value."}
    reply = {**told, "content": as_json(schema)}
    operation["responses"] = {"200": reply, **_failures((), prop.privilege)}
    optional: list[Json] = [{}] if prop.privilege == SYSTEM_ANONYMOUS else []
    operation["security"] = [{SECURITY: []}, *optional]
    return operation


def _operation(member: Method | Property, needs: str) -> Json:
    return {
        "operationId": f"{member.on}_{member.name}",
        "tags": [member.on],
        "summary": member.about,
        "description": needs,
    }


def _needs(privilege: str, also: str = "") -> str:
    if privilege == SYSTEM_ANONYMOUS:
        return f"Needs no privilege (`{privilege}`)."
    other = f", or `{also}`" if also else ""
    return f"Needs the privilege `{privilege}`{other}."


def _security(method: Method) -> list[Json]:
    """A log-in takes no session: on a live one it is refused."""
    if method.privilege != SYSTEM_ANONYMOUS or "NotAuthenticated" in method.faults:
        return [{SECURITY: []}]
    return [] if method.opens else [{SECURITY: []}, {}]


def _failures(declared: Iterable[str], privilege: str) -> dict[str, Json]:
    denied = ("NoPermission",) if privilege != SYSTEM_ANONYMOUS else ()
    faults = list(dict.fromkeys((*declared, *denied, *_ANY_TIME)))
    fault = {
        "description": f"A fault: {', '.join(faults)}.",
        "content": as_json(_outermost(faults)),
    }
    return {
        "500": fault,
        "405": {"$ref": "#/components/responses/VimWrongVerb"},
        "503": {"$ref": "#/components/responses/VimUnavailable"},
        "4XX": refused_reference(),
    }


def _outermost(faults: list[str]) -> Json:
    """One of these faults, with the sentence that only the outermost fault carries."""
    return {
        "type": "object",
        "oneOf": [reference(name) for name in faults],
        "discriminator": {"propertyName": "_typeName"},
        "required": ["faultstring"],
    }
