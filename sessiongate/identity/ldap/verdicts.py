"""What a directory's words mean: names, refusals, accounts that may not log in, groups, roles.

Knows Active Directory and OpenLDAP's password policy. "No" is told from "we do not know" here:
whatever is not surely about this one account is not a refusal. Who is asked, and how, is decided
by `identity.ldap`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

import msgspec

from sessiongate.rules.dn import canonical_dn, without_case

Attributes = Mapping[str, tuple[bytes, ...]]
"""An entry's attributes, their names in lower case."""


class RefusalReason(Enum):
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
    RESTRICTED = "the account is restricted"
    TOO_MANY_GROUPS = "in more groups than Active Directory lets log in"
    WAY = "not allowed to log in in this way"
    NO_PASSWORD = "the entry has no password"
    ANOTHER = "the name is one person's at the bind and another's in the search"
    OTHER = "refused by the directory for a reason that is not known here"


class AccountRefusal(msgspec.Struct, frozen=True):
    """A refusal of one account: why, and whether it counts as a failed guess at its password.

    It does not where the directory says so to nobody but whoever has the right password. A lock
    or a lack that it tells everybody of counts: else names that exist could be told from others,
    which lock here after a few tries.
    """

    why: RefusalReason
    guess: bool = True
    code: str = ""
    """The directory's own code, where the reason does not say it all."""

    def __str__(self) -> str:
        """For logs."""
        return f"{self.why.value} (code {self.code})" if self.code else self.why.value


# The sub-codes of a failed bind, after "data" in the diagnostic message: Win32 error numbers in
# hexadecimal (1326 ERROR_LOGON_FAILURE and its neighbours), MS-ERREF 2.2. Active Directory looks at
# the password before all of these but 525, 2030 (AD LDS: no such object) and 775.
_AD_CODES = {
    "525": AccountRefusal(RefusalReason.UNKNOWN),
    "2030": AccountRefusal(RefusalReason.UNKNOWN),
    "52e": AccountRefusal(RefusalReason.WRONG),
    "56": AccountRefusal(RefusalReason.WRONG),
    "775": AccountRefusal(RefusalReason.LOCKED),
    "52f": AccountRefusal(RefusalReason.RESTRICTED, guess=False, code="52f"),
    "530": AccountRefusal(RefusalReason.HOURS, guess=False),
    "531": AccountRefusal(RefusalReason.PLACE, guess=False),
    "532": AccountRefusal(RefusalReason.PASSWORD_EXPIRED, guess=False),
    "533": AccountRefusal(RefusalReason.DISABLED, guess=False),
    "568": AccountRefusal(RefusalReason.TOO_MANY_GROUPS, guess=False, code="568"),
    "569": AccountRefusal(RefusalReason.WAY, guess=False, code="569"),
    "701": AccountRefusal(RefusalReason.EXPIRED, guess=False),
    "773": AccountRefusal(RefusalReason.MUST_CHANGE, guess=False),
}

# Sub-codes of a domain controller that could not find out: no logon server (51f), no such domain or
# none in reach (54b, 774), an internal error (54f), no resources (5aa), a time-out (5b4), a call to
# another controller that failed (6ba to 6bf), broken trust (6fa to 6fe), no Netlogon (700).
_AD_OUTAGES = frozenset(
    {"51f", "54b", "54f", "5aa", "5b4", "6ba", "6bb", "6be", "6bf"}
    | {"6fa", "6fb", "6fc", "6fd", "6fe", "700", "774"}
)
_AD_DATA = re.compile(r"\bdata 0*([0-9a-f]{1,8})\b", re.IGNORECASE)

# The errors of the password policy control (draft-behera-ldap-password-policy-11, section 6.2).
# Expiry and reset are told to whoever has the right password; a lock, to everybody.
_POLICY = {
    0: AccountRefusal(RefusalReason.PASSWORD_EXPIRED, guess=False),
    1: AccountRefusal(RefusalReason.LOCKED),
    2: AccountRefusal(RefusalReason.MUST_CHANGE, guess=False),
}

SUCCESS = 0
SIZE_LIMIT = 4
NO_SUCH_OBJECT = 32
_CONSTRAINT = 19
_BAD_DN = 34
_INAPPROPRIATE = 48
INVALID_CREDENTIALS = 49
_UNWILLING = 53

# operationsError, authMethodNotSupported, strongerAuthRequired, confidentialityRequired, busy,
# unavailable, other: a state or a demand of the server, whoever it is about. Another server may be
# in a better one.
OF_THE_SERVER = frozenset({1, 7, 8, 13, 51, 52, 80})

# timeLimitExceeded, sizeLimitExceeded, adminLimitExceeded: too much for one search. What is asked
# for decides that, and so whoever typed the name.
LIMITS = frozenset({3, SIZE_LIMIT, 11})

# userAccountControl, MS-ADTS 2.2.16.
_ACCOUNT_DISABLE = 0x2

