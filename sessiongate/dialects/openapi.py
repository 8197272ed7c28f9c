"""Parts of the API document that several dialects share, and what HTTP itself may answer."""

from typing import Any

Json = dict[str, Any]

MESSAGE = "Message"
"""Name of the component that Zerto's API and the HTTP edge answer errors with."""

REFUSED = "Refused"
"""Name of the reply for a request that no dialect gets to see."""


def message_schema() -> Json:
    """An error body with one sentence."""
    return {
        "type": "object",
        "properties": {"Message": {"type": "string", "description": "What is wrong."}},
        "required": ["Message"],
        "xml": {"name": "Error"},
    }


def refused() -> Json:
    """The reply to a request that cannot be read or is beyond the limits."""
    return {
        "description": "Refused before it is looked at: not readable as HTTP (400), too slow"
        " (408), or too large in its body (413) or its headers (431).",
        "content": as_json({"$ref": f"#/components/schemas/{MESSAGE}"}),
    }


def refused_reference() -> Json:
    """A reference to the shared reply."""
    return {"$ref": f"#/components/responses/{REFUSED}"}


def as_json(schema: Json, example: object = None) -> Json:
    """The content of a JSON body."""
    media: dict[str, Any] = {"schema": schema}
    if example is not None:
        media["example"] = example
    return {"application/json": media}


def header(about: str, schema: Json, *, required: bool = False) -> Json:
    """A response header."""
    return {"description": about, "schema": schema, "required": required}


def retry_after() -> Json:
    """The header of a reply that asks to try again."""
    return header("Seconds after which to try again.", {"type": "integer", "minimum": 0})


def allow() -> Json:
    """The header that lists which methods an address takes."""
    return header("The methods that this address takes.", {"type": "string"}, required=True)
