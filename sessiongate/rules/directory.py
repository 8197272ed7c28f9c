"""What a directory's words mean: names, refusals, accounts that may not log in, groups, roles.

Knows Active Directory and OpenLDAP's password policy. "No" is told from "we do not know" here:
whatever is not surely about this one account is not a refusal. Who is asked, and how, is decided
by `identity.ldap`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

Attributes = Mapping[str, tuple[bytes, ...]]
"""An entry's attributes, their names in lower case."""


class Why(Enum):
    """Why a directory refuses somebody. The value is for logs; clients are told none of it."""

    UNKNOWN = "unknown name"
    WRONG = "wrong password"
    EMPTY = "an empty password"
    UNREADABLE = "a password that is no text"
    AMBIGUOUS = "more than one entry has this name"
    DISABLED = "the account is disabled"
    LOCKED = "the account is locked by the directory"
    EXPIRED = "the account has expired"
    PASSWORD_EXPIRED = "the password has expired"
    MUST_CHANGE = "the password must be changed first"
    HOURS = "not allowed to log in at this time"
    PLACE = "not allowed to log in from this machine"


# The sub-codes of a failed bind, after "data" in the diagnostic message: Win32 error numbers in
# hexadecimal (1326 ERROR_LOGON_FAILURE and its neighbours), MS-ERREF 2.2.
_AD_CODES = {
    "525": Why.UNKNOWN,
    "52e": Why.WRONG,
    "530": Why.HOURS,
    "531": Why.PLACE,
    "532": Why.PASSWORD_EXPIRED,
    "533": Why.DISABLED,
    "701": Why.EXPIRED,
    "773": Why.MUST_CHANGE,
    "775": Why.LOCKED,
}
_AD_DATA = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)

# The errors of the password policy control (draft-behera-ldap-password-policy-11, section 6.2).
_POLICY = {0: Why.PASSWORD_EXPIRED, 1: Why.LOCKED, 2: Why.MUST_CHANGE}

SUCCESS = 0
SIZE_LIMIT = 4
_CONSTRAINT = 19
_NO_SUCH_OBJECT = 32
_BAD_DN = 34
_INAPPROPRIATE = 48
INVALID_CREDENTIALS = 49
_UNWILLING = 53

# operationsError, timeLimitExceeded, busy, unavailable, other: a state of the server, not of an
# account. Another server may be in a better one.
OF_THE_SERVER = frozenset({1, 3, 51, 52, 80})

# userAccountControl, MS-ADTS 2.2.16.
_ACCOUNT_DISABLE = 0x2

# accountExpires counts 100 ns from here, and these two values are "never" (MS-ADA1 2.1).
_FILETIME_START = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)

# pwdAccountLockedTime of an account that only an administrator opens again (the same draft, 5.3.3).
_LOCKED_FOR_GOOD = b"000001010000Z"


def refusal(code: int, diagnostic: str, policy: int | None) -> Why | None:
    """What the answer to a bind says about this account. None where it says nothing about it.

    `policy` is the error in the password policy control. A success is a refusal too when the
    policy says so: such a connection may only change its password.
    """
    if policy is not None and policy in _POLICY:
        return _POLICY[policy]
    if code == INVALID_CREDENTIALS:
        data = _AD_DATA.search(diagnostic)
        return _AD_CODES.get(data[1].lower(), Why.WRONG) if data else Why.WRONG
    if code in (_NO_SUCH_OBJECT, _BAD_DN):
        return Why.UNKNOWN
    if code == _INAPPROPRIATE:
        return Why.WRONG  # an entry without a password
    # 389 Directory Server; of others these two codes are about the server or the request.
    if code == _CONSTRAINT and "retry limit" in diagnostic.lower():
        return Why.LOCKED
    if code == _UNWILLING and "inactivated" in diagnostic.lower():
        return Why.DISABLED
    return None


