"""SOAP 1.1 at `/sdk`: the vim25 methods and properties as XML, the form most clients speak.

Reads an envelope into a call on the table of `vim.methods`, and writes values and faults in the
order of the WSDL. Names go by namespace and local name, never by prefix; attributes and optional
members that we do not know are passed over, as newer clients send them to older servers. `Fetch`,
which no WSDL lists, is how pyVmomi reads a property: here it is a call on that property.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sessiongate import errors
from sessiongate.errors import Malformed, Refused
from sessiongate.secret import Secret
from sessiongate.wire.carriers import SOAP_COOKIE, VC_COOKIE
from sessiongate.wire.times import moment
from sessiongate.wire.vim.faults import Fault
from sessiongate.wire.vim.json import binary, read_moment
from sessiongate.wire.vim.methods import (
    PROPERTIES,
    Call,
    Method,
    is_method_name,
    keyword,
    method_of,
    resolve,
)
from sessiongate.wire.vim.request import Unread, VimRequest
from sessiongate.wire.vim.types import (
    BASES,
    LARGEST_LONG,
    MOREF,
    PRIMITIVES,
    TYPES,
    Boxed,
    Data,
    Field,
    MoRef,
    Value,
)
from sessiongate.wire.xml import Element, escape, parse

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
VIM = "urn:vim25"
VIM2 = "urn:vim2"
"""What the API was called before 2.5. Some clients still ask for the first two calls by it."""
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

PATHS = frozenset({"/sdk", "/sdk/", "/sdk/vimService"})
"""Where the endpoint is: the address that all use now, and those of older clients."""

FETCH = "Fetch"

# XML's own white space, and no more: with anything else around it a token is another text.
_SPACE = " \t\r\n"


class Message(msgspec.Struct, frozen=True):
    """A readable envelope: the body's one element, and what its header says of the session."""

    call: Element
    carriers: tuple[tuple[str, str], ...]
    operation_id: str = ""
    """What the client calls this request in its own log."""
    asserted: bool = False
    """Whether a SAML assertion stands in its header, where WS-Security has it."""


def read_request(document: bytes) -> VimRequest:
    """What the request with this body asks.

    Raises Malformed where it is no envelope, so that not even a method is determined; else Unread,
    with Malformed, UnknownObject, UnknownName, UnknownMethod or UnknownProperty.
    """
    message = read_envelope(document)
    target, call = None, None
    arguments: dict[str, Any] = {}
    refused = None
    try:
        target = read_target(message.call)
        call = read_call(message.call, target)
        target = call.target  # with the type that the client may have left out
        if isinstance(call.member, Method):
            arguments = read_arguments(call.member, message.call)
    except Refused as error:
        refused = error
    request = VimRequest(
        target,
        _named(message.call),
        message.call.name == FETCH,
        call,
        arguments,
        message.carriers,
        message.asserted,
        message.operation_id,
        document,
        VIM2 if message.call.namespace == VIM2 else VIM,
    )
    if refused is not None:
        raise Unread(refused, request) from refused
    return request


def _named(call: Element) -> str:
    """The method, or the path that a Fetch is for."""
    path = call.child("prop") if call.name == FETCH else None
    return path.text if path is not None else call.name


def read_envelope(document: bytes) -> Message:
    """The message of a request's body. Raises Malformed before any method is determined."""
    return message_of(parse(document))


def message_of(root: Element) -> Message:
    """The same of a parsed document."""
    if root.name != "Envelope" or root.namespace != ENVELOPE:
        raise Malformed("the document is not a SOAP 1.1 envelope")
    bodies = [part for part in root.children if _is_soap(part, "Body")]
    if len(bodies) != 1 or len(bodies[0].children) != 1:
        raise Malformed("the envelope does not hold one body with one element")
    call = bodies[0].children[0]
    blocks = [one for part in root.children if _is_soap(part, "Header") for one in part.children]
    if not blocks:
        return Message(call, ())
    return Message(call, tuple(_carriers(blocks)), _operation_id(blocks), _asserted(blocks))


def _operation_id(blocks: list[Element]) -> str:
    return next((block.text.strip() for block in blocks if block.name == "operationID"), "")


def _asserted(blocks: list[Element]) -> bool:
    return any(
        part.name == "Assertion"
        for block in blocks
        if block.name == "Security" and block.namespace == SECURITY
        for part in block.children
    )


