"""The OpenAPI document of the JSON twins, made from the lines of pages and actions themselves.

What a twin gives is what its page's function returns, so that nothing is written down twice.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, get_type_hints

import msgspec

from sessiongate import __version__
from sessiongate.operations.console.endpoint import BY_PERSON, TWINS
from sessiongate.operations.console.forms import FORM, JSON
from sessiongate.operations.console.origin_checks import HEADER
from sessiongate.operations.console.page import Action, Input, Look, Page, Raw, Visit
from sessiongate.operations.console.visitors import PLAIN_COOKIE, SECURE_COOKIE
from sessiongate.rules.access import LIST_SESSIONS, TERMINATE_SESSION

Json = dict[str, Any]

PATH = "openapi.json"

_ABOUT = (
    "What the console's pages show and do, for scripts: the same data, filters, pages and"
    " privileges. `sessiongate tokens create NAME --console --role ROLE` makes a token; it is sent"
    " as `Authorization: Bearer` and is good here alone."
)
_TEMPLATE = "#/components/schemas/{name}"
_ERROR, _DONE = "Error", "Done"
_REFUSALS = {
    "400": "What was asked for cannot be done so; the sentence says why.",
    "401": "Nobody known asks: no token, none of the console, or nobody who is signed in.",
    "403": "The role does not allow it, a token does not do for it, or another site's page asks.",
    "404": "There is nothing at this address, or what it names is over.",
    "429": "Too many wrong tokens came from this address.",
    "503": "It cannot be found out at this moment.",
    "4XX": "Refused before it was looked at: another Host, a verb or a form of request that is not"
    " taken.",
}


class Error(msgspec.Struct, frozen=True):
    """Why something was refused or not done."""

    error: str
    """A sentence."""


class Done(msgspec.Struct, frozen=True):
    """What was done."""

    did: str
    count: int
    """How many it was about; 0 where it was not about a number."""


def document_page(lines: Sequence[Page | Action]) -> Page:
    """The page that gives the document of these and of itself."""

    async def look(_: Visit) -> Raw:
        content = msgspec.json.encode(document([*lines, page]))
        return Raw(content, JSON, PATH)

    page = Page(PATH, "This document", look)
    return page


def document(lines: Sequence[Page | Action]) -> Json:
    """The OpenAPI 3.1 document of these lines."""
    shown = {one: kind for one in lines if isinstance(one, Page) and (kind := _shown_by(one.look))}
    kinds = [Error, Done, *dict.fromkeys(shown.values())]
    schemas, components = msgspec.json.schema_components(
        kinds, schema_hook=_anything, ref_template=_TEMPLATE
    )
    of_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Json] = {}
    for one in lines:
        at = paths.setdefault(f"{TWINS}{one.path}", {})
        if isinstance(one, Page):
            schema = of_kind[shown[one]] if one in shown else {}
            at["get"] = _looked_at(one, schema)
        else:
            at[one.verb.lower()] = _done_by(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sessiongate: the console, for scripts",
            "description": _ABOUT,
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {status: _refusal(about) for status, about in _REFUSALS.items()},
            "securitySchemes": _SCHEMES,
        },
    }


_SCHEMES: Json = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the console, made by `sessiongate tokens create`.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": SECURE_COOKIE,
        "description": f"Of a person who is signed in; `{PLAIN_COOKIE}` over plain HTTP. Changes"
        f" take the header {HEADER} with the value that this person's pages have.",
    },
}


def _anything(kind: type) -> Json:
    """The schema of `object`. For all else NotImplementedError, by which msgspec names the type."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Whatever JSON has a form for."}


def _shown_by(look: Look) -> type[msgspec.Struct] | None:
    """What a page's function returns; None for a file."""
    made = look.func if isinstance(look, partial) else look
    kind = get_type_hints(made)["return"]
    return None if kind is Raw else kind


def _looked_at(page: Page, schema: Json) -> Json:
    content = {page.content_type: {"schema": schema}}
    answer = {"description": "What the page shows.", "content": content}
    return {**_operation("get", page.path, page.title, page.needs, answer), **_parameters(page)}


def _done_by(action: Action) -> Json:
    content = {JSON: {"schema": _reference(_DONE)}}
    answer = {"description": "It was done.", "content": content}
    told = _operation(action.verb.lower(), action.path, action.title, action.needs, answer)
    if action.by_person:
        told["description"] += f" {BY_PERSON}"
        told["security"] = [{"cookie": []}]
    if action.verb == "DELETE":
        return {**told, **_parameters(action)}
    told |= _parameters(msgspec.structs.replace(action, asks=()))
    if action.asks:
        form = _form(action.asks)
        told["requestBody"] = {
            "required": bool(form["required"]),
            "content": {FORM: {"schema": form}, JSON: {"schema": form}},
        }
    return told


def _operation(verb: str, path: str, title: str, needs: str, answer: Json) -> Json:
    words = "".join(one if one.isalnum() else " " for one in path).split()
    enough = f"{LIST_SESSIONS} or {TERMINATE_SESSION}" if needs == LIST_SESSIONS else needs
    return {
        "operationId": "_".join([verb, *words]),
        "summary": f"{title}.",
        "description": f"Needs {enough}.",
        "security": [{"token": []}, {"cookie": []}],
        "responses": {
            "200": answer,
            **{one: {"$ref": f"#/components/responses/{one}"} for one in _REFUSALS},
        },
    }


def _parameters(line: Page | Action) -> Json:
    """The parameters in the address and in the query."""
    names = [one[1:-1] for one in line.path.split("/") if one.startswith("{")]
    there = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    there += [
        {
            "name": one.name,
            "in": "query",
            "description": one.about,
            "required": one.required,
            "schema": _schema(one),
        }
        for one in line.asks
    ]
    return {"parameters": there} if there else {}


def _form(asks: Sequence[Input]) -> Json:
    return {
        "type": "object",
        "properties": {one.name: {**_schema(one), "description": one.about} for one in asks},
        "required": [one.name for one in asks if one.required],
    }


def _schema(asked: Input) -> Json:
    text: Json = {"type": "string"}
    return {"type": "array", "items": text} if asked.many else text


def _reference(name: str) -> Json:
    return {"$ref": _TEMPLATE.format(name=name)}


def _refusal(about: str) -> Json:
    return {"description": about, "content": {JSON: {"schema": _reference(_ERROR)}}}
