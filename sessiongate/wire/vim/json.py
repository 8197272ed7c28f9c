"""VI/JSON: the vim25 methods and properties as JSON over HTTP, `/sdk/vim25/{release}/...`.

Source: the vendor's VI/JSON reference, and what govmomi and other clients really send and need
(docs/wire.md): no Content-Type, an absent body, `_typeName` in three spellings or none.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from sessiongate.errors import (
    Malformed,
    Refused,
    UnknownAddress,
    UnknownMethod,
    UnknownObject,
    UnknownProperty,
    WrongVerb,
)
from sessiongate.secret import Secret
from sessiongate.wire.json_body import is_blank, read_json
from sessiongate.wire.times import moment
from sessiongate.wire.vim.faults import Fault
from sessiongate.wire.vim.methods import (
    PROPERTIES,
    Call,
    Method,
    has_some,
    keyword,
    method_of,
    resolve,
)
from sessiongate.wire.vim.request import Unread, VimRequest
from sessiongate.wire.vim.types import (
    BASES,
    LARGEST_LONG,
    MOREF,
    TYPES,
    ApiVersion,
    Boxed,
    Data,
    Field,
    MoRef,
    Value,
    version_of,
)

PREFIX = "/sdk/vim25/"
SESSION_HEADER = "vmware-api-session-id"

LONGEST_PATH = 2048
"""Characters. A view's is the longest and has about 150. Percent signs are read one by one."""

RELEASES = ("8.0.1.0", "8.0.2.0", "8.0.3.0", "9.0.0.0", "9.1.0.0")
"""The published releases. Newer ones of the 9 line are taken too: clients announce their own."""
NEWER = r"9(\.[0-9]{1,3}){3}"
"""What a newer release looks like, as a regular expression that JSON Schema reads the same way."""
_NEWER = re.compile(NEWER)


def knows_release(release: str) -> bool:
    """Whether this release is served: the published ones and any newer 9.x."""
    return release in RELEASES or _NEWER.fullmatch(release) is not None


# Clients announce releases of their own making, a thousand different ones for each digit.
@lru_cache(64)
def _as_version(release: str) -> ApiVersion:
    return version_of(release)


def version_in(path: str) -> ApiVersion:
    """The version of the API that a path names by its release; none where it names none."""
    release = path.removeprefix(PREFIX).partition("/")[0]
    return _as_version(release) if knows_release(release) else ()


def read_request(verb: str, path: str, body: bytes) -> VimRequest:
    """What a request asks. `path` is raw, below PREFIX.

    Raises Unread: with UnknownAddress (path or release), UnknownObject, UnknownMethod,
    UnknownProperty, WrongVerb, or Malformed (the body).
    """
    target, name, reads, call = None, "", verb == "GET", None
    try:
        target, name = read_path(path)
        call = read_call(verb, target, name)
        member = call.member
        arguments = read_arguments(member, body) if isinstance(member, Method) else {}
    except Refused as error:
        raise Unread(error, VimRequest(target, name, reads, call, body=body)) from error
    return VimRequest(target, name, reads, call, arguments, body=body)


def read_path(path: str) -> tuple[MoRef, str]:
    """Object and member name of a path, each segment decoded once. Raises UnknownAddress."""
    segments = path.removeprefix(PREFIX).split("/")
    if len(segments) != 4 or len(path) > LONGEST_PATH:
        raise UnknownAddress("the path is not /sdk/vim25/{release}/{moType}/{moId}/{name}")
    release, kind, name, member = (_decoded(segment) for segment in segments)
    if not knows_release(release):
        raise UnknownAddress("this release is not served")
    return MoRef(kind, name), member


def read_call(verb: str, target: MoRef, name: str) -> Call:
    """What a request addresses, in vim's order: object type, object, member, verb."""
    if not has_some(target.kind):
        raise UnknownAddress(f"there is no object of the type {target.kind[:200]!r} here")
    known = resolve(target)
    if known is None:
        raise UnknownObject(target.kind, target.name)
    method, prop = method_of(known.kind, name), PROPERTIES.get((known.kind, name))
    if method is not None:
        if verb != "POST":
            raise WrongVerb("POST")
        return Call(known, method)
    if prop is not None:
        if verb != "GET":
            raise WrongVerb("GET")
        return Call(known, prop)
    if verb == "GET":
        raise UnknownProperty(name)
    raise UnknownMethod(target.kind, target.name, name)


def _decoded(segment: str) -> str:
    text = segment
    if "%" in segment:
        try:
            text = unquote(segment, errors="strict")
        except UnicodeDecodeError:
            raise UnknownAddress("the path is not UTF-8") from None
    if not text or not text.isprintable():
        raise UnknownAddress("the path holds an empty or unprintable part")
    return text


