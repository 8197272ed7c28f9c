"""Each fault in each dialect: what a client gets.

The replies of `body=vendor` are those of docs/wire.md, "Limits and timeouts". Faults of TLS come
before any dialect (`test_arrivals`), those of an upstream are in `test_upstream`, and what else is
to be said of a fault is in the tests of the part that has it.
"""

from collections.abc import Callable, Mapping
from http.client import HTTPException, IncompleteRead

from sessiongate.faults.catalogue import FAULTS
from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS, Said, gist

DIALECTS = ("soap", "vi-json", "rest", "rest-old", "vapi-rpc", "zerto", "zerto-appliance")

_Row = tuple[str, Mapping[str, object], tuple[str, ...]]

_REFUSED = (
    *("500 InvalidLogin", "500 InvalidLogin", "401 UNAUTHENTICATED", "401 UNAUTHENTICATED"),
    *("200 unauthenticated", "401 User name or password is incorrect.", "401 invalid_grant"),
)
_AWAY = (
    *("503 SystemError", "503 SystemError", "503 SERVICE_UNAVAILABLE", "503 SERVICE_UNAVAILABLE"),
    *("200 service_unavailable", "503 The service is not available now. Try again later."),
    "503 temporarily_unavailable",
)
_FULL = (
    *_AWAY[:5],
    "503 There are too many sessions. End some, or try again later.",
    "503 temporarily_unavailable",
)
_UNREAL = ("503 503 Service Unavailable",) * 2
_NOBODY = (
    *("500 NotAuthenticated", "500 NotAuthenticated", "401 UNAUTHENTICATED"),
    *("401 UNAUTHENTICATED", "200 unauthenticated"),
    "401 The session is missing, unknown or has ended. Log in again.",
    "401 invalid_token",
)
_IN = ("200", "200", "201", "200", "200", "200", "200")
_FINE = ("200",) * 7
_NOT_MET = ("",) * 7
"""That fault is about other requests, and the reply is as ever."""
_GONE, _CUT, _BUSY = (("gone",) * 7, ("cut short",) * 7, ("429 slowly",) * 7)
_NO_BODY = (*_CUT[:5], "gone", "cut short")
"""A ZVM's login has none, so that nothing of it comes."""

AT_LOGIN: tuple[_Row, ...] = (
    ("login.refuse", {}, _REFUSED),
    ("login.refuse", {"as": "LockedOut"}, _REFUSED),
    ("login.refuse", {"as": "PasswordExpired"}, _REFUSED),
    (
        "login.refuse",
        {"as": "NoPermission"},
        (
            *("500 NoPermission", "500 NoPermission", "403 UNAUTHORIZED", "403 UNAUTHORIZED"),
            *("200 unauthorized", "403 This user has no permission to use this server."),
            "400 invalid_grant",
        ),
    ),
    (
        "login.refuse",
        {"as": "InvalidLocale"},
        (
            *("500 InvalidLocale", "500 InvalidLocale", "400 INVALID_ARGUMENT"),
            *("400 INVALID_ARGUMENT", "200 invalid_argument"),
            *("400 The locale is invalid or unknown to the server.", "400 invalid_request"),
        ),
    ),
    ("provider.down", {}, _AWAY),
    ("store.down", {}, _AWAY),
    ("cap.reached", {"body": "own"}, _FULL),
    ("cap.reached", {"body": "vendor"}, (*_UNREAL, *_FULL[2:])),
    ("login.slow", {"seconds": 0}, _IN),
    ("login.hang", {"seconds": 0}, _GONE),
    ("reply.slow", {"seconds": 0}, _IN),
    ("http.status", {"status": 429, "body": "slowly"}, _BUSY),
    ("http.status", {"status": 429, "body": "slowly", "after": True}, _BUSY),
    ("conn.reset", {}, _GONE),
    ("conn.reset", {"at": "body"}, _GONE),
    ("conn.reset", {"at": "accept"}, _GONE),
    ("conn.close", {}, _GONE),
    ("conn.close", {"at": "body"}, _NO_BODY),
    ("conn.close", {"at": "accept"}, _GONE),
    ("conn.truncate", {}, _NO_BODY),
    ("conn.garbage", {}, _CUT),
    ("conn.refuse", {}, _GONE),
    ("version.is", {"version": "9.0.0.0"}, _IN),
    ("clock.advance", {"by": "1h"}, _IN),
    ("clock.skew", {"by": "1h"}, _IN),
    ("token.short", {}, (*_NOT_MET[:6], "200")),
    ("ticket.spent", {}, _NOT_MET),
    ("session.expire", {}, _NOT_MET),
    ("session.terminate", {}, _NOT_MET),
    ("session.forget", {}, _NOT_MET),
    ("session.half-rotten", {}, _NOT_MET),
    ("privilege.remove", {}, _NOT_MET),
)

