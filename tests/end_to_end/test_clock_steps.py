"""The machine's clock is set, under a running server and between two runs."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.serving import ADMIN, USER, Server, with_people
from tests.peers import faketime
from tests.peers.faketime import WallClock

pytestmark = pytest.mark.peer

DAY = timedelta(days=1)
SETTINGS = '[sessions]\nidle_timeout = "1h"\nabsolute_timeout = "12h"\n'

BOTH = pytest.mark.parametrize("store", ["sqlite", "cached"], indirect=True, scope="session")


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    if why := faketime.missing():
        pytest.skip(why)
    return WallClock(tmp_path / "wall-clock")


@pytest.fixture
def server(store: Callable[[], str], wall: WallClock, tmp_path: Path) -> Iterator[Server]:
    settings = SETTINGS + store()
    with with_people(tmp_path / "data", settings=settings, environ=wall.environ) as running:
        yield running


def server_time(server: Server, token: str) -> datetime:
    reply = server.request("GET", "/v1/serverDateTime", {"x-zerto-session": token})
    assert reply.status == 200, reply
    told = reply.json()
    return datetime.fromisoformat(told if isinstance(told, str) else told["ServerDateTime"])


def wall_time(server: Server) -> datetime:
    """What the wall clock is for the server: log lines are stamped with it."""
    before = len(server.log.lines)
    server.zerto_login(USER[0], "not the password")
    assert server.log.wait_for(lambda lines: len(lines) > before)
    return datetime.fromisoformat(json.loads(server.log.lines[-1])["timestamp"])


def near(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(minutes=5)


@BOTH
def test_steps_under_a_running_server_end_nothing_and_revive_nothing(
    server: Server, wall: WallClock
) -> None:
    lives, ended = server.zerto_token(USER), server.zerto_token(ADMIN)
    server.request("DELETE", "/v1/session", {"x-zerto-session": ended})
    times = [server_time(server, lives)]
    for away in (2 * DAY, -2 * DAY, timedelta(0)):
        wall.step(away)
        assert near(wall_time(server), datetime.now(UTC) + away)
        new = server.zerto_token(ADMIN)
        times += [server_time(server, lives), server_time(server, new)]
        assert server.is_alive(new)
        assert server.is_alive(lives)
        assert not server.is_alive(ended)
    assert times == sorted(times)
    assert near(times[0], times[-1])


@BOTH
def test_a_clock_set_back_between_two_runs_revives_nothing(server: Server, wall: WallClock) -> None:
    lives, ended = server.zerto_token(USER), server.zerto_token(ADMIN)
    server.request("DELETE", "/v1/session", {"x-zerto-session": ended})
    before = server_time(server, lives)

    server.stop()
    wall.step(-2 * DAY)
    server.start()
    assert near(wall_time(server), datetime.now(UTC) - 2 * DAY)
    assert server_time(server, lives) >= before
    assert server.is_alive(lives)
    assert not server.is_alive(ended)

    server.stop()
    wall.step(2 * DAY)
    server.start()
    assert not server.is_alive(lives)  # two days are above every limit
    late = server.zerto_token(USER)

    server.stop()
    wall.step(timedelta(0))
    server.start()
    assert not server.is_alive(lives)
    assert not server.is_alive(ended)
    assert server.is_alive(late)