def read_arguments(method: Method, body: bytes) -> dict[str, Any]:
    """The handler's keyword arguments. Raises Malformed, naming the member that is at fault.

    A missing body is an empty object. Unknown members are ignored, `_typeName` among them.
    """
    raw: object = {}
    if not is_blank(body):
        raw = read_json(body)
    if not isinstance(raw, dict):
        raise Malformed("the body is not a JSON object")
    return {
        keyword(param.name): Secret(value) if param.secret and isinstance(value, str) else value
        for param in method.params
        if (value := _member(param, raw, 0)) is not None
    }


# specSet > objectSet > obj is the deepest that our methods take.
_DEEPEST = 16


def _member(field: Field, holder: Mapping[str, object], depth: int) -> Value | None:
    raw = holder.get(field.name)
    if raw is None:
        if field.optional:
            return None
        raise Malformed(f"the member {field.name} is missing")
    if field.array:
        if not isinstance(raw, list):
            raise Malformed(f"the member {field.name} is not an array")
        return [_read(field, item, depth) for item in raw]
    return _read(field, raw, depth)


def _read(field: Field, raw: object, depth: int) -> Value:
    if depth > _DEEPEST:
        raise Malformed("the body is nested too deep")
    kind = field.type
    if kind == "string" and isinstance(raw, str):
        return raw
    if kind == "boolean" and isinstance(raw, bool):
        return raw
    if kind in ("int", "long") and isinstance(raw, int) and not isinstance(raw, bool):
        if abs(raw) <= LARGEST_LONG:
            return raw
    elif kind == "base64Binary" and isinstance(raw, str):
        return binary(field, raw)
    elif kind == "dateTime" and isinstance(raw, str):
        return read_moment(field, raw)
    elif isinstance(raw, dict) and kind == MOREF:
        return _reference(field, raw)
    elif isinstance(raw, dict) and kind in TYPES:
        return _data(field, raw, depth)
    raise Malformed(f"the member {field.name} is not of the type {kind}")


def binary(field: Field, raw: str) -> bytes:
    """Base64 text as bytes. Raises Malformed."""
    try:
        return b64decode(raw, validate=True)
    except ValueError:
        raise Malformed(f"the member {field.name} is not base64") from None


def read_moment(field: Field, raw: str) -> datetime:
    """A dateTime's text as a time in UTC, which one without a zone is in. Raises Malformed."""
    try:
        when = msgspec.convert(raw, datetime)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise Malformed(f"the member {field.name} is not a dateTime") from None


def _reference(field: Field, raw: Mapping[str, object]) -> MoRef:
    kind, name = raw.get("type"), raw.get("value")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise Malformed(f"the member {field.name} is not an object reference")
    return MoRef(kind, name)


def _data(field: Field, raw: Mapping[str, object], depth: int) -> Data:
    named = raw.get("_typeName", field.type)
    if named != field.type and (not isinstance(named, str) or BASES.get(named) != field.type):
        raise Malformed(f"the member {field.name} is not of the type {field.type}")
    members = {
        inner.name: value
        for inner in TYPES[named]
        if (value := _member(inner, raw, depth + 1)) is not None
    }
    return Data(named, members)


def write_result(value: Value | None) -> bytes:
    """A result or property as the JSON body of a 200 reply; `null` for one that is unset."""
    return msgspec.json.encode(to_json(value)) if value is not None else b"null"


def write_fault(fault: Fault) -> bytes:
    """The fault object with `faultstring` beside its members, as real servers send it."""
    body = to_json(fault.data)
    return msgspec.json.encode({**body, "faultstring": fault.message})


def to_json(value: Value) -> Any:  # noqa: ANN401 - JSON is whatever JSON is
    """A value as plain JSON. Data carry `_typeName`; boxed values say their type."""
    # Leaves first, as most values are some. None is asked whether it is a Sequence, which for a
    # text or a date takes longer than all the rest.
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Data):
        return {
            "_typeName": value.type,
            **{name: to_json(member) for name, member in value.members.items()},
        }
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, MoRef):
        return {"_typeName": MOREF, "type": value.kind, "value": value.name}
    if isinstance(value, Boxed):
        return _boxed(value)
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    return [to_json(item) for item in value]


_PLAIN = (str, int)  # int also stands for bool


def _boxed(box: Boxed) -> Any:  # noqa: ANN401 - JSON is whatever JSON is
    plain = to_json(box.value)
    if box.array:
        name = box.type[:1].upper() + box.type[1:]
        return {"_typeName": f"ArrayOf{name}", "_value": plain}
    if isinstance(box.value, Data | MoRef):
        return plain
    return {"_typeName": "binary" if box.type == "base64Binary" else box.type, "_value": plain}
