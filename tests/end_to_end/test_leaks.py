"""Three scripts at a real server, one of which never logs out: which one, and how much it left."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import OTHER, USER, Server
from tests.until import wait_until

# Short enough to wait for, long enough for a script that logs out.
SETTINGS = '[sessions]\nidle_timeout = "4s"\n'


def log_in(server: Server, person: tuple[str, str], agent: str) -> str:
    reply = server.request(
        "POST", "/v1/session/add", {"authorization": basic(*person), "user-agent": agent}
    )
    assert reply.status == 200
    return reply.header("x-zerto-session") or ""


def well_behaved(server: Server, person: tuple[str, str], agent: str, times: int) -> None:
    for _ in range(times):
        token = log_in(server, person, agent)
        left = server.request("DELETE", "/v1/session", {"x-zerto-session": token})
        assert left.status < 300


def clients(server: Server) -> list[dict[str, Any]]:
    told = server.run("leaks", "--since", "1h", "--output", "json")
    assert told.code == 0, told
    found: list[dict[str, Any]] = told.json()["clients"]
    return found


def figures(one: dict[str, Any]) -> tuple[object, ...]:
    names = ("user", "agent", "opened", "logged_out", "idled_out", "terminated", "live", "share")
    return tuple(one[name] for name in names)


@pytest.mark.slow
def test_the_script_that_never_logs_out_is_named_first_also_after_a_restart(
    make_server: MakeServer, store: Callable[[], str]
) -> None:
    server = make_server(settings=SETTINGS + store())
    well_behaved(server, USER, "inventory.py/2.1 python-requests/2.31", 4)
    well_behaved(server, OTHER, "govc/0.40.0", 2)
    for number in range(3):
        log_in(server, USER, f"nightly.py/1.{number}")
    first = clients(server)[0]
    assert figures(first) == (USER[0], "nightly.py", 3, 0, 0, 0, 3, None)
    assert first["oldest"] is not None
    wait_until(lambda: clients(server)[0]["idled_out"] == 3)

    def told() -> list[tuple[object, ...]]:
        return [figures(one) for one in clients(server)]

    expected = [
        (USER[0], "nightly.py", 3, 0, 3, 0, 0, 1.0),
        (USER[0], "inventory.py", 4, 4, 0, 0, 0, 0.0),
        (OTHER[0], "govc", 2, 2, 0, 0, 0, 0.0),
    ]
    assert told() == expected
    shown = server.run("leaks").out.splitlines()
    assert shown[1].split()[:5] == [USER[0], "nightly.py", "127.0.0.1", "3", "100%"]
    server.restart()
    assert told() == expected

    log_in(server, USER, "nightly.py/1.9")
    ended = server.run("sessions", "terminate", "--user", USER[0], "--yes")
    assert ended.code == 0, ended
    assert told()[0] == (USER[0], "nightly.py", 4, 0, 3, 1, 0, 1.0)
