"""Zerto's operations. Which errors each may answer is said here; how they look, in `wire.zerto`."""

from collections.abc import Iterable

from sessiongate import errors
from sessiongate.dialects.openapi import (
    MESSAGE,
    Json,
    allow,
    header,
    refused_reference,
    retry_after,
)
from sessiongate.dialects.vim.openapi_schemas import reference
from sessiongate.wire.zerto import (
    CHALLENGE,
    END,
    FORMS,
    HYPERVISOR,
    INTERNAL,
    SESSION_HEADER,
    START,
    WINDOWS,
    Form,
)
from sessiongate.wire.zerto_resources import LISTS, SITE, TIME

TAG = "Zerto"
BASIC = "basic"
SECURITY = "zertoSession"
START_BODY = "StartSession"
SITE_BODY = "LocalSite"

_AWAY = (errors.StoreUnavailable, errors.Overloaded)
_UNREAD = (errors.EncodedBody, errors.ForeignOrigin)
_ON_START = (
    errors.Malformed,
    *_UNREAD,
    errors.BadCredentials,
    errors.NoPermission,
    errors.WrongVerb,
    errors.CapReached,
    errors.IdentityUnavailable,
    *_AWAY,
)
_WITH_SESSION = (errors.NoSession, errors.WrongVerb, *_AWAY)


def paths() -> dict[str, Json]:
    """Every path with its operation."""
    return {
        START: {"post": _start()},
        END: {"delete": _end()},
        TIME: {"get": _time()},
        SITE: {"get": _site()},
        **{path: {"get": _list(path)} for path in LISTS},
    }


def tags() -> list[Json]:
    """One tag for all of them."""
    about = "Zerto's session API. Letter case does not matter in its paths."
    return [{"name": TAG, "description": about}]


def schemas() -> dict[str, Json]:
    """The components that only these operations use, and the error body."""
    numbers = [WINDOWS, HYPERVISOR]
    method = {
        "description": f"Whose credentials they are: Windows ({WINDOWS}, also where none is"
        f" given) or the hypervisor manager's ({HYPERVISOR}). A number or its text.",
        "anyOf": [
            {"type": "string", "enum": [str(number) for number in numbers]},
            {"type": "integer", "enum": numbers},
        ],
    }
    body = {
        "type": "object",
        "properties": {"AuthenticationMethod": method},
        "xml": {"name": START_BODY},
    }
    return {START_BODY: body, SITE_BODY: _site_schema()}


def _site_schema() -> Json:
    texts = ("SiteIdentifier", "SiteName", "SiteType", "Location", "IpAddress", "Version")
    link = {"type": "object", "properties": {"href": {"type": "string", "format": "uri"}}}
    return {
        "type": "object",
        "properties": {**{name: {"type": "string"} for name in texts}, "Link": link},
        "required": list(texts),
        "xml": {"name": "LocalSiteApi"},
    }


def security_schemes() -> dict[str, Json]:
    """A password to begin with, a session from then on."""
    about = f"The session of `POST {START}`, from its reply's header `{SESSION_HEADER}`."
    return {
        BASIC: {"type": "http", "scheme": "basic", "description": "User name and password."},
        SECURITY: {
            "type": "apiKey",
            "in": "header",
            "name": SESSION_HEADER,
            "description": about,
        },
    }


def _start() -> Json:
    token = header(
        "The new session. A secret: whoever has it is logged in.",
        {"type": "string", "format": "uuid"},
        required=True,
    )
    media = {"schema": reference(START_BODY)}
    return {
        "operationId": "Zerto_startSession",
        "tags": [TAG],
        "summary": "Start a session.",
        "description": "The reply has no body: the session comes in its header"
        f" `{SESSION_HEADER}`. Thirty minutes without a call end it, unless the settings say"
        " otherwise.",
        "security": [{BASIC: []}],
        "requestBody": {
            "required": False,
            "content": {
                "application/json": {**media, "example": {"AuthenticationMethod": str(WINDOWS)}},
                "application/xml": media,
            },
        },
        "responses": {
            "200": {"description": "Started.", "headers": {SESSION_HEADER: token}},
            **_failures(_ON_START),
        },
    }


def _end() -> Json:
    return {
        "operationId": "Zerto_endSession",
        "tags": [TAG],
        "summary": "End the session.",
        "security": [{SECURITY: []}],
        "responses": {
            "200": {"description": "Ended."},
            **_failures((*_WITH_SESSION, *_UNREAD)),
        },
    }


def _time() -> Json:
    schema = {"type": "string", "format": "date-time", "xml": {"name": "dateTime"}}
    summary = "The server's time. Scripts call it to keep a session alive."
    return _read("serverDateTime", summary, "The time, in UTC.", schema)


def _site() -> Json:
    summary = "What this site is. Nothing of it changes while the server keeps its data directory."
    return _read("localsite", summary, "The site.", reference(SITE_BODY))


def _list(path: str) -> Json:
    name = path.removeprefix("/v1/")
    schema = {"type": "array", "maxItems": 0, "xml": {"name": f"ArrayOf{LISTS[path]}"}}
    return _read(name, f"The {name} of this site, of which there are none.", "Nothing.", schema)


def _read(name: str, summary: str, about: str, schema: Json) -> Json:
    media = {"schema": schema}
    content = {"application/json": media, "application/xml": media}
    return {
        "operationId": f"Zerto_{name}",
        "tags": [TAG],
        "summary": summary,
        "security": [{SECURITY: []}],
        "responses": {
            "200": {"description": about, "content": content},
            **_failures(_WITH_SESSION),
        },
    }


def _failures(kinds: Iterable[type[errors.SessionGateError]]) -> dict[str, Json]:
    kinds = tuple(kinds)
    forms: dict[int, list[Form]] = {}
    for form in (*(FORMS[kind] for kind in kinds), INTERNAL):
        forms.setdefault(form.status, []).append(form)
    found = {str(status): _failure(status, same) for status, same in sorted(forms.items())}
    return {**found, "4XX": refused_reference()}


# Where the error's own sentence is sent, this is what it is about.
_OWN = {
    400: "The request cannot be read.",
    403: "The request comes from a page of another origin.",
    415: "The body has a Content-Encoding.",
}


def _failure(status: int, forms: Iterable[Form]) -> Json:
    sentences = [form.text or _OWN[status] for form in forms]
    headers: Json = {}
    if any(form.challenge for form in forms):
        schema = {"type": "string", "const": CHALLENGE}
        headers["WWW-Authenticate"] = header("Asks for a password.", schema, required=True)
    if status == 405:
        headers["Allow"] = allow()
    if status == 503:
        headers["Retry-After"] = retry_after()
    media = {"schema": reference(MESSAGE)}
    reply: Json = {
        "description": " ".join(dict.fromkeys(sentences)),
        "content": {"application/json": media, "application/xml": media},
    }
    return {**reply, "headers": headers} if headers else reply