# accountExpires counts 100 ns from here, and these two values are "never" (MS-ADA1 2.1).
_FILETIME_START = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)

# pwdAccountLockedTime of an account that only an administrator opens again (the same draft, 5.3.3).
_LOCKED_FOR_GOOD = b"000001010000Z"


def refusal(code: int, diagnostic: str, policy: int | None) -> AccountRefusal | None:
    """What the answer to a bind says about this account. None where it says nothing about it.

    `policy` is the error in the password policy control. A success is a refusal too when the
    policy says so: such a connection may only change its password.
    """
    if policy is not None and policy in _POLICY:
        return _POLICY[policy]
    if code == INVALID_CREDENTIALS:
        data = _data(diagnostic)
        if data is None:
            return AccountRefusal(RefusalReason.WRONG)
        if data in _AD_OUTAGES:
            return None
        return _AD_CODES.get(data, AccountRefusal(RefusalReason.OTHER, guess=False, code=data))
    if code in (NO_SUCH_OBJECT, _BAD_DN):
        return AccountRefusal(RefusalReason.UNKNOWN)
    if code == _INAPPROPRIATE:
        return AccountRefusal(RefusalReason.NO_PASSWORD)
    # 389 Directory Server; of others these two codes are about the server or the request.
    if code == _CONSTRAINT and "retry limit" in diagnostic.lower():
        return AccountRefusal(RefusalReason.LOCKED)
    if code == _UNWILLING and "inactivated" in diagnostic.lower():
        return AccountRefusal(RefusalReason.DISABLED)
    return None


def could_not_ask(code: int, diagnostic: str) -> bool:
    """Whether a bind failed because the server could not reach whom it would have to ask.

    Another server may reach them. It says nothing about the account, nor about other accounts.
    """
    return code == INVALID_CREDENTIALS and _data(diagnostic) in _AD_OUTAGES


def _data(diagnostic: str) -> str | None:
    found = _AD_DATA.search(diagnostic)
    return found[1].lower() if found else None


def disabled(facts: Attributes, now: datetime) -> RefusalReason | None:
    """Why this entry may not log in, as far as it says so itself; None if it may."""
    control = _number(facts, "useraccountcontrol")
    if control is not None and control & _ACCOUNT_DISABLE:
        return RefusalReason.DISABLED
    if b"true" in (value.lower() for value in facts.get("nsaccountlock", ())):
        return RefusalReason.DISABLED
    if _LOCKED_FOR_GOOD in facts.get("pwdaccountlockedtime", ()):
        return RefusalReason.LOCKED
    expires = _number(facts, "accountexpires")
    if expires is not None and expires not in _NEVER:
        # Divided on both sides: such a number can lie beyond the year 9999.
        since = (now - _FILETIME_START) // timedelta(microseconds=1)
        if since >= expires // 10:
            return RefusalReason.EXPIRED
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
    member_of = {comparable(group) for group in groups}
    roles = dict.fromkeys(role for group, role in mapping.items() if group in member_of)
    return tuple(roles) or (() if default is None else (default,))


def is_of(identity: str, dn: str, facts: Attributes, domains: Collection[str] = ()) -> bool:
    r"""Whether what a server answers to "Who am I?" (RFC 4532) is this entry.

    The answer is `dn:` and a DN, or `u:` and a name, which Active Directory writes `DOMAIN\name`
    as in msDS-PrincipalName; where an entry lacks that, the domain has to be one of `domains`.
    """
    form, _, told = identity.partition(":")
    if form.lower() == "dn":
        here, there = comparable(told), comparable(dn)
        return here is not None and here == there
    if form.lower() != "u" or not told.strip():
        return False

    if "msds-principalname" in facts:
        return has(facts, "msDS-PrincipalName", told)
    domain, backslash, name = told.partition("\\")
    if backslash:
        return without_case(domain) in domains and has(facts, "sAMAccountName", name)
    return has(facts, "userPrincipalName" if "@" in told else "uid", told)


def has(facts: Attributes, attribute: str, text: str) -> bool:
    """Whether one of this attribute's values is this text, whatever the case."""
    return any(
        without_case(value.decode("utf-8", "replace")) == without_case(text)
        for value in facts.get(attribute.lower(), ())
    )


def chunks(names: Collection[str], size: int) -> list[tuple[str, ...]]:
    """The names in sorted order, so many at a time."""
    ordered = sorted(names)
    return [tuple(ordered[at : at + size]) for at in range(0, len(ordered), size)]


def comparable(name: str) -> str | None:
    """A DN as it is compared, None for what is none."""
    try:
        return canonical_dn(name)
    except ValueError:
        return None  # what a directory should not send; it matches nothing


def _number(facts: Attributes, name: str) -> int | None:
    for value in facts.get(name, ()):
        if re.fullmatch(rb"-?[0-9]{1,19}", value):
            return int(value)
    return None
