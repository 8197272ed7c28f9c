"""Logins by the access tokens of an OpenID provider of others, the npm package `oidc-provider`.

It signs them its own way (`at+jwt`, keys found by discovery); nothing here is signed by us.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import Reply, Server, vim
from tests.peers import oidc
from tests.peers.oidc import Provider

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(bool(oidc.missing()), reason=oidc.missing() or "-"),
]

KEYS = ["/.well-known/openid-configuration", "/jwks"]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with Provider(tmp_path / "provider") as running:
        yield running


@pytest.fixture
def gate(make_server: MakeServer, provider: Provider) -> Server:
    """A server that believes this provider, and was told nothing of its keys."""
    settings = f"""
[tokens.staff]
type = "oidc"
issuer = "{provider.url}"
audience = "sessiongate"
ca = "{provider.ca}"
domain = "corp.example"
[tokens.staff.roles]
gate-admins = "administrator"
gate-users = "user"
"""
    return make_server(settings=settings)


def login(gate: Server, token: str) -> Reply:
    return gate.request("POST", vim("LoginByToken"), {"Authorization": f"Bearer {token}"})


def refusal(gate: Server, token: str) -> tuple[str, str]:
    """The fault that the client got, and what the audit says of it."""
    reply = login(gate, token)
    assert reply.status == 500
    last = json.loads(gate.run("audit", "export").out.splitlines()[-1])
    assert last["event"] == "login refused"
    return reply.json()["_typeName"], last.get("detail", "")


def part(token: str, number: int) -> Any:
    text = token.split(".")[number]
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def tampered(token: str) -> str:
    """The same signature, over the claim to be in another group."""
    head, _, signature = token.split(".")
    claims = json.dumps({**part(token, 1), "groups": ["gate-admins"]}).encode()
    return f"{head}.{urlsafe_b64encode(claims).rstrip(b'=').decode()}.{signature}"


def test_its_people_log_in_with_the_role_of_their_group(gate: Server, provider: Provider) -> None:
    assert part(provider.token("bob"), 0) == {"alg": "RS256", "typ": "at+jwt", "kid": "first"}
    assert provider.asked() == []
    may_list = {}
    for person in ("ada", "bob"):
        reply = login(gate, provider.token(person))
        assert (reply.status, reply.json()["userName"]) == (200, rf"CORP.EXAMPLE\{person}")
        session = reply.header("vmware-api-session-id")
        assert gate.get("currentSession", session).json()["key"] == reply.json()["key"]
        may_list[person] = gate.get("sessionList", session).json()
    # Found by discovery, and once for both.
    assert provider.asked() == KEYS
    # Only the administrator may see everybody's sessions.
    assert [one["userName"] for one in may_list["ada"]] == [r"CORP.EXAMPLE\ada"]
    assert may_list["bob"]["_typeName"] == "NoPermission"


def test_who_is_in_no_group_of_ours_may_not(gate: Server, provider: Provider) -> None:
    assert refusal(gate, provider.token("eve"))[0] == "NoPermission"


def test_sec_55_its_tokens_for_others_or_of_the_past_are_refused(
    gate: Server, provider: Provider
) -> None:
    for resource, why in {
        "urn:other": "the token is for another audience",
        "urn:gate:expired": "the token has expired",
    }.items():
        assert refusal(gate, provider.token("bob", resource)) == ("InvalidLogin", why)


def test_sec_55_what_it_did_not_sign_is_refused(
    gate: Server, provider: Provider, tmp_path: Path
) -> None:
    good = provider.token("bob")
    with Provider(tmp_path / "impostor", claimed=provider.url) as impostor:
        feigned = impostor.token("bob")
    # The issuer and the key's name are as they should be; only the key is another.
    assert part(feigned, 1)["iss"] == part(good, 1)["iss"]
    assert part(feigned, 0) == part(good, 0)
    for wrong in (tampered(good), feigned):
        fault, why = refusal(gate, wrong)
        assert (fault, "signature is not good" in why) == ("InvalidLogin", True)
    assert login(gate, good).status == 200


def test_sec_55_its_keys_are_good_while_it_is_down(gate: Server, provider: Provider) -> None:
    tokens = [provider.token(person) for person in ("ada", "bob")]
    assert login(gate, tokens[0]).status == 200
    provider.kill()
    assert login(gate, tokens[1]).status == 200
    assert refusal(gate, tampered(tokens[1]))[0] == "InvalidLogin"
