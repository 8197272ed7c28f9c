"""The session manager before a strict vCenter: another sessiongate, whose sessions are counted."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import Reply, Server
from tests.end_to_end.test_gateway import SERVICE, sessions, shared_gate, told, upstream
from tests.end_to_end.test_gateway_tickets import opens
from tests.end_to_end.test_operations import ask
from tests.end_to_end.vim_soap import SoapClient
from tests.identity.tokens.issuers import key_set
from tests.identity.tokens.test_service_accounts import AUDIENCE, DAY, account
from tests.peers.ports import free_port
from tests.telemetry.families import read
from tests.until import wait_until

__all__ = ["upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

TOKEN = "sgm_a-canary-that-is-in-a-file-and-nowhere-else"
PATH = "/session-manager/vc1"


Told = dict[str, Any]


@pytest.fixture
def gate(upstream: Server, make_server: MakeServer, tmp_path: Path) -> Server:
    """A gateway with a client whose tokens stand in files, the second of which is missing."""
    (tmp_path / "csi.token").write_text(f"{TOKEN}\n")
    return make_server(settings=manager_gate(upstream, tmp_path))


def manager_gate(upstream: Server, folder: Path, rate: str = "1000/s") -> str:
    return f"""
    {shared_gate(upstream, size=3)}
    [server]
    listen = ["127.0.0.1:0"]
    [admin]
    listen = "127.0.0.1:0"
    {clients_of(folder, rate)}
    """


def clients_of(folder: Path, rate: str = "1000/s") -> str:
    return f"""
    [session_manager]
    rate = "{rate}"
    [session_manager.clients.csi-prod]
    upstreams = ["vc1"]
    token_files = ["{folder}/csi.token", "{folder}/csi-next.token"]
    """


def asked(gate: Server, token: str | None, path: str = PATH, verb: str = "GET") -> Reply:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return gate.request(verb, path, headers)


def ticket(gate: Server, token: str) -> str:
    reply = asked(gate, token)
    assert reply.status == 200, reply
    found = reply.json()["token"]
    assert isinstance(found, str)
    return found


def created(gate: Server, *more: str) -> Told:
    row = told(gate, "tokens", "create", *(more or ("cpi-prod", "--upstream", "vc1")))
    assert isinstance(row, dict)
    return row


def test_a_ticket_opens_a_session_there_and_one_parent_serves_all(
    gate: Server, upstream: Server
) -> None:
    wait_until(lambda: len(sessions(upstream)) == 1)  # opened for the clients of the settings
    reply = asked(gate, TOKEN)
    assert reply.status == 200
    assert reply.json().keys() == {"token"}
    assert reply.header("cache-control") == "no-store"
    assert reply.header("connection") == "close"
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda _: ticket(gate, TOKEN), range(100)))
    assert len(set(tickets)) == 100
    assert len(sessions(upstream)) == 1
    asking = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    assert b'{"token":' in gate.raw(asking.encode()), "which ends: nobody else closed it"
    assert [one["user"] for one in sessions(upstream)] == [SERVICE[0]]
    assert opens(upstream, tickets[0])
    assert not opens(upstream, tickets[0])
    assert not opens(gate, tickets[1]), "it is the upstream's, and no ticket of ours"
    assert told(gate, "pools", "show", "vc1")["parent"] == 1
    listed = told(gate, "upstream", "sessions", "vc1")
    assert [one["ours"] for one in listed].count(True) == 1, "seen by the parent itself"


def test_sec_22_refusals_by_status_and_no_word_of_why(gate: Server) -> None:
    stored = created(gate)["token"]
    cases = {
        (None, PATH, "GET"): 401,
        ("sgm_of-nobody-at-all-but-of-the-right-form", PATH, "GET"): 401,
        ("nonsense", PATH, "GET"): 401,
        ("a.b.c", PATH, "GET"): 401,
        (None, "/session-manager/none", "GET"): 401,
        (TOKEN, "/session-manager/none", "GET"): 404,
        (TOKEN, f"{PATH}/", "GET"): 404,
        (stored, "/session-manager/", "GET"): 404,
        (TOKEN, PATH, "POST"): 405,
        (TOKEN, PATH, "PUT"): 405,
        (stored, f"{PATH}?vc=any", "GET"): 200,
    }
    for (token, path, verb), status in cases.items():
        reply = asked(gate, token, path, verb)
        assert reply.status == status, (token, path, verb)
        assert reply.header("content-type") == "application/json"
        assert reply.header("cache-control") == "no-store"
        assert reply.header("connection") == "close"
        assert (reply.header("www-authenticate") == "Bearer") is (status == 401)
        assert (reply.header("allow") == "GET") is (status == 405)
        if status != 200:
            assert reply.json().keys() == {"error", "request_id"}
    twice = [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {stored}")]
    assert gate.request("GET", PATH, twice).status == 401


def test_sec_08_two_tokens_of_one_name_are_good_until_one_is_revoked(gate: Server) -> None:
    old, new = created(gate), created(gate)
    other = created(gate, "another", "--upstream", "vc1")
    for one in (old, new, other):
        ticket(gate, one["token"])
    rows = {row["id"]: row for row in told(gate, "tokens", "list")}
    assert rows[old["id"]]["used_at"]
    assert rows[old["id"]]["name"] == rows[new["id"]]["name"] == "cpi-prod"
    assert told(gate, "tokens", "revoke", "cpi-prod", "--id", old["id"])["revoked"] == 1
    assert asked(gate, old["token"]).status == 401
    ticket(gate, new["token"])
    assert told(gate, "tokens", "revoke", "cpi-prod")["ids"] == [new["id"]]
    assert asked(gate, new["token"]).status == 401
    ticket(gate, other["token"])
    assert gate.run("tokens", "revoke", "cpi-prod").code == 1
    assert "stand in files" in gate.run("tokens", "revoke", "csi-prod").err


def test_a_token_is_shown_once_and_for_people_it_stands_alone(gate: Server) -> None:
    done = gate.run("tokens", "create", "cpi-prod", "--upstream", "vc1")
    assert done.code == 0
    token = done.out.strip()
    assert token.startswith("sgm_")
    assert token not in done.err
    ticket(gate, token)
    listed = gate.run("tokens", "list")
    assert "cpi-prod" in listed.out
    assert "csi-prod" in listed.out
    assert token not in listed.out
    for wrong in (("x",), ("x", "--upstream", "vc2"), ("a b", "--upstream", "vc1")):
        assert gate.run("tokens", "create", *wrong).code != 0


def test_sec_18_neither_token_nor_ticket_is_in_logs_audit_metrics_or_the_store(
    gate: Server, tmp_path: Path
) -> None:
    stored = created(gate)["token"]
    secrets = [TOKEN, stored, ticket(gate, TOKEN), ticket(gate, stored)]
    assert asked(gate, "sgm_a-wrong-one-that-nobody-has-given-out").status == 401
    events = [json.loads(one) for one in gate.run("audit", "export").out.splitlines()]
    issued = [one for one in events if one.get("event") == "clone ticket issued"]
    assert [one["user"] for one in issued] == ["csi-prod", "cpi-prod"]
    assert all(one["how"] == "vc1" and one["ip"] and one["token"] for one in issued)
    (refused,) = (one for one in events if one.get("event") == "clone ticket refused")
    assert (refused["result"], refused["reason"]) == ("refused", "BadCredentials")
    assert [one["subject"] for one in events if one.get("event") == "token created"] == ["cpi-prod"]
    metrics = ask(gate, "/metrics").body.decode()
    counted = read(metrics.encode())["sessiongate_clone_tickets_total"].samples
    assert {(one.labels["result"], one.value) for one in counted} >= {("issued", 2.0)}
    stands = gate.log.text + gate.run("audit", "export").out + metrics
    stands += gate.run("config", "show", "--output", "json").out
    stands += gate.run("tokens", "list", "--output", "json").out
    files = b"".join(one.read_bytes() for one in gate.data_dir.rglob("*") if one.is_file())
    for secret in secrets:
        assert secret not in stands
        assert secret.encode() not in files


def test_files_change_under_the_running_server(gate: Server, tmp_path: Path) -> None:
    following = "sgm_the-next-one-that-is-put-into-its-file-later"
    assert asked(gate, following).status == 401
    (tmp_path / "csi-next.token").write_text(following)
    wait_until(lambda: asked(gate, following).status == 200)
    ticket(gate, TOKEN)
    (tmp_path / "csi.token").unlink()
    wait_until(lambda: asked(gate, TOKEN).status in (401, 429))  # whoever asks too often, 429
    ticket(gate, following)


def test_a_client_that_asks_too_often_keeps_no_other_out(
    upstream: Server, make_server: MakeServer, tmp_path: Path
) -> None:
    (tmp_path / "csi.token").write_text(TOKEN)
    gate = make_server(settings=manager_gate(upstream, tmp_path, rate="3/h"))
    other = created(gate)["token"]
    replies = [asked(gate, TOKEN) for _ in range(5)]
    assert [one.status for one in replies] == [200, 200, 200, 429, 429]
    assert int(replies[-1].header("retry-after") or 0) > 60
    ticket(gate, other)


def test_sec_63_a_parent_that_is_ended_there_is_replaced_at_the_next_request(
    gate: Server, upstream: Server
) -> None:
    ticket(gate, TOKEN)
    upstream.run("sessions", "terminate", "--all", "--yes")
    assert not sessions(upstream)
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda _: ticket(gate, TOKEN), range(40)))
    assert len(set(tickets)) == 40
    assert len(sessions(upstream)) == 1


def test_sec_65_tokens_are_there_after_kill_9_and_no_parent_is_left_behind(
    gate: Server, upstream: Server
) -> None:
    kept, gone = created(gate)["token"], created(gate)
    told(gate, "tokens", "revoke", "cpi-prod", "--id", gone["id"])
    ticket(gate, kept)
    gate.kill9()
    assert len(sessions(upstream)) == 1
    gate.start()
    ticket(gate, kept)
    assert asked(gate, gone["token"]).status == 401
    wait_until(lambda: len(sessions(upstream)) == 1)
    gate.stop()
    assert not sessions(upstream)


def test_an_upstream_that_does_not_answer_is_503_until_it_does(
    gate: Server, upstream: Server
) -> None:
    ticket(gate, TOKEN)
    upstream.signal(signal.SIGSTOP)
    try:
        reply = asked(gate, TOKEN)
    finally:
        upstream.signal(signal.SIGCONT)
    assert reply.status == 503
    assert reply.header("retry-after")
    wait_until(lambda: asked(gate, TOKEN).status == 200)


def of_account(by: str, **claims: Any) -> str:
    """A service account's token, as the API server of a cluster with this key writes it now."""
    now = int(time.time())
    return account(by, iat=now, nbf=now, exp=now + 365 * DAY, **claims).reveal()


