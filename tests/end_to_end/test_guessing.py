"""A guesser who tries every door and every spelling gets exactly the tries that are allowed."""

import itertools
import json
import threading
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import USER, Reply, Server, basic, vim

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
