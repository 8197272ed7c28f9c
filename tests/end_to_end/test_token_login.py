"""Logins by token over the wire: real clients, and a real OpenID provider, which is one of us.

The provider is a second sessiongate: its appliance dialect serves discovery, keys and tokens.
"""

import gzip
import json
import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.end_to_end.clients import Govc, present
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Server, environment, vim
from tests.identity.tokens.assertions import (
    AUDIENCE,
    GROUPS,
    ISSUER,
    Assertion,
    in_soap,
    signed,
    signer,
)
from tests.peers.interop import TOKENS
from tests.peers.setup import interpreter
from tests.until import PATIENCE

# Each of these starts a server of its own, or several.
pytestmark = pytest.mark.slow

REALM = "/auth/realms/zerto"
STORY = Path(__file__).resolve().parents[1] / "peers" / "pyvmomi_token.py"
PYVMOMI = [
    pytest.param(one, marks=(pytest.mark.peer, pytest.mark.interop(f"pyvmomi-token-{one}")))
    for one in TOKENS
]


def assertion(identity: str, **facts: Any) -> str:
    """One that is good now."""
    now = datetime.now(UTC)
    ends = now + timedelta(minutes=5)
    times = {"at": now, "not_before": now, "until": ends, "confirmed_until": ends}
    return signed(Assertion(id=identity, **{**times, **facts}))


@pytest.fixture
def gate(make_server: MakeServer, tmp_path: Path) -> Server:
    """A server that believes one SAML issuer."""
    (tmp_path / "idp.pem").write_bytes(signer().pem)
    settings = f"""
[tokens.corp]
type = "saml"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
certificates = ["{tmp_path}/idp.pem"]
domain = "corp.example"
[tokens.corp.roles]
'CORP\\Admins' = "administrator"
'CORP\\Staff' = "user"
"""
    server: Server = make_server(settings=settings)
    return server


STAFF = {"attributes": {GROUPS: ["CORP\\Staff"]}}


def call(name: str, kind: str) -> str:
    return f'<{name} xmlns="urn:vim25"><_this type="{kind}">{kind}</_this></{name}>'


LOGIN = call("LoginByToken", "SessionManager")


def soap(server: Server, token: str) -> tuple[int, str]:
    reply = server.request(
        "POST", "/sdk", {"SOAPAction": "urn:vim25/8.0"}, in_soap(token, body=LOGIN)
    )
    return reply.status, reply.body.decode()


def events(server: Server) -> list[dict[str, Any]]:
    said = server.run("audit", "export").out
    return [json.loads(line) for line in said.splitlines()]


def test_sec_54_an_assertion_logs_in_once_also_after_kill_9(gate: Server) -> None:
    token = assertion("_one", **STAFF)
    status, body = soap(gate, token)
    assert (status, "CORP.EXAMPLE\\Ada" in body) == (200, True)
    for _ in range(2):
        status, body = soap(gate, token)
        assert (status, "InvalidLogin" in body) == (500, True)
        gate.kill9()
        gate.start()
    assert soap(gate, assertion("_two", **STAFF))[0] == 200


def test_the_audit_tells_of_tokens_and_holds_none(gate: Server) -> None:
    assert soap(gate, assertion("_one", **STAFF))[0] == 200
    assert soap(gate, assertion("_two"))[0] == 500
    assert soap(gate, assertion("_three", audiences=("https://other.example",), **STAFF))[0] == 500
    told = [
        (one["event"], one["how"], one.get("user"), one.get("reason"))
        for one in events(gate)
        if one.get("how", "").startswith("token")
    ]
    assert told == [
        ("session opened", "token corp", "ada@corp.example", None),
        ("login refused", "token corp", "Ada@corp.example", "NoPermission"),
        ("login refused", "token corp", None, "BadCredentials"),
    ]
    gate.stop()
    assert "SignatureValue" not in gate.log.text + json.dumps(events(gate))


def test_who_is_in_no_group_is_told_so(gate: Server) -> None:
    status, body = soap(gate, assertion("_one"))
    assert (status, "NoPermission" in body) == (500, True)


def test_vi_json_takes_an_assertion_that_is_packed(gate: Server) -> None:
    packed = b64encode(gzip.compress(assertion("_one", **STAFF).encode())).decode()
    header = {"Authorization": f'SIGN token="{packed}"'}
    reply = gate.request("POST", vim("LoginByToken"), header)
    assert (reply.status, reply.json()["userName"]) == (200, r"CORP.EXAMPLE\Ada")
    token = reply.header("vmware-api-session-id")
    assert token is not None
    assert gate.get("currentSession", token).json()["userName"] == r"CORP.EXAMPLE\Ada"
    again = gate.request("POST", vim("LoginByToken"), header)
    assert (again.status, again.json()["_typeName"]) == (500, "InvalidLogin")


def test_a_token_beside_other_calls_is_not_looked_at(gate: Server) -> None:
    body = call("RetrieveServiceContent", "ServiceInstance")
    token = assertion("_one", **STAFF)
    for _ in range(2):
        reply = gate.request("POST", "/sdk", (), in_soap(token, body=body))
        assert reply.status == 200
    assert soap(gate, token)[0] == 200