def _carriers(blocks: list[Element]) -> Iterator[tuple[str, str]]:
    """The session's token as clients copy it from another service's cookie, name and all or not."""
    for block in blocks:
        if block.name == VC_COOKIE:
            text = block.text.partition(";")[0].strip(_SPACE).removeprefix(f"{SOAP_COOKIE}=")
            yield VC_COOKIE, text.strip('"')


def _is_soap(part: Element, name: str) -> bool:
    return part.name == name and part.namespace == ENVELOPE


def read_target(call: Element) -> MoRef:
    """The object that a call is for, by its id and perhaps its type. Raises Malformed."""
    this = call.child("_this")
    if this is None or this.children or not this.text.strip():
        raise Malformed("the member _this is missing or is not an object reference")
    return MoRef(this.attributes.get(("", "type"), ""), this.text.strip())


def read_call(call: Element, target: MoRef) -> Call:
    """What the request addresses, in vim's order: first the object, then the method.

    Raises UnknownObject, UnknownName (that no object has), UnknownMethod (one that others have),
    UnknownProperty, or Malformed.
    """
    known = resolve(target)
    if known is None:
        raise errors.UnknownObject(target.kind, target.name)
    if call.namespace not in (VIM, VIM2):
        raise Malformed(f"the method is not in the namespace {VIM}")
    if call.name == FETCH:
        path = _single(_FETCHED, _members(call), FETCH)
        prop = PROPERTIES.get((known.kind, path.text)) if path is not None else None
        if prop is None:
            raise errors.UnknownProperty(path.text if path is not None else "")
        return Call(known, prop)
    method = method_of(known.kind, call.name)
    if method is None:
        if is_method_name(call.name):
            raise errors.UnknownMethod(known.kind, known.name, call.name)
        raise errors.UnknownName(call.name)
    return Call(known, method)


_FETCHED = Field("prop", "string")


def read_arguments(method: Method, call: Element) -> dict[str, Any]:
    """The handler's keyword arguments. Raises Malformed, naming the member that is at fault."""
    members = _members(call)
    return {
        keyword(param.name): Secret(value) if param.secret and isinstance(value, str) else value
        for param in method.params
        if (value := _member(param, members, method.name)) is not None
    }


def _members(holder: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for child in holder.children:
        # Some toolkits leave members unqualified.
        if child.namespace in (VIM, "", VIM2) and child.attributes.get(_NIL) not in ("true", "1"):
            found.setdefault(child.name, []).append(child)
    return found


_NIL = (XSI, "nil")
_TYPE = (XSI, "type")


def _member(field: Field, members: Mapping[str, list[Element]], owner: str) -> Value | None:
    if field.array:
        items = members.get(field.name, [])
        if not items and not field.optional:
            raise _missing(field, owner)
        return [_read(field, item) for item in items] or None
    item = _single(field, members, owner)
    return _read(field, item) if item is not None else None


def _single(field: Field, members: Mapping[str, list[Element]], owner: str) -> Element | None:
    items = members.get(field.name, [])
    if not items:
        if field.optional:
            return None
        raise _missing(field, owner)
    if len(items) > 1:
        raise Malformed(f"the member {field.name} comes more than once")
    return items[0]


def _missing(field: Field, owner: str) -> Malformed:
    # The words of real servers, which people search for.
    return Malformed(f"Required property {field.name} is missing from data object of type {owner}")


_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _read(field: Field, item: Element) -> Value:
    kind, text = field.type, item.text.strip()
    if kind in TYPES:
        return _data(field, item)
    if item.children:
        raise _wrong(field)
    if kind == "string":
        return item.text
    if kind == "boolean" and text in _BOOLEANS:
        return _BOOLEANS[text]
    if kind in ("int", "long") and _INTEGER.fullmatch(text) and abs(int(text)) <= LARGEST_LONG:
        return int(text)
    if kind == "base64Binary":
        return binary(field, "".join(text.split()))
    if kind == "dateTime":
        return read_moment(field, text)
    if kind == MOREF and (of := item.attributes.get(("", "type"))):
        return MoRef(of, text)
    raise _wrong(field)


def _data(field: Field, item: Element) -> Data:
    # The prefix is gone by now; all types that a client may send are of one namespace.
    named = item.attributes.get(_TYPE, field.type).rpartition(":")[2].strip()
    if named != field.type and BASES.get(named) != field.type:
        raise _wrong(field)
    members = _members(item)
    return Data(
        named,
        {
            inner.name: value
            for inner in TYPES[named]
            if (value := _member(inner, members, named)) is not None
        },
    )


def _wrong(field: Field) -> Malformed:
    return Malformed(f"the member {field.name} is not of the type {field.type}")


# Out: envelopes of results and of faults

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"'
    f' xmlns:soapenv="{ENVELOPE}" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    f' xmlns:xsi="{XSI}">\n<soapenv:Body>\n'
)
_TAIL = "\n</soapenv:Body>\n</soapenv:Envelope>"


