"""Release negotiation: the one operation of the Automation API that VI/JSON clients begin with."""

from sessiongate.dialects.openapi import Json, allow, as_json, refused_reference
from sessiongate.dialects.vim.openapi_schemas import reference
from sessiongate.wire.automation.hello import LONGEST_RELEASE, MOST_RELEASES, PATH
from sessiongate.wire.vim.json import RELEASES

TAG = "Automation API"
ERROR = "AutomationError"
SPEC = "HelloSpec"
RESULT = "HelloResult"


def paths() -> dict[str, Json]:
    """The path with its operation."""
    action = {
        "name": "action",
        "in": "query",
        "required": True,
        "schema": {"type": "string", "enum": ["hello"], "default": "hello"},
    }
    operation = {
        "operationId": "System_hello",
        "tags": [TAG],
        "summary": "Which release both sides speak.",
        "description": "The first of the client's releases that is served here, or an empty text.",
        "security": [],
        "parameters": [action],
        "requestBody": {
            "required": True,
            "content": as_json(reference(SPEC), {"api_releases": list(reversed(RELEASES))}),
        },
        "responses": {
            "200": {"description": "The release.", "content": as_json(reference(RESULT))},
            "400": _failure("The releases cannot be read, or are too many or too long."),
            "403": _failure("The request comes from a page of another origin."),
            "415": _failure("The body has a Content-Encoding."),
            "404": _failure("The query is not `action=hello`."),
            "405": {
                **_failure("The address does not take this HTTP method."),
                "headers": {"Allow": allow()},
            },
            "500": _failure("An internal error occurred."),
            "4XX": refused_reference(),
        },
    }
    return {PATH: {"post": operation}}


def tags() -> list[Json]:
    """One tag."""
    return [{"name": TAG, "description": "What VI/JSON clients ask before they log in."}]


def schemas() -> dict[str, Json]:
    """Request, reply and error body."""
    release = {"type": "string", "maxLength": LONGEST_RELEASE}
    releases = {
        "type": "array",
        "description": "The client's releases, the one it likes best first.",
        "minItems": 1,
        "maxItems": MOST_RELEASES,
        "items": release,
    }
    message = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "default_message": {"type": "string"},
            "args": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["id", "default_message", "args"],
    }
    return {
        SPEC: {
            "type": "object",
            "properties": {"api_releases": releases},
            "required": ["api_releases"],
        },
        RESULT: {
            "type": "object",
            "properties": {"api_release": {"type": "string"}},
            "required": ["api_release"],
        },
        ERROR: {
            "type": "object",
            "properties": {
                "error_type": {"type": "string"},
                "messages": {"type": "array", "items": message},
            },
            "required": ["error_type", "messages"],
        },
    }


def _failure(about: str) -> Json:
    return {"description": about, "content": as_json(reference(ERROR))}
