"""What guard, verifiers, store and roles say where a fault says so.

Each fault in each dialect: `test_catalogue`.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.faults.book import Hit
from sessiongate.faults.inside import hit_of, meeting
from sessiongate.testing import Gate
from tests.faults.speakers import SPEAKERS, Said, ask, gist, soap, vi_json
from tests.identity.tokens import issuers


def test_a_refusal_that_a_fault_makes_is_in_the_audit_as_any(gate: Gate) -> None:
    with gate.fault("login.refuse", as_="LockedOut"):
        SPEAKERS["zerto"].login(gate)
    (refused,) = gate.events("login refused")
    assert (refused.user, refused.reason) == ("ci", "LockedOut")
    (hit_of,) = gate.events("fault met")
    assert (hit_of.how, hit_of.user, hit_of.detail) == ("r1", "ci", "login.refuse by r1, at Login")


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
 <pathSet>message</pathSet><pathSet>defaultLocale</pathSet></propSet>
 <propSet><type>ServiceInstance</type><pathSet>content</pathSet></propSet>
 <objectSet><obj type="SessionManager">SessionManager</obj></objectSet>
 <objectSet><obj type="ServiceInstance">ServiceInstance</obj></objectSet></specSet>
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
    assert said.body.count("<missingSet>") == 4  # also of what nobody needs a session for
    assert "propSet" not in said.body
    assert "NotAuthenticated" in said.body


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A server that asks a file for its users, and an issuer of tokens for others."""
    keys = tmp_path_factory.mktemp("issuer") / "keys.json"
    keys.write_bytes(issuers.key_set())
    settings = {
        "dialects.vsphere.local_tickets": True,
        "tokens.idp.type": "oidc",
        "tokens.idp.issuer": issuers.ISSUER,
        "tokens.idp.audience": issuers.AUDIENCE,
        "tokens.idp.jwks_file": str(keys),
        "tokens.idp.role": "user",
    }
    with Gate.start(tls=False, settings=settings) as gate:
        yield gate


def by_token(gate: Gate) -> Said:
    now = int(time.time())
    bearer = {"Authorization": f"Bearer {issuers.token(iat=now, exp=now + 300)}"}
    path = "/sdk/vim25/8.0.3.0/SessionManager/SessionManager/LoginByToken"
    return ask(gate, "POST", path, None, bearer)


def test_whoever_knows_names_may_be_away(asking: Gate) -> None:
    """Passwords, tokens and look-ups ask somebody; clone tickets and what is known do not."""
    token = SPEAKERS["vi-json"].logged_in(asking)
    (session,) = asking.sessions()
    told = vi_json(asking, "AcquireLocalTicket", arguments={"userName": "ci"}).body
    password = Path(json.loads(told)["passwordFilePath"]).read_text()
    clone = vi_json(asking, "AcquireCloneTicket", token).body.strip('"')
    active = {"sessionID": session.key, "userName": "CI"}
    with asking.fault("provider.down") as placed:
        hit_of = (
            SPEAKERS["vi-json"].login(asking),
            by_token(asking),
            vi_json(asking, "AcquireLocalTicket", arguments={"userName": "ci"}),
            vi_json(asking, "Login", arguments={"userName": "ci", "password": password}),
            vi_json(asking, "ImpersonateUser", token, {"userName": "reader"}),
            vi_json(asking, "SessionIsActive", token, active),
        )
        assert list(map(gist, hit_of)) == ["503 SystemError"] * len(hit_of)
        assert placed.hits == len(hit_of)
        not_met = (
            vi_json(asking, "CloneSession", arguments={"cloneTicket": clone}),
            SPEAKERS["vi-json"].call(asking, token),
        )
        assert list(map(gist, not_met)) == ["200", "200"]
        assert placed.hits == len(hit_of)
    assert gist(by_token(asking)) == "200"
    assert vi_json(asking, "SessionIsActive", token, active).body == "true"


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
        return hit_of("store.down")

    with meeting(Hit("r1", "store.down", {})):
        task = asyncio.create_task(left_behind())
        assert hit_of("store.down") is not None
    replied.set()
    assert await task is None
    assert hit_of("store.down") is None