def test_sec_55_a_service_account_is_its_clusters_whatever_calls_itself_the_same(
    upstream: Server, make_server: MakeServer, tmp_path: Path
) -> None:
    """One cluster's keys stand in a file; those of the other cannot be read."""
    (tmp_path / "prod.json").write_bytes(key_set())
    clusters = f"""
    [session_manager.clusters.prod]
    upstreams = ["vc1"]
    jwks_file = "{tmp_path}/prod.json"
    audience = ["{AUDIENCE}"]
    [session_manager.clusters.away]
    upstreams = ["vc1"]
    jwks_url = "https://127.0.0.1:{free_port()}/openid/v1/jwks"
    audience = ["{AUDIENCE}"]
    """
    gate = make_server(settings=f"{shared_gate(upstream, size=3)}\n{clusters}")
    good = of_account("first")
    assert opens(upstream, ticket(gate, good))
    for wrong in (
        of_account("first", aud=["vault"]),
        of_account("first", sub="system:serviceaccount:default:default"),
    ):
        assert asked(gate, wrong).status == 401
    reply = asked(gate, of_account("second"))
    assert (reply.status, bool(reply.header("retry-after"))) == (503, True), "perhaps it is away's"
    told_of = gate.run("audit", "export").out
    events = [json.loads(line) for line in told_of.splitlines()]
    (issued,) = (one for one in events if one.get("event") == "clone ticket issued")
    assert "prod" in issued["user"]
    assert good not in told_of + gate.log.text


def test_empty_logins_from_one_address_lock_nobody_out(upstream: Server) -> None:
    """The cloud provider's first call: only its refusal makes it read its Secret."""
    for _ in range(20):
        said = SoapClient(upstream).call(
            "Login",
            "SessionManager",
            "SessionManager",
            "<userName></userName><password></password>",
        )
        assert said.fault == "InvalidLogin"
    SoapClient.login(upstream, SERVICE)
    locked = read(ask(upstream, "/metrics").body)["sessiongate_names_locked"].samples
    assert [one.value for one in locked] == [0]
