"""A VI/JSON request that is to be sent on to an upstream: what it asks, and how it is written anew.

Object and method stand in the path, arguments in the body. Both are written from what was read
here: the upstream gets the one spelling of what was judged. What two readers could take for two
calls is refused all the same: a member twice or in other letters, a mark of the byte order, an id
that is encoded twice, a body that names another method than the path.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import msgspec

from sessiongate.errors import Malformed, UnknownAddress, UnknownMethod, UnknownProperty, WrongVerb
from sessiongate.wire.http import Ask, Headers
from sessiongate.wire.json_body import OF_KNOWN, OF_STRANGERS, is_blank, read_json
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.json import LONGEST_PATH, PREFIX
from sessiongate.wire.vim.relayed import (
    OF_A_SESSION,
    RETRIEVES,
    SESSION_MANAGER_ID,
    Place,
    Relayed,
    rewritten,
)
from sessiongate.wire.vim.soap import FETCH, VIM
from sessiongate.wire.vim.types import MoRef

T = TypeVar("T")

_RELEASE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,79}")
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,79}(?:_Task)?")
# A method begins with a capital or ends with `_Task`, but for a few: a server that reads verbs less
# strictly than it should runs none by a GET of ours.
_PROPERTY = re.compile(r"[a-z][A-Za-z0-9]{0,79}")
_METHODS_TOO = frozenset(
    {
        *("fetchSoftwarePackages", "getClusterMode", "getVchaConfig", "installDate"),
        *("queryDatacenterConfigOptionDescriptor", "setCustomValue", "startDpuFailover"),
    }
)
"""Methods that look like properties, by the vendor's reference up to 9.1."""

