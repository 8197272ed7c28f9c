"""A guesser who tries every door and every spelling gets exactly the tries that are allowed."""

import itertools
import json
import threading
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import USER, Reply, Server, vim

Door = Callable[[Server, str, str], Reply]

ATTEMPTS = 5
SETTINGS = f"""
[lockout]
attempts = {ATTEMPTS}
[identity.local]
type = "file"
domains = ["CORP", "corp.example"]
"""

NAME = USER[0]
SPELLINGS = (
    NAME,
    NAME.upper(),
    f"CORP\\{NAME}",
    f"{NAME}@corp.example",
    f"\\{NAME}",
    f" {NAME} ",
    NAME.replace("u", "\uff55"),  # full width, the same letter by NFKC
)


def by_basic(path: str) -> Door:
    def ask(server: Server, name: str, password: str) -> Reply:
        return server.request("POST", path, {"Authorization": basic(name, password)})

    return ask


def by_json(server: Server, name: str, password: str) -> Reply:
    return server.request("POST", vim("Login"), (), {"userName": name, "password": password})


def by_soap(server: Server, name: str, password: str) -> Reply:
    body = (
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><Login'
        ' xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
        f"<userName>{name}</userName><password>{password}</password></Login></Body></Envelope>"
    )
    return server.request("POST", "/sdk", {"Content-Type": "text/xml"}, body)


def by_rpc(server: Server, name: str, password: str) -> Reply:
    security = {
        "schemeId": "com.vmware.vapi.std.security.user_pass",
        "userName": name,
        "password": password,
    }
    call = {
        "jsonrpc": "2.0",
        "method": "invoke",
        "id": "1",
        "params": {
            "serviceId": "com.vmware.cis.session",
            "operationId": "create",
            "ctx": {"securityCtx": security},
        },
    }
    return server.request("POST", "/api", (), call)


def by_grant(server: Server, name: str, password: str) -> Reply:
    form = urlencode(
        {
            "grant_type": "password",
            "client_id": "zerto-client",
            "username": name,
            "password": password,
        }
    )
    path = "/auth/realms/zerto/protocol/openid-connect/token"
    typed = {"Content-Type": "application/x-www-form-urlencoded"}
    return server.request("POST", path, typed, form)


DOORS: dict[str, Door] = {
    "zerto": by_basic("/v1/session/add"),
    "vi-json": by_json,
    "soap": by_soap,
    "api": by_basic("/api/session"),
    "rest": by_basic("/rest/com/vmware/cis/session"),
    "vapi-rpc": by_rpc,
    "appliance": by_grant,
}


def lets_in(reply: Reply) -> bool:
    """Whether this reply opened a session, whatever the dialect."""
    text = reply.body.decode()
    return reply.status in (200, 201) and "error" not in text and "Fault" not in text


def results(server: Server) -> list[str]:
    """What the audit says of each login that was refused: the kind of refusal, in order."""
    events = [json.loads(line) for line in server.run("audit", "export").out.splitlines()]
    return [event["reason"] for event in events if event["event"] == "login refused"]


@pytest.mark.slow
def test_sec_21_22_spraying_over_all_doors_and_spellings_gets_the_allowed_number_of_checks(
    make_server: MakeServer,
) -> None:
    server = make_server(settings=SETTINGS)
    tries = list(itertools.product(DOORS.values(), SPELLINGS))
    for number, (ask, name) in enumerate(tries):
        assert not lets_in(ask(server, name, f"guess {number}"))
    told = results(server)
    assert told.count("BadCredentials") == ATTEMPTS
    assert told.count("LockedOut") == len(tries) - ATTEMPTS
    # The right password is of no use now, at any door, until an administrator says so.
    assert not any(lets_in(ask(server, NAME, USER[1])) for ask in DOORS.values())
    server.run("users", "unlock", NAME)
    for door, ask in DOORS.items():
        assert lets_in(ask(server, NAME, USER[1])), door


@pytest.mark.slow
def test_sec_23_parallel_guesses_get_no_more(make_server: MakeServer) -> None:
    server = make_server(settings=SETTINGS)

    def guess(first: int) -> None:
        for number in range(first, first + 5):
            by_json(server, NAME, f"guess {number}")

    threads = [threading.Thread(target=guess, args=(first,)) for first in range(0, 60, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = results(server)
    assert len(told) == 60
    assert told.count("BadCredentials") <= ATTEMPTS


@pytest.mark.parametrize("door", sorted(DOORS))
def test_sec_24_a_locked_name_looks_like_a_wrong_password(
    make_server: MakeServer, door: str
) -> None:
    server = make_server(settings="[lockout]\nattempts = 1\n")
    ask = DOORS[door]
    wrong = ask(server, NAME, "wrong")
    locked = ask(server, NAME, USER[1])
    unknown = ask(server, "no-such-user", "wrong")
    assert wrong.without_date() == locked.without_date() == unknown.without_date()
    assert results(server) == ["BadCredentials", "LockedOut", "BadCredentials"]


@pytest.mark.slow
def test_sec_22_an_address_that_guesses_many_names_is_shut_out_at_every_door(
    make_server: MakeServer,
) -> None:
    server = make_server(settings="[lockout]\nattempts = 3\naddress_attempts = 6\n")
    for number, ask in enumerate(itertools.islice(itertools.cycle(DOORS.values()), 6)):
        assert not lets_in(ask(server, f"somebody-{number}", "one password"))
    assert not any(lets_in(ask(server, *USER)) for ask in DOORS.values())
    assert results(server) == ["BadCredentials"] * 6 + ["LockedOut"] * len(DOORS)


def test_sec_25_a_name_is_shut_out_for_all_addresses_only_after_many_more_tries(
    make_server: MakeServer,
) -> None:
    settings = """
[lockout]
attempts = 2
total_attempts = 4
[server]
trusted_proxies = ["127.0.0.1"]
"""
    server = make_server(settings=settings)

    def by(address: str, password: str) -> int:
        headers = {"Authorization": basic(NAME, password), "X-Forwarded-For": address}
        return server.request("POST", "/v1/session/add", headers).status

    assert [by("203.0.113.5", "wrong") for _ in range(3)] == [401, 401, 401]
    assert by("203.0.113.5", USER[1]) == 401  # the guesser is out
    assert by("198.51.100.7", USER[1]) == 200  # the victim is not
    assert [by("192.0.2.9", "wrong") for _ in range(2)] == [401, 401]
    assert by("192.0.2.77", USER[1]) == 401  # four in all: now everybody waits