def disabled(facts: Attributes, now: datetime) -> Why | None:
    """Why this entry may not log in, as far as it says so itself; None if it may."""
    control = _number(facts, "useraccountcontrol")
    if control is not None and control & _ACCOUNT_DISABLE:
        return Why.DISABLED
    if b"true" in (value.lower() for value in facts.get("nsaccountlock", ())):
        return Why.DISABLED
    if _LOCKED_FOR_GOOD in facts.get("pwdaccountlockedtime", ()):
        return Why.LOCKED
    expires = _number(facts, "accountexpires")
    if expires is not None and expires not in _NEVER:
        # Divided on both sides: such a number can lie beyond the year 9999.
        since = (now - _FILETIME_START) // timedelta(microseconds=1)
        if since >= expires // 10:
            return Why.EXPIRED
    return None


def text_of(facts: Attributes, *names: str) -> str:
    """The first of these attributes that says something. Of several values always the same."""
    for name in names:
        for value in sorted(facts.get(name.lower(), ())):
            text = value.decode("utf-8", "replace").strip()
            if text:
                return text
    return ""


def roles_of(
    groups: Iterable[str], mapping: Mapping[str, str], default: str | None
) -> tuple[str, ...]:
    """The roles of somebody in these groups, in the order of the mapping (canonical DN -> role)."""
    member_of = {_comparable(group) for group in groups}
    roles = dict.fromkeys(role for group, role in mapping.items() if group in member_of)
    return tuple(roles) or (() if default is None else (default,))


# Letters that mean something in a DN (RFC 4514, section 2.4); written as \XX all of them.
_SPECIAL = frozenset('"+,;<>\\=#\0')


def escape_dn(value: str) -> str:
    """The text as the value of one attribute of a DN, whatever is in it."""
    inner = value.strip(" ")
    before, _, after = value.partition(inner) if inner else (value, "", "")
    escaped = "".join(_hex(letter) if letter in _SPECIAL else letter for letter in inner)
    return _hex(before) + escaped + _hex(after)


def canonical_dn(text: str) -> str:
    """A DN as it is compared: without case, superfluous spaces or a choice of escapes.

    Raises ValueError for what is no DN.
    """
    return ",".join(_canonical_rdn(rdn) for rdn in _split(text, ",;"))


def fill_dn(template: str, facts: Mapping[str, str]) -> str:
    """A bind name from a template: escaped where it is a DN, as it is where it is a UPN."""
    is_dn = "=" in template

    def put(name: re.Match[str]) -> str:
        fact = facts[name[1]]
        return escape_dn(fact) if is_dn else fact

    return re.sub(r"\{([a-z]+)\}", put, template)


def chunks(names: Collection[str], size: int) -> list[tuple[str, ...]]:
    """The names in sorted order, so many at a time."""
    ordered = sorted(names)
    return [tuple(ordered[at : at + size]) for at in range(0, len(ordered), size)]


def _comparable(group: str) -> str | None:
    try:
        return canonical_dn(group)
    except ValueError:
        return None  # what a directory should not send; it matches nothing


def _number(facts: Attributes, name: str) -> int | None:
    for value in facts.get(name, ()):
        if re.fullmatch(rb"-?[0-9]{1,19}", value):
            return int(value)
    return None


def _hex(text: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _split(text: str, separators: str) -> list[str]:
    """The parts between separators that are not escaped."""
    parts, part, letters = [], "", iter(text)
    for letter in letters:
        if letter == "\\":
            part += letter + next(letters, "")
        elif letter in separators:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [*parts, part]


def _canonical_rdn(rdn: str) -> str:
    pairs = []
    for pair in _split(rdn, "+"):
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|[0-9.]+", name.strip()):
            raise ValueError("is no DN: it is made of parts such as cn=admins")
        pairs.append(f"{name.strip().lower()}={_canonical_value(value)}")
    return "+".join(sorted(pairs))


def _canonical_value(value: str) -> str:
    """Unescaped, folded, and escaped in the one way of `escape_dn`."""
    plain = re.sub(
        rb"\\([0-9A-Fa-f]{2}|.)",
        lambda code: bytes([int(code[1], 16)]) if len(code[1]) == 2 else code[1],
        value.encode("utf-8", "surrogatepass"),
        flags=re.DOTALL,
    ).decode("utf-8", "replace")
    return escape_dn(" ".join(plain.casefold().split()))