_ID = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@\[\]-]|%[0-9A-Fa-f]{2}){1,900}")
_NEEDLESS = re.compile(r"%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
"""What needs no percent sign, and has one: letters, digits and `-._~`."""
_NEVER_IN_AN_ID = re.compile(r"[^!-~]|[/\\%?#\"<>`{}|^]")

_JUDGED = frozenset(
    {
        *("_typeName", "all", "obj", "objectSet", "path", "pathSet", "propSet", "selectSet"),
        *("sessionId", "spec", "specSet", "token", "type", "value"),
    }
)
"""Members by which a call is judged."""
_IN_SMALL_LETTERS = frozenset(map(str.lower, _JUDGED))
_ANOTHER = "sessionID"
"""A member of the API that is none of them: of a guest's session, or ours to answer."""

IN_THE_PATH = -1
"""Where the id of the target is."""

_TURNING = frozenset({"ContinueRetrievePropertiesEx", "CancelRetrievePropertiesEx"})

_MARK = b"\x00"
"""Stands in no JSON: two of them enclose the number of a text that may be rewritten."""


class MemberAddress(msgspec.Struct, frozen=True):
    """What a path names."""

    release: str
    target: MoRef
    member: str
    reads: bool
    """Whether the member is a property."""

    @property
    def is_about_sessions(self) -> bool:
        """Whether it is the SessionManager, also for a reader that ignores case."""
        return self.target.kind == SESSION_MANAGER_ID or _is_manager(self.target.name)


def read_address(verb: str, path: str) -> MemberAddress:
    """What a raw path names. Raises UnknownAddress, UnknownMethod, UnknownProperty, WrongVerb."""
    segments = path.removeprefix(PREFIX).split("/")
    if len(segments) != 4 or len(path) > LONGEST_PATH:
        raise UnknownAddress("the path is not /sdk/vim25/{release}/{moType}/{moId}/{name}")
    release, kind, written, member = segments
    if _RELEASE.fullmatch(release) is None or _KIND.fullmatch(kind) is None:
        raise UnknownAddress("the path has no release or no type where they should be")
    target = MoRef(kind, _id(written))
    if verb not in ("GET", "POST"):
        raise WrongVerb("GET", "POST")
    if verb == "GET":
        if _PROPERTY.fullmatch(member) is None or member in _METHODS_TOO:
            raise UnknownProperty(member)
    elif _METHOD.fullmatch(member) is None or member == FETCH:
        raise UnknownMethod(kind, target.name, member)
    return MemberAddress(release, target, member, verb == "GET")


def _id(written: str) -> str:
    if _ID.fullmatch(written) is None or _NEEDLESS.search(written) is not None:
        raise UnknownAddress("the id of the object is written in a way that is not forwarded")
    text = unquote(written, errors="replace")
    if _NEVER_IN_AN_ID.search(text) is not None or not text.strip("."):
        raise UnknownAddress("the id of the object holds what is not forwarded")
    return text


def read_relayed(
    address: MemberAddress, body: bytes, *, known: bool = False, operation_id: str = ""
) -> Relayed:
    """Read a request. Raises Malformed, also where another reader could find another call in it.

    `known` callers may send far more than strangers.
    """
    target, member = address.target, address.member
    call = _call(address, body, known=known)
    sets = _sets(member, call)
    objects, paths, steps = tuple(_objects(sets)), tuple(_paths(sets)), tuple(_steps(sets))
    token = _member(call, "token", str, "") if member in _TURNING else ""
    document, places, named = _marked(call)
    this = Place(target.name, IN_THE_PATH)
    named |= {target.name, *([SESSION_MANAGER_ID] if address.is_about_sessions else [])}
    return Relayed(
        b"" if address.reads else document,
        target,
        this,
        FETCH if address.reads else member,
        VIM,
        tuple(one for one in (this, *places) if OF_A_SESSION.fullmatch(one.text)),
        frozenset(named),
        tuple(one for one in places if not OF_A_SESSION.fullmatch(one.text)),
        objects,
        (("", member),) if address.reads else paths,
        steps,
        token,
        operation_id,
        (),
        WireForm.JSON,
        (f"{PREFIX}{address.release}/{target.kind}/", f"/{member}"),
    )


def write_ask(request: Relayed, changes: Mapping[Place, str], headers: Headers) -> Ask:
    """The request as it is sent, with these texts in the place of those."""
    before, behind = request.path
    name = changes.get(request.this, request.target.name)
    inside = {
        place: _quoted(text)[1:-1].decode()
        for place, text in changes.items()
        if place.at != IN_THE_PATH
    }
    path = f"{before}{quote(name, safe=':')}{behind}"
    verb = "GET" if request.method == FETCH else "POST"
    return Ask(path, headers, rewritten(request.document, inside), verb)


def _call(address: MemberAddress, body: bytes, *, known: bool) -> dict[str, Any]:
    """The arguments. Raises Malformed."""
    if body.startswith(BOM_UTF8):
        raise Malformed("the body has a mark of the byte order in front")
    if is_blank(body):
        return {}
    if address.reads:
        raise Malformed("a property is read without a body")
    call = read_json(body, OF_KNOWN if known else OF_STRANGERS)
    if not isinstance(call, dict):
        raise Malformed("the body is not a JSON object")
    method = address.member
    bare = method.removesuffix("_Task")
    said = _member(call, "_typeName", str, method)
    if said not in (method, f"{method}RequestType", f"{bare}RequestType"):
        raise Malformed("the body names another method than the path")
    return call


def _marked(call: dict[str, Any]) -> tuple[bytes, list[Place], set[str]]:
    """The call as it is sent, where references and keys of sessions stand, and what it names."""
    named, texts = set[str](), list[str]()
    for holder, key, member, value in _texts(call):
        bare = value.strip()
        is_bound = OF_A_SESSION.fullmatch(bare) is not None
        if _is_manager(bare):
            named.add(SESSION_MANAGER_ID)
        if member == "value" or is_bound:  # a reference, whatever its member says of it
            named.add(bare)
        if is_bound or (member == "sessionId" and bare):
            if _quoted(bare) != b'"%b"' % value.encode():
                raise Malformed("a reference holds letters that none has")
            holder[key] = msgspec.Raw(b"%b%d%b" % (_MARK, len(texts), _MARK))
            texts.append(value)
    return (*_placed(msgspec.json.encode(call), texts), named)


def _texts(call: dict[str, Any]) -> Iterator[tuple[Any, Any, str, str]]:
    """All texts: what holds each, by which key, which member that is, and the text itself."""
    left: list[tuple[str, Any]] = [("", call)]
    while left:
        name, holder = left.pop()
        inside: Iterable[tuple[Any, Any]] = enumerate(holder)
        if isinstance(holder, dict):
            _require_exact(holder)
            inside = holder.items()
        for key, value in inside:
            member = key if isinstance(holder, dict) else name
            if isinstance(value, str):
                yield holder, key, member, value
            elif isinstance(value, dict | list):
                left.append((member, value))


def _require_exact(members: Iterable[str]) -> None:
    for name in members:
        if name not in _JUDGED and name.lower() in _IN_SMALL_LETTERS and name != _ANOTHER:
            raise Malformed("a member of the API is written in other letters")


def _placed(marked: bytes, texts: list[str]) -> tuple[bytes, list[Place]]:
    """The document with the texts where their marks stand."""
    parts, places, at = list[bytes](), list[Place](), 0
    for number, part in enumerate(marked.split(_MARK)):
        written = part
        if number % 2:
            text = texts[int(part)]
            places.append(Place(text, at + 1))
            written = _quoted(text)
        parts.append(written)
        at += len(written)
    return b"".join(parts), places


def _quoted(text: str) -> bytes:
    return msgspec.json.encode(text)


def _is_manager(text: str) -> bool:
    return text.casefold() == SESSION_MANAGER_ID.casefold()


def _sets(method: str, call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The specifications of a read of properties, or of a filter."""
    if method not in RETRIEVES:
        return []
    one: dict[str, Any] = _member(call, "spec", dict, {})
    return [*_all([call], "specSet"), *([one] if one else [])]


def _objects(sets: list[dict[str, Any]]) -> Iterator[MoRef]:
    for holder in _all(sets, "objectSet"):
        reference: dict[str, Any] = _member(holder, "obj", dict, {})
        yield MoRef(_text(reference, "type"), _text(reference, "value"))


def _paths(sets: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in _all(sets, "propSet"):
        kind = _text(one, "type")
        if _member(one, "all", bool, default=False):
            yield kind, ""
        paths: list[Any] = _member(one, "pathSet", list, [])
        for path in paths:
            if not isinstance(path, str):
                raise Malformed("a path is no text")
            yield kind, path.strip()


def _steps(sets: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    left = _all(_all(sets, "objectSet"), "selectSet")
    while left:
        one = left.pop()
        yield _text(one, "type"), _text(one, "path")
        left += _all([one], "selectSet")


def _all(holders: Iterable[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    found: list[Any] = [one for holder in holders for one in _member(holder, name, list, [])]
    if not all(isinstance(one, dict) for one in found):
        raise Malformed(f"the member {name} holds something else than objects")
    return found


def _text(holder: Mapping[str, Any], name: str) -> str:
    return _member(holder, name, str, "").strip()


def _member(holder: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    """A member by which a call is judged: of its type, or not there. Raises Malformed."""
    found = holder.get(name)
    if found is None:
        return default
    if not isinstance(found, kind):
        raise Malformed(f"the member {name} is not of its type")
    return found
