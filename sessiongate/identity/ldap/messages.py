"""LDAP messages (RFC 4511) as bytes: the few requests that a login needs, and their answers.

Pure: bytes in, values out. Requests are written in the one way of DER; answers are read as BER
with definite lengths, as LDAP demands (section 5.1). Whatever does not parse is a ValueError, and
never an answer.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sessiongate.identity.ldap import filter as ldap_filter

# Far above the largest entry with all its groups; a server that sends more is not believed.
LARGEST = 8 << 20

START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"

# Tags of RFC 4511's operations, section 4.
BIND, BOUND, UNBIND = 0x60, 0x61, 0x42
SEARCH, ENTRY, FOUND, REFERENCE = 0x63, 0x64, 0x65, 0x73
EXTENDED, EXTENDED_DONE = 0x77, 0x78

_INTEGER, _OCTETS, _BOOLEAN, _ENUMERATED = 0x02, 0x04, 0x01, 0x0A
_SEQUENCE, _SET = 0x30, 0x31
_CONTROLS = 0xA0

_BASE, _SUBTREE = 0, 2

Controls = Mapping[str, bytes]


class LdapMessage(msgspec.Struct, frozen=True):
    """One message from the server: its operation's tag, the bytes inside, and the controls."""

    number: int
    operation: int
    body: bytes
    controls: Controls


class Result(msgspec.Struct, frozen=True):
    """How an operation ended."""

    code: int
    diagnostic: str
    policy: int | None = None
    """The password policy's error, where it has one."""


class Entry(msgspec.Struct, frozen=True):
    """An entry that was found. The names of attributes are in lower case."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]


def bind_request(number: int, name: str, password: bytes) -> bytes:
    """A simple bind that asks for the password policy's opinion too."""
    body = _integer(3) + _octets(name.encode()) + _tlv(0x80, password)
    control = _tlv(_SEQUENCE, _octets(PASSWORD_POLICY.encode()))
    return _message(number, _tlv(BIND, body), _tlv(_CONTROLS, control))


def search_request(
    number: int,
    base: str,
    found: ldap_filter.Filter,
    attributes: Sequence[str],
    *,
    subtree: bool,
    most: int,
    seconds: int,
) -> bytes:
    """A search at `base` or below it, for `most` entries (0: any number)."""
    body = (
        _octets(base.encode())
        + _tlv(_ENUMERATED, bytes([_SUBTREE if subtree else _BASE]))
        + _tlv(_ENUMERATED, b"\0")  # aliases are not followed
        + _integer(most)
        + _integer(seconds)
        + _tlv(_BOOLEAN, b"\0")
        + _filter(found)
        + _tlv(_SEQUENCE, b"".join(_octets(name.encode()) for name in attributes))
    )
    return _message(number, _tlv(SEARCH, body))


def extended_request(number: int, name: str) -> bytes:
    """An extended operation without a value: StartTLS, or "Who am I?" (RFC 4532)."""
    return _message(number, _tlv(EXTENDED, _tlv(0x80, name.encode())))


def unbind_request(number: int) -> bytes:
    """The good-bye, which has no answer."""
    return _message(number, _tlv(UNBIND, b""))


def take(data: bytes | bytearray) -> tuple[LdapMessage, int] | None:
    """The first message in the data and how many bytes it took; None while it is incomplete."""
    head = _head(data, 0)
    if head is None:
        return None
    tag, start, end = head
    if tag != _SEQUENCE:
        raise ValueError("not an LDAP message")
    if end > LARGEST:
        raise ValueError("a message too large to be believed")
    if end > len(data):
        return None
    parts = list(_parts(bytes(data[start:end])))
    if len(parts) < 2 or parts[0][0] != _INTEGER:
        raise ValueError("a message without number or operation")
    (_, number), (operation, body) = parts[:2]
    controls = next((inner for tag, inner in parts[2:] if tag == _CONTROLS), b"")
    return LdapMessage(_number(number), operation, body, _read_controls(controls)), end


def read_result(answer: LdapMessage) -> Result:
    """How the operation ended."""
    parts = list(_parts(answer.body))
    if [tag for tag, _ in parts[:3]] != [_ENUMERATED, _OCTETS, _OCTETS]:
        raise ValueError("a result without code or text")
    diagnostic = parts[2][1].decode("utf-8", "replace")
    return Result(_number(parts[0][1]), diagnostic, _policy_error(answer.controls))


def read_value(answer: LdapMessage) -> str:
    """The value of an extended operation's answer as text, "" for none: RFC 4511, section 4.12."""
    values = [inner for tag, inner in list(_parts(answer.body))[3:] if tag == 0x8B]
    if len(values) > 1:
        raise ValueError("an answer with more than one value")
    return values[0].decode("utf-8") if values else ""