def by_pyvmomi(version: str, server: Server, kind: str, token: str) -> Any:
    python = present(interpreter(version))
    done = subprocess.run(
        [
            str(python),
            "-W",
            "ignore",
            str(STORY),
            "127.0.0.1",
            str(server.port),
            str(server.ca),
            kind,
        ],
        input=token,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", PYVMOMI)
def test_pyvmomi_logs_in_by_saml(gate: Server, version: str) -> None:
    assert by_pyvmomi(version, gate, "saml", assertion("_one", **STAFF)) == {
        "userName": r"CORP.EXAMPLE\Ada",
        "fullName": r"CORP.EXAMPLE\Ada",
        "again": "InvalidLogin",
    }


@pytest.mark.peer
@pytest.mark.interop("govc-token")
def test_govc_logs_in_by_saml(gate: Server, tmp_path: Path) -> None:
    govc = Govc(gate, tmp_path, ("", ""), json=False)
    token = assertion("_one", **STAFF)
    govc.said("session.login", "-token", token)
    assert govc.current()["userName"] == r"CORP.EXAMPLE\Ada"
    again = Govc(gate, tmp_path / "other", ("", ""), json=False)("session.login", "-token", token)
    assert again.returncode == 1
    assert "incorrect user name or password" in again.stderr


# A bearer token, of a provider that runs


@pytest.fixture
def provider(make_server: MakeServer) -> Server:
    server: Server = make_server(settings='[dialects.appliance]\naccess_token = "10m"\n')
    return server


def tokens_of(provider: Server, person: tuple[str, str] = USER) -> dict[str, str]:
    """What the provider gives somebody: an access token, and tokens for something else."""
    form = {
        "grant_type": "password",
        "client_id": "zerto-client",
        "scope": "openid",
        "username": person[0],
        "password": person[1],
    }
    reply = provider.request(
        "POST",
        f"{REALM}/protocol/openid-connect/token",
        {"Content-Type": "application/x-www-form-urlencoded"},
        urlencode(form),
    )
    assert reply.status == 200, reply.body
    found = reply.json()
    return {name: found[name] for name in ("access_token", "refresh_token", "id_token")}


def bearer_of(provider: Server, person: tuple[str, str] = USER) -> str:
    return tokens_of(provider, person)["access_token"]


def trusting(provider: Server) -> str:
    """Settings that believe this provider, and find its keys by discovery."""
    return f"""
[tokens.keys]
type = "oidc"
issuer = "{provider.url}{REALM}"
audience = "account"
ca = "{provider.ca}"
domain = "corp.example"
groups_claim = "realm_access.roles"
[tokens.keys.roles]
user = "user"
administrator = "administrator"
"""


def by_bearer(server: Server, token: str) -> tuple[int, Any]:
    reply = server.request("POST", vim("LoginByToken"), {"Authorization": f"Bearer {token}"})
    return reply.status, reply.json()


@pytest.mark.parametrize("version", PYVMOMI)
def test_pyvmomi_logs_in_by_a_bearer_token(
    make_server: MakeServer, provider: Server, version: str
) -> None:
    gate = make_server(settings=trusting(provider))
    assert by_pyvmomi(version, gate, "oauth-bearer", bearer_of(provider)) == {
        "userName": r"CORP.EXAMPLE\ursula",
        "fullName": "ursula",
        "again": "logged in",
    }


def test_vi_json_takes_a_bearer_token(make_server: MakeServer, provider: Server) -> None:
    gate = make_server(settings=trusting(provider))
    tokens = tokens_of(provider, ADMIN)
    token = tokens["access_token"]
    status, session = by_bearer(gate, token)
    assert (status, session["userName"]) == (200, r"CORP.EXAMPLE\admin")
    # Signed with the same key: those are for others.
    for wrong in (token[:-6] + "AAAAAA", tokens["refresh_token"], tokens["id_token"], "none"):
        assert by_bearer(gate, wrong)[1]["_typeName"] == "InvalidLogin"


def test_sec_55_a_provider_that_is_down_is_an_outage(
    make_server: MakeServer, provider: Server
) -> None:
    gate = make_server(settings=trusting(provider))
    token = bearer_of(provider)
    provider.kill9()
    status, fault = by_bearer(gate, token)
    assert status == 503
    assert fault["_typeName"] != "InvalidLogin"
    assert events(gate)[-1]["result"] == "unavailable"


def test_sec_55_keys_outlast_their_provider(make_server: MakeServer, provider: Server) -> None:
    gate = make_server(settings=trusting(provider))
    token = bearer_of(provider)
    assert by_bearer(gate, token)[0] == 200
    provider.kill9()
    assert by_bearer(gate, token)[0] == 200


def test_sec_67_a_provider_with_another_certificate_is_not_asked(
    make_server: MakeServer, provider: Server
) -> None:
    other = make_server()
    settings = trusting(provider).replace(str(provider.ca), str(other.ca))
    gate = make_server(settings=settings)
    assert by_bearer(gate, bearer_of(provider))[0] == 503


def test_sec_53_without_an_issuer_no_token_logs_in(shared: Server) -> None:
    for reply in (
        soap(shared, assertion("_one", **STAFF)),
        soap(shared, ""),
    ):
        assert (reply[0], "InvalidLogin" in reply[1]) == (500, True)
    assert by_bearer(shared, "a.b.c")[1]["_typeName"] == "InvalidLogin"
