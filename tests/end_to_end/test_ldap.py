"""A server whose people are in a real directory: Zerto's samples, vSphere, and an outage."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.rules.accounts import parse_account
from tests.basic import basic
from tests.end_to_end.serving import ADMIN, Server, with_people
from tests.peers import slapd as peer
from tests.peers.relay import Relay
from tests.peers.slapd import GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX, Slapd

pytestmark = [pytest.mark.slow, pytest.mark.peer]

ADA = "ada's pass:word/1"
BOB = "bob's password 1"

SETTINGS = """
[identity.local]
type = "file"
[identity.corp]
type = "ldap"
url = "ldaps://127.0.0.1:{port}"
ca = "{ca}"
bind_dn = "{service}"
bind_password_file = "{password}"
base_dn = "{base}"
domains = ["corp.example", "CORP"]
user_filter = "(|(uid={{user}})(mail={{user}}@mail.example)(cn={{user}}))"
default_role = "user"
connect_timeout = "3s"
operation_timeout = "3s"
timeout = "6s"
[identity.corp.groups]
"cn=admins,{groups}" = "administrator"
"cn=operators,{groups}" = "operator"
[dialects.zerto]
windows = "corp"
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    if why := peer.missing():
        pytest.skip(why)
    with Slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture(scope="module")
def relay(directory: Slapd) -> Iterator[Relay]:
    with Relay(directory.tls_port) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    directory: Slapd, relay: Relay, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    password = folder / "password"
    password.write_text(f"{SERVICE_PASSWORD}\n")
    settings = SETTINGS.format(
        port=relay.port,
        ca=directory.ca,
        service=SERVICE,
        password=password,
        base=SUFFIX,
        groups=GROUPS,
    )
    with with_people(folder / "data", settings=settings) as running:
        yield running
        running.stop()


def principal(server: Server, token: str) -> tuple[str, str]:
    found = server.get("currentSession", token).json()
    return found["userName"], found["fullName"]


def test_the_powershell_sample_with_a_directory_user(server: Server) -> None:
    """No body and a JSON Content-Type: the default method, 0, which is Windows."""
    headers = {"Authorization": basic("CORP\\ada", ADA), "Content-Type": "application/json"}
    reply = server.request("POST", "/v1/session/add", headers, b"")
    assert reply.status == 200
    token = reply.header("x-zerto-session")
    assert token is not None
    assert principal(server, token) == ("CORP\\ada", "Ada of Corp")
    ended = server.request("DELETE", "/v1/session", {"x-zerto-session": token})
    assert ended.status == 200


def test_the_c_sharp_sample_with_a_directory_user(server: Server) -> None:
    """AuthenticationMethod 0 in a JSON body."""
    headers = {"Authorization": basic("ada@corp.example", ADA), "Content-Type": "application/json"}
    body = json.dumps({"AuthenticationMethod": 0})
    reply = server.request("POST", "/v1/session/add", headers, body)
    assert reply.status == 200
    token = reply.header("x-zerto-session")
    assert token is not None
    assert principal(server, token)[0] == "CORP\\ada"
    # The other method names another provider, which does not know her: nobody else is asked.
    other = server.request(
        "POST", "/v1/session/add", headers, json.dumps({"AuthenticationMethod": 1})
    )
    assert other.status == 401


def test_vsphere_logins_by_domain(server: Server) -> None:
    token = server.vim_token(("CORP\\ada", ADA))
    assert principal(server, token) == ("CORP\\ada", "Ada of Corp")
    # Her group makes her an administrator, which shows in what she may see.
    assert server.get("sessionList", token).status == 200
    assert server.vim_login("bob@corp.example", "wrong").status == 500
    # Local people are still local.
    assert principal(server, server.vim_token(ADMIN))[0] == "admin"
    assert server.vim_login("ada", ADA).status == 500


def test_sec_24_every_refusal_looks_alike(server: Server) -> None:
    tries = [
        ("carol", "wrong"),
        ("nobody", "wrong"),
        ("expired", "expired's password 1"),
        ("locked", "locked's password 1"),
        ("ad532", "any"),
        ("carol", ""),
    ]
    replies = [server.zerto_login(f"CORP\\{name}", word).without_date() for name, word in tries]
    assert {status for status, _, _ in replies} == {401}
    assert len(set(replies)) == 1


