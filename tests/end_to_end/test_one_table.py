"""One session table behind both dialects: a session of one is checked and ended by the other."""

import pytest

from tests.end_to_end.serving import ADMIN, USER, Server

TIME = "/v1/serverDateTime"


def zerto(token: str) -> dict[str, str]:
    return {"x-zerto-session": token}


@pytest.mark.parametrize("opener", ["zerto", "vim"])
@pytest.mark.parametrize("ender", ["zerto", "vim"])
def test_either_dialect_uses_and_ends_a_session(opener: str, ender: str, shared: Server) -> None:
    token = shared.zerto_token(USER) if opener == "zerto" else shared.vim_token(USER)
    user = shared.get("currentSession", token).json()
    assert user["userName"] == "ursula"
    assert shared.request("GET", TIME, zerto(token)).status == 200
    # Calls of both count.
    assert shared.get("currentSession", token).json()["callCount"] == user["callCount"] + 2

    if ender == "zerto":
        assert shared.request("DELETE", "/v1/session", zerto(token)).status == 200
    else:
        assert shared.call("Logout", token).status == 204
    assert shared.request("GET", TIME, zerto(token)).status == 401
    assert shared.get("currentSession", token).json() is None


def test_one_list_shows_both_and_ends_both(shared: Server) -> None:
    tokens = [shared.zerto_token(USER), shared.vim_token(USER)]
    keys = [shared.get("currentSession", token).json()["key"] for token in tokens]
    admin = shared.vim_token(ADMIN)
    listed = {one["key"] for one in shared.get("sessionList", admin).json()}
    assert set(keys) <= listed
    assert shared.call("TerminateSession", admin, {"sessionId": keys}).status == 204
    assert not any(shared.is_alive(token) for token in tokens)


def test_a_zerto_session_acts_as_a_vsphere_one(shared: Server) -> None:
    """Its privileges are those of its user, whichever door it came by."""
    token = shared.zerto_token(ADMIN)
    assert shared.get("sessionList", token).status == 200
    ticket = shared.call("AcquireCloneTicket", token).json()
    clone = shared.call("CloneSession", None, {"cloneTicket": ticket})
    assert clone.json()["userName"] == "admin"