def write_result(call: Call, value: Value | None, namespace: str = VIM) -> bytes:
    """The reply to a call: nothing in it for a void method or an unset value.

    It is in the namespace in which the call came.
    """
    member = call.member
    if isinstance(member, Method):
        name, result = member.name, member.result
        inner = _written(result, value) if result is not None and value is not None else ""
    else:
        name = FETCH
        boxed = Boxed(member.field.type, value, member.field.array) if value is not None else None
        inner = _written(_FETCH_RESULT, boxed) if boxed is not None else ""
    return f'{_HEAD}<{name}Response xmlns="{namespace}">{inner}</{name}Response>{_TAIL}'.encode()


_FETCH_RESULT = Field("returnval", "anyType")


def write_fault(fault: Fault) -> bytes:
    """A fault with its vim25 object as the detail."""
    kind = fault.data.type
    detail = (
        f'<detail><{kind}Fault xmlns="{VIM}" xsi:type="{kind}">'
        f"{_inside(fault.data)}</{kind}Fault></detail>"
    )
    return _fault("ServerFaultCode", fault.message, detail)


def write_unreadable(error: Malformed) -> bytes:
    """The fault for a document in which no method was found. The words are those of real ones."""
    text = (
        f"\nThe Expat parser found an error: {error}\n\n"
        "while parsing HTTP request before method was determined\nat line 1, column 0"
    )
    return _fault("ClientFaultCode", text, "")


def _fault(code: str, text: str, detail: str) -> bytes:
    return (
        f"{_HEAD}<soapenv:Fault><faultcode>{code}</faultcode>"
        f"<faultstring>{escape(text)}</faultstring>{detail}</soapenv:Fault>{_TAIL}"
    ).encode()


def _written(field: Field, value: Value) -> str:
    if isinstance(value, str):  # first, as most values are texts
        return f"<{field.name}>{escape(value)}</{field.name}>"
    if type(value) in _PLAIN:
        return f"<{field.name}>{_text(value)}</{field.name}>"
    if field.array and isinstance(value, list | tuple):
        return "".join(_element(field.name, field.type, item) for item in value)
    return _element(field.name, field.type, value)


def _element(name: str, declared: str, value: Value) -> str:
    if isinstance(value, Boxed):
        return _boxed(name, value)
    if isinstance(value, Data):
        # A type is said where the slot alone does not say it.
        said = "" if value.type == declared else f' xsi:type="{value.type}"'
        return f"<{name}{said}>{_inside(value)}</{name}>"
    if isinstance(value, MoRef):
        return f'<{name} type="{escape(value.kind)}">{escape(value.name)}</{name}>'
    return f"<{name}>{_text(value)}</{name}>"


def _boxed(name: str, box: Boxed) -> str:
    value = box.value
    if box.array and isinstance(value, list | tuple):
        items = "".join(_element(box.type, box.type, item) for item in value)
        return f'<{name} xsi:type="ArrayOf{box.type[:1].upper()}{box.type[1:]}">{items}</{name}>'
    if isinstance(value, Data):
        return _element(name, "", value)
    if isinstance(value, MoRef):
        kind = escape(value.kind)
        return f'<{name} xsi:type="{MOREF}" type="{kind}">{escape(value.name)}</{name}>'
    prefix = "xsd:" if box.type in PRIMITIVES else ""
    return f'<{name} xsi:type="{prefix}{box.type}">{_text(value)}</{name}>'


def _inside(data: Data) -> str:
    """The members in the order of the type: stubs of .NET and Java skip what comes out of turn."""
    kept, fields = data.members, TYPES[data.type]
    return "".join([_written(one, kept[one.name]) for one in fields if one.name in kept])


_PLAIN = frozenset({bool, int, datetime})


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    return escape(str(value))