def test_sec_21_22_77_all_names_of_a_person_in_all_dialects_have_the_tries_of_one(
    server: Server, directory: Slapd
) -> None:
    entry, right = f"uid=many,{PEOPLE}", "many's password 1"
    before = directory.bind_names(entry)
    for number, name in enumerate(("many", "m.any", "CORP\\too.many", "Many Names@CORP") * 3):
        assert server.zerto_login(name, f"guess {number}").status == 401
        assert server.vim_login(f"CORP\\{parse_account(name).asked}", "wrong").status == 500
    assert directory.bind_names(entry) - before == 5
    for name in ("many", "m.any", "too.many", "many names"):
        assert server.zerto_login(f"CORP\\{name}", right).status == 401
    # Whoever unlocks the person by the name that the list shows has unlocked what was tried.
    config = f"{server.data_dir}.toml"
    assert server.run("users", "unlock", "m.any@corp.example", "--config", config).code == 0
    assert server.zerto_login("CORP\\m.any", right).status == 200


def test_a_name_is_asked_for_as_it_was_typed(server: Server) -> None:
    for name in ("weiß", "weiss"):
        found = principal(server, server.vim_token((f"CORP\\{name}", f"{name}'s password 1")))
        assert found == (f"CORP\\{name}", f"{name.capitalize()} of Corp")


def test_a_controller_that_reaches_no_other_is_an_outage_and_locks_nobody(server: Server) -> None:
    for _ in range(7):
        reply = server.zerto_login("CORP\\ad51f", "any")
        assert reply.status == 503
        assert reply.header("retry-after") is not None
    # The directory is not left alone for it.
    assert server.zerto_login("CORP\\bob", BOB).status == 200


def test_an_outage_is_told_as_one_and_ends_without_a_restart(server: Server, relay: Relay) -> None:
    assert server.zerto_login("CORP\\bob", BOB).status == 200
    alive = server.zerto_token(("CORP\\dave", "dave's password 1"))
    for silent, name in ((False, "carol"), (True, "twin")):
        typed, password = f"CORP\\{name}", f"{name}'s password 1"
        relay.silent, relay.refuse = silent, not silent
        if not silent:
            relay.cut()
        # Four in all: a fifth, and the directory would be left alone for a while.
        for _ in range(2):
            reply = server.zerto_login(typed, password)
            assert reply.status == 503
            assert reply.header("retry-after") is not None
            assert server.vim_login(typed, password).status in (500, 503)
        # Sessions go on, and so does who was verified a moment ago.
        assert server.is_alive(alive)
        assert server.zerto_login("CORP\\bob", BOB).status == 200
        relay.heal()
        # With the outages before it, this one would be the fifth failure, which locks.
        assert server.zerto_login(typed, "wrong").status == 401
        assert server.zerto_login(typed, password).status == 200
    # The log tells what clients are not told, and no password.
    assert server.log.wait_for(
        lambda lines: any("directory does not answer" in line for line in lines)
    )
    assert SERVICE_PASSWORD not in server.log.text
    assert ADA not in server.log.text


def test_a_thousand_logins_cost_the_directory_a_dozen_binds(
    server: Server, directory: Slapd
) -> None:
    before = directory.binds()
    with server.connected() as client:
        for _ in range(200):
            reply = client.request(
                "POST",
                "/v1/session/add",
                {"Authorization": basic("CORP\\eve", "eve's password 1")},
            )
            assert reply.status == 200
    assert directory.binds() - before - 1 <= 12


def test_sec_67_start_tls_and_a_fingerprint(directory: Slapd, tmp_path: Path) -> None:
    right = directory.tls.facts.sha256
    wrong = right[:-2] + ("00" if right[-2:] != "00" else "11")
    for fingerprint, status in ((right, 200), (wrong, 503)):
        settings = f"""
[identity.corp]
type = "ldap"
url = "{directory.ldap}"
fingerprint = "{fingerprint}"
user_dn = "uid={{user}},ou=people,{SUFFIX}"
base_dn = "{SUFFIX}"
default_role = "user"
[dialects]
zerto.windows = "corp"
zerto.hypervisor = "corp"
vsphere.default = "corp"
"""
        with with_people(tmp_path / fingerprint[-2:], settings=settings) as server:
            assert server.zerto_login("ada", ADA).status == status
            if status == 503:
                assert server.log.wait_for(lambda lines: "another fingerprint" in "".join(lines))
            server.stop()
            assert "directory connection is not safe" not in server.log.text


def test_sec_67_insecure_is_loud(directory: Slapd, tmp_path: Path) -> None:
    settings = f"""
[identity.corp]
type = "ldap"
url = "{directory.ldap}"
start_tls = false
bind_dn = "{SERVICE}"
bind_password = "{SERVICE_PASSWORD}"
base_dn = "{SUFFIX}"
[dialects.zerto]
windows = "corp"
hypervisor = "corp"
[dialects.vsphere]
default = "corp"
"""
    with with_people(tmp_path / "data", settings=settings) as server:
        assert server.log.wait_for(
            lambda lines: any("directory connection is not safe" in one for one in lines)
        )
        assert "unencrypted" in server.log.text
        # In no group of ours, and no role by default: known, and may do nothing.
        assert server.zerto_login("ada", ADA).status in (401, 403)