def read_entry(answer: LdapMessage) -> Entry:
    """The entry in a search's answer."""
    parts = list(_parts(answer.body))
    if [tag for tag, _ in parts[:2]] != [_OCTETS, _SEQUENCE]:
        raise ValueError("an entry without name or attributes")
    attributes: dict[str, tuple[bytes, ...]] = {}
    for tag, pair in _parts(parts[1][1]):
        both = list(_parts(pair))
        if tag != _SEQUENCE or [kind for kind, _ in both] != [_OCTETS, _SET]:
            raise ValueError("an attribute without name or values")
        values = list(_parts(both[1][1]))
        if any(kind != _OCTETS for kind, _ in values):
            raise ValueError("a value that is no octet string")
        # Options (`;binary`, `;lang-en`) are other views of the attribute: not asked for.
        attributes[both[0][1].decode("utf-8").lower()] = tuple(value for _, value in values)
    return Entry(parts[0][1].decode("utf-8"), attributes)


def _policy_error(controls: Controls) -> int | None:
    """draft-behera-ldap-password-policy-11, section 6.2."""
    for _, inner in _parts(controls.get(PASSWORD_POLICY, b"")):
        for tag, error in _parts(inner):
            if tag == 0x81:
                return _number(error)
    return None


def _filter(found: ldap_filter.Filter) -> bytes:
    """RFC 4511, section 4.5.1.7."""
    match found:
        case ldap_filter.All(parts):
            return _tlv(0xA0, b"".join(map(_filter, parts)))
        case ldap_filter.Any(parts):
            return _tlv(0xA1, b"".join(map(_filter, parts)))
        case ldap_filter.Not(part):
            return _tlv(0xA2, _filter(part))
        case ldap_filter.Has(attribute):
            return _tlv(0x87, attribute.encode())
        case ldap_filter.Compare(attribute, value, how):
            tag = {"=": 0xA3, ">=": 0xA5, "<=": 0xA6, "~=": 0xA8}[how]
            return _tlv(tag, _octets(attribute.encode()) + _octets(value))
        case ldap_filter.Like(attribute, pieces):
            middle = b"".join(_tlv(0x81, piece) for piece in pieces[1:-1] if piece)
            first = _tlv(0x80, pieces[0]) if pieces[0] else b""
            last = _tlv(0x82, pieces[-1]) if pieces[-1] else b""
            return _tlv(0xA4, _octets(attribute.encode()) + _tlv(_SEQUENCE, first + middle + last))
        case ldap_filter.Rule(attribute, rule, value):
            named = _tlv(0x81, rule.encode()) + _tlv(0x82, attribute.encode())
            return _tlv(0xA9, named + _tlv(0x83, value))


def _message(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    return _tlv(_SEQUENCE, _integer(number) + operation + controls)


def _tlv(tag: int, inner: bytes) -> bytes:
    size = len(inner)
    if size < 0x80:
        return bytes([tag, size]) + inner
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + inner


def _octets(value: bytes) -> bytes:
    return _tlv(_OCTETS, value)


def _integer(value: int) -> bytes:
    # One bit more than the number has: the first says whether it is negative.
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _head(data: bytes | bytearray, at: int) -> tuple[int, int, int] | None:
    """Tag, start and end of the element at `at`; None where its head is incomplete."""
    if len(data) < at + 2:
        return None
    tag, size = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise ValueError("a tag that LDAP does not have")
    start = at + 2
    if size >= 0x80:
        count = size & 0x7F
        # Four bytes hold any length that we take; 0x80 is the indefinite form, which LDAP forbids.
        if not 1 <= count <= 4:
            raise ValueError("a length that LDAP does not have")
        start += count
        if len(data) < start:
            return None
        size = int.from_bytes(data[at + 2 : start], "big")
    return tag, start, start + size


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = _head(data, at)
        if head is None or head[2] > len(data):
            raise ValueError("an element that ends too early")
        tag, start, at = head
        yield tag, data[start:at]


def _number(data: bytes) -> int:
    if not 1 <= len(data) <= 8:
        raise ValueError("a number of no bytes, or of too many")
    return int.from_bytes(data, "big", signed=True)


def _read_controls(data: bytes) -> Controls:
    controls = {}
    for tag, control in _parts(data):
        parts = list(_parts(control))
        if tag != _SEQUENCE or not parts or parts[0][0] != _OCTETS:
            raise ValueError("a control without a name")
        value = next((inner for kind, inner in parts[1:] if kind == _OCTETS), b"")
        controls[parts[0][1].decode("ascii", "replace")] = value
    return controls
