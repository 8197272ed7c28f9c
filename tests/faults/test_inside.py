"""What guard, store and roles say where a fault says so, as each dialect tells its clients.

The replies of `body=vendor` are those of docs/wire.md, "Limits and timeouts".
"""

import asyncio
from collections.abc import Mapping

from sessiongate.faults.book import Hit
from sessiongate.faults.inside import meeting, met
from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS, Said, ask, gist, soap, vi_json

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
)

IN_A_SESSION: tuple[_Row, ...] = (
    ("session.expire", {}, _NOBODY),
    ("session.terminate", {}, _NOBODY),
    ("session.forget", {}, _NOBODY),
    ("session.half-rotten", {}, (*_NOBODY[:6], _NOBODY[6])),
    ("store.down", {}, _AWAY),
    (
        "privilege.remove",
        {"privileges": ["System.View"]},
        ("500 NoPermission", "500 NoPermission", "200", "200", "200", "200", "200"),
    ),
)


@each(
    ("dialect", "fault", "args", "reply"),
    [
        (dialect, fault, args, replies[place])
        for fault, args, replies in AT_LOGIN
        for place, dialect in enumerate(DIALECTS)
    ],
)
def test_a_login_meets_a_fault_in_its_own_dialect(
    gate: Gate, dialect: str, fault: str, args: Mapping[str, object], reply: str
) -> None:
    speaker = SPEAKERS[dialect]
    with gate.rule({"fault": fault, "args": args, "times": 1}) as placed:
        said = speaker.login(gate)
    assert (gist(said), said.fault, placed.hits) == (reply, placed.id, 1)
    assert speaker.logged_in(gate)


@each(
    ("dialect", "fault", "args", "reply"),
    [
        (dialect, fault, args, replies[place])
        for fault, args, replies in IN_A_SESSION
        for place, dialect in enumerate(DIALECTS)
    ],
)
def test_a_session_meets_a_fault_in_its_own_dialect(
    gate: Gate, dialect: str, fault: str, args: Mapping[str, object], reply: str
) -> None:
    speaker = SPEAKERS[dialect]
    token = speaker.logged_in(gate)
    assert gist(speaker.call(gate, token)) == "200"
    with gate.rule({"fault": fault, "args": args}) as placed:
        said = speaker.call(gate, token)
    assert (gist(said), said.fault, placed.hits) == (reply, placed.id, 1)
    after = "200" if not fault.startswith("session.") or "rotten" in fault else reply
    assert gist(speaker.call(gate, token)) == after


def test_a_refusal_that_a_fault_makes_is_in_the_audit_as_any(gate: Gate) -> None:
    with gate.fault("login.refuse", as_="LockedOut"):
        SPEAKERS["zerto"].login(gate)
    (refused,) = gate.events("login refused")
    assert (refused.user, refused.reason) == ("ci", "LockedOut")
    (met,) = gate.events("fault met")
    assert (met.how, met.user, met.detail) == ("r1", "ci", "login.refuse by r1, at Login")


def test_the_vendors_cap_names_the_user_and_550_sessions(gate: Gate) -> None:
    with gate.fault("cap.reached", body="vendor"):
        said = SPEAKERS["rest"].login(gate)
    assert "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached" in said.body
    assert (
        "User session count is limited to 550. Existing session count is 550 for user ci"
        in said.body
    )


def test_at_the_vendors_cap_live_sessions_go_on_and_strangers_have_nothing(gate: Gate) -> None:
    token = SPEAKERS["soap"].logged_in(gate)
    with gate.fault("cap.reached", body="vendor", dialect="soap"):
        assert gist(SPEAKERS["soap"].call(gate, token)) == "200"
        about = soap(gate, "RetrieveServiceContent", kind="ServiceInstance")
        assert gist(about) == "503 503 Service Unavailable"
        assert SPEAKERS["zerto"].logged_in(gate)


def test_half_a_session_lives_by_its_keep_alive(gate: Gate) -> None:
    token = SPEAKERS["soap"].logged_in(gate)
    with gate.fault("session.half-rotten"):
        assert gist(soap(gate, "CurrentTime", token, kind="ServiceInstance")) == "200"
        assert gist(SPEAKERS["soap"].call(gate, token)) == "500 NotAuthenticated"
    assert gist(SPEAKERS["soap"].call(gate, token)) == "200"


def test_half_a_session_fails_where_it_is_told_to(gate: Gate) -> None:
    token = SPEAKERS["vi-json"].logged_in(gate)
    with gate.fault("session.half-rotten", fail=["Acquire*"]):
        assert gist(SPEAKERS["vi-json"].call(gate, token)) == "500 NotAuthenticated"
        arguments = {"sessionID": "none", "userName": "ci"}
        assert gist(vi_json(gate, "SessionIsActive", token, arguments)) == "200"


_PROPERTIES = """<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
 <RetrievePropertiesEx xmlns="urn:vim25">
 <_this type="PropertyCollector">propertyCollector</_this>
 <specSet><propSet><type>SessionManager</type><pathSet>sessionList</pathSet>
 <pathSet>message</pathSet></propSet>
 <objectSet><obj type="SessionManager">SessionManager</obj></objectSet></specSet>
 <options/></RetrievePropertiesEx></soapenv:Body></soapenv:Envelope>"""


def properties(gate: Gate, token: str) -> Said:
    headers = {"Cookie": f'vmware_soap_session="{token}"', "SOAPAction": "urn:vim25/8.0.3.0"}
    return ask(gate, "POST", "/sdk", _PROPERTIES, headers)


def test_half_a_session_may_have_all_its_properties_missing(gate: Gate) -> None:
    token = SPEAKERS["soap"].logged_in(gate)
    assert "missingSet" not in properties(gate, token).body
    with gate.fault("session.half-rotten", style="missing-set"):
        said = properties(gate, token)
    assert said.status == 200
    assert said.body.count("<missingSet>") == 2
    assert "propSet" not in said.body
    assert "NotAuthenticated" in said.body


def test_without_a_privilege_a_live_session_looks_like_none_to_its_owner(gate: Gate) -> None:
    token = SPEAKERS["vi-json"].logged_in(gate)
    arguments = {"sessionID": gate.sessions()[0].key, "userName": "ci"}
    with gate.fault("privilege.remove"):
        assert gist(vi_json(gate, "SessionIsActive", token, arguments)) == "500 NoPermission"
    assert vi_json(gate, "SessionIsActive", token, arguments).body == "true"


def test_a_clone_ticket_is_spent(gate: Gate) -> None:
    token = SPEAKERS["vi-json"].logged_in(gate)
    ticket = vi_json(gate, "AcquireCloneTicket", token).body.strip('"')
    with gate.fault("ticket.spent") as placed:
        said = vi_json(gate, "CloneSession", arguments={"cloneTicket": ticket})
    assert (gist(said), placed.hits) == ("500 InvalidLogin", 1)
    assert len(gate.sessions()) == 1


async def test_what_a_request_leaves_behind_meets_nothing() -> None:
    """Such as the check of a password, which goes on where its client does not wait for it."""
    replied = asyncio.Event()

    async def left_behind() -> Hit | None:
        await replied.wait()
        return met("store.down")

    with meeting(Hit("r1", "store.down", {})):
        task = asyncio.create_task(left_behind())
        assert met("store.down") is not None
    replied.set()
    assert await task is None
    assert met("store.down") is None