IN_A_SESSION: tuple[_Row, ...] = (
    ("session.expire", {}, _NOBODY),
    ("session.terminate", {}, _NOBODY),
    ("session.forget", {}, _NOBODY),
    ("session.half-rotten", {}, _NOBODY),
    ("session.half-rotten", {"style": "missing-set"}, _NOT_MET),
    ("store.down", {}, _AWAY),
    (
        "privilege.remove",
        {"privileges": ["System.View"]},
        ("500 NoPermission", "500 NoPermission", "200", "200", "200", "200", "200"),
    ),
    ("reply.slow", {"seconds": 0}, _FINE),
    ("http.status", {"status": 429, "body": "slowly"}, _BUSY),
    ("http.status", {"status": 429, "body": "slowly", "after": True}, _BUSY),
    ("conn.reset", {}, _GONE),
    ("conn.close", {}, _GONE),
    ("conn.close", {"at": "body"}, _CUT),
    ("conn.truncate", {}, _CUT),
    ("conn.garbage", {}, _CUT),
    ("conn.refuse", {}, _GONE),
    ("version.is", {"version": "9.0.0.0"}, _FINE),
    ("clock.advance", {"by": "1h"}, _NOBODY),
    ("clock.skew", {"by": "1h"}, _FINE),
    ("login.refuse", {}, _NOT_MET),
    ("login.slow", {}, _NOT_MET),
    ("login.hang", {}, _NOT_MET),
    ("provider.down", {}, _NOT_MET),
    ("cap.reached", {"body": "own"}, _NOT_MET),
    ("cap.reached", {"body": "vendor"}, _NOT_MET),
    ("token.short", {}, _NOT_MET),
    ("ticket.spent", {}, _NOT_MET),
)

_ENDS = {"session.expire", "session.terminate", "session.forget", "clock.advance"}
"""After these there is no session any more."""


def outcome(act: Callable[[], Said]) -> str:
    """What a client gets: the gist of a reply, or how its connection has ended."""
    try:
        return gist(act())
    except IncompleteRead:
        return "cut short"
    except (OSError, HTTPException):
        return "gone"


def test_each_fault_has_its_rows() -> None:
    elsewhere = {name for name, one in FAULTS.items() if one.of_upstream or name[:4] == "tls."}
    for rows in (AT_LOGIN, IN_A_SESSION):
        assert {name for name, _, _ in rows} == set(FAULTS) - elsewhere


def _cases(rows: tuple[_Row, ...]) -> list[tuple[str, str, Mapping[str, object], str]]:
    return [
        (dialect, fault, args, replies[place])
        for fault, args, replies in rows
        for place, dialect in enumerate(DIALECTS)
    ]


@each(("dialect", "fault", "args", "reply"), _cases(AT_LOGIN))
def test_a_login_meets_a_fault_in_its_own_dialect(
    gate: Gate, dialect: str, fault: str, args: Mapping[str, object], reply: str
) -> None:
    speaker = SPEAKERS[dialect]
    as_ever = _IN[DIALECTS.index(dialect)]
    with gate.rule({"fault": fault, "args": args, "times": 1}) as placed:
        assert outcome(lambda: speaker.login(gate)) == (reply or as_ever)
    assert placed.hits == (1 if reply else 0)
    assert speaker.logged_in(gate)


@each(("dialect", "fault", "args", "reply"), _cases(IN_A_SESSION))
def test_a_session_meets_a_fault_in_its_own_dialect(
    gate: Gate, dialect: str, fault: str, args: Mapping[str, object], reply: str
) -> None:
    speaker = SPEAKERS[dialect]
    token = speaker.logged_in(gate)
    assert gist(speaker.call(gate, token)) == "200"
    with gate.rule({"fault": fault, "args": args}) as placed:
        assert outcome(lambda: speaker.call(gate, token)) == (reply or "200")
    assert placed.hits == (1 if reply else 0)
    after = reply if fault in _ENDS else "200"
    assert gist(speaker.call(gate, token)) == after


@each("dialect", DIALECTS)
def test_a_reply_names_the_rule_that_it_has_met(gate: Gate, dialect: str) -> None:
    with gate.fault("login.refuse", times=1) as placed:
        assert SPEAKERS[dialect].login(gate).fault == placed.id
    assert SPEAKERS[dialect].login(gate).fault == ""
