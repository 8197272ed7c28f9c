"""What the server says of itself, where a fault says otherwise."""

import json
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from sessiongate.testing import Gate
from tests.faults.speakers import SPEAKERS, ask, gist, soap, vi_json

APPLIANCE, ZERTO = SPEAKERS["zerto-appliance"], SPEAKERS["zerto"]
_TOKEN = "/auth/realms/zerto/protocol/openid-connect/token"


def test_time_is_told_otherwise_and_judges_nothing(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    gate.clock.freeze()

    def told() -> datetime:
        said = ask(gate, "GET", "/v1/serverDateTime", None, {"x-zerto-session": token})
        return datetime.fromisoformat(json.loads(said.body))

    right = told()
    with gate.fault("clock.skew", by="-2h") as behind:
        assert told() == right - timedelta(hours=2)
    with gate.fault("clock.skew", by="2h"):
        assert told() == right + timedelta(hours=2)
        said = soap(gate, "CurrentTime", token, kind="ServiceInstance")
        assert f"{gate.clock.now() + timedelta(hours=2):%Y-%m-%dT%H:}" in said.body
    assert (told(), behind.hits) == (right, 1)
    assert ZERTO.call(gate, token).status == 200


def test_the_date_of_replies_is_as_far_off(gate: Gate) -> None:
    def off() -> float:
        before = time.time()
        said = ask(gate, "GET", "/v1/serverDateTime", None, {"x-zerto-session": "none"})
        assert said.status == 401
        return parsedate_to_datetime(said.headers["date"]).timestamp() - before

    for by, seconds in (("-2h", -7200), ("2h", 7200)):
        with gate.fault("clock.skew", by=by):
            assert abs(off() - seconds) < 60
    assert abs(off()) < 60


def test_another_release_is_told_and_newer_ones_are_unknown(gate: Gate) -> None:
    token = SPEAKERS["vi-json"].logged_in(gate)
    with gate.fault("version.is", version="7.0.3.0", build="4711"):
        content = soap(gate, "RetrieveServiceContent", kind="ServiceInstance").body
        assert "<apiVersion>7.0.3.0</apiVersion>" in content
        assert "<version>7.0.3</version>" in content
        assert "<build>4711</build>" in content
        said = vi_json(gate, "AcquireCloneTicket", token)
        assert (gist(said).split()[0], "Invalid URI" in said.body) == ("500", True), said
    assert (
        "<apiVersion>7.0.3.0"
        not in soap(gate, "RetrieveServiceContent", kind="ServiceInstance").body
    )
    with gate.fault("version.is", version="9.0.0.0"):
        assert gist(vi_json(gate, "AcquireCloneTicket", token)) == "200"


def test_access_tokens_are_short(gate: Gate) -> None:
    with gate.fault("token.short", seconds=5):
        said = APPLIANCE.login(gate)
    granted = json.loads(said.body)
    assert granted["expires_in"] == 5
    assert APPLIANCE.call(gate, granted["access_token"]).status == 200
    gate.clock.advance(seconds=6)
    assert APPLIANCE.call(gate, granted["access_token"]).status == 401
    form = (
        f"grant_type=refresh_token&client_id=zerto-client&refresh_token={granted['refresh_token']}"
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with gate.fault("token.short", refresh=False) as placed:
        said = ask(gate, "POST", _TOKEN, form, headers)
        assert (gist(said), placed.hits) == ("400 invalid_grant", 1)
    said = ask(gate, "POST", _TOKEN, form, headers)
    assert (said.status, json.loads(said.body)["expires_in"]) == (200, 60)
