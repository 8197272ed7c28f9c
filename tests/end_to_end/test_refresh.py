"""Refresh tokens over the network: they rotate, and a copy of an old one ends the session."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.serving import USER, Reply, Server
from tests.security.dialects import Appliance, Asker
from tests.until import PATIENCE

APPLIANCE = Appliance()
Tokens = dict[str, Any]


def logged_in(at: Asker) -> Tokens:
    reply = APPLIANCE.login(at, *USER)
    assert reply.status == 200, reply
    return dict(reply.json())


def refreshed(at: Asker, tokens: Tokens) -> Tokens:
    reply = APPLIANCE.refresh(at, tokens["refresh_token"])
    assert reply.status == 200, reply
    return dict(reply.json())


def is_alive(at: Asker, tokens: Tokens) -> bool:
    return APPLIANCE.is_alive(at, tokens["access_token"])


def refused(reply: Reply) -> tuple[int, str, str]:
    return reply.status, reply.json()["error"], reply.json()["error_description"]


REUSED = (400, "invalid_grant", "Maximum allowed refresh token reuse exceeded")
OVER = (400, "invalid_grant", "Session not active")


def used_by_access(at: Asker, tokens: Tokens) -> None:
    assert is_alive(at, tokens)


def used_on_v1(at: Asker, tokens: Tokens) -> None:
    carrier = APPLIANCE.carry(tokens["access_token"])
    assert at.request("GET", "/v1/serverDateTime", carrier).status == 200


def used_by_refresh(at: Asker, tokens: Tokens) -> None:
    refreshed(at, tokens)


USES = pytest.mark.parametrize("use", [used_by_access, used_on_v1, used_by_refresh])
Use = Callable[[Asker, Tokens], None]


@USES
def test_sec_87_an_old_refresh_token_ends_the_session_once_its_successor_was_used(
    use: Use, shared: Server
) -> None:
    first, bystander = logged_in(shared), logged_in(shared)
    second = refreshed(shared, first)
    again = refreshed(shared, first)  # the reply was lost
    assert second["session_state"] == again["session_state"] == first["session_state"]
    use(shared, again)
    assert refused(APPLIANCE.refresh(shared, first["refresh_token"])) == REUSED
    for tokens in (first, second, again):
        assert not is_alive(shared, tokens)
        assert refused(APPLIANCE.refresh(shared, tokens["refresh_token"])) == OVER
    assert is_alive(shared, bystander)
    key = first["session_state"]
    told = shared.run("audit", "tail", "--output", "json").json() if _has_file(shared) else None
    if told is not None:
        (ended,) = [one for one in told if one["event"] == "session ended" and one["key"] == key]
        assert ended["reason"] == "token_reused"
    assert shared.log.wait_for(
        lambda lines: any('"reason":"token_reused"' in line and key[:8] in line for line in lines)
    )


def _has_file(server: Server) -> bool:
    """Whether the audit is where a command without further settings reads it."""
    return "[store]" not in server.settings


def test_sec_87_unmodified_clients_go_on_with_whatever_they_got_last(shared: Server) -> None:
    """Refresh and go on: by the access token, by the refresh token, by either in turn."""
    for uses in ([used_by_access], [], [used_on_v1, used_by_access]):
        tokens = logged_in(shared)
        for _ in range(6):
            tokens = refreshed(shared, tokens)
            for use in uses:
                use(shared, tokens)
        assert is_alive(shared, tokens)


def test_sec_87_refreshes_in_parallel_all_go_on(shared: Server) -> None:
    first = logged_in(shared)
    got: list[Tokens] = []
    ready = threading.Barrier(8)

    def refresh() -> None:
        with shared.connected() as client:
            ready.wait(PATIENCE)
            got.append(refreshed(client, first))

    threads = [threading.Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 8
    assert all(is_alive(shared, tokens) for tokens in got)
    assert is_alive(shared, refreshed(shared, got[3]))


@USES
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_sec_87_what_was_used_stays_used_after_a_restart(
    how: str, use: Use, server: Server
) -> None:
    first, lost = logged_in(server), logged_in(server)
    second, unused = refreshed(server, first), refreshed(server, lost)
    use(server, second)
    if how == "killed":
        server.kill9()
        server.start()
    else:
        server.restart()
    assert refused(APPLIANCE.refresh(server, first["refresh_token"])) == REUSED
    assert not is_alive(server, second)
    # And what was not used is a repetition still.
    assert is_alive(server, refreshed(server, lost))
    assert is_alive(server, unused)


def test_sec_87_introspection_counts_as_a_use_and_knows_spent_tokens(server: Server) -> None:
    server.stop()
    server.settings = '[dialects.appliance.clients.robot]\nsecret = "robot secret"\nrole = "user"\n'
    server.start()
    robot = {"client_id": "robot", "client_secret": "robot secret"}

    def active(token: str) -> bool:
        reply = APPLIANCE.post(server, "/token/introspect", token=token, **robot)
        assert "sgg" not in reply.json()
        return bool(reply.json()["active"])

    first = logged_in(server)
    second = refreshed(server, first)
    assert active(first["refresh_token"])
    assert active(second["refresh_token"])
    assert active(first["refresh_token"]), "asking about a refresh token uses nothing"
    assert active(second["access_token"])
    assert not active(first["refresh_token"])
    assert active(second["refresh_token"])
    assert refused(APPLIANCE.refresh(server, first["refresh_token"])) == REUSED
