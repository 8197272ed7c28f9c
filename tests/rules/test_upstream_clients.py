"""An upstream's own list, added up by client, with what may be ended and never is by itself."""

from datetime import timedelta

from sessiongate.rules.upstream_clients import SeenThere, upstream_clients
from sessiongate.testing import T0

HALF_AN_HOUR = timedelta(minutes=30)


def session(key: str, user: str, idle: int, agent: str = "tool/1", **facts: object) -> SeenThere:
    told: dict[str, object] = {
        "ip_address": "192.0.2.1",
        "login_at": (T0 - timedelta(hours=2)).isoformat(),
        "active_at": (T0 - timedelta(minutes=idle)).isoformat(),
        "ours": False,
        **facts,
    }
    return SeenThere(key=key, user=user, user_agent=agent, **told)  # type: ignore[arg-type]


def test_who_forgets_most_comes_first_and_ours_are_never_suggested() -> None:
    found = upstream_clients(
        [
            session("k1", "gateway", 90, ours=True),
            session("k2", "gateway", 1, ours=True),
            session("k3", "nightly", 29),
            session("k4", "nightly", 30, agent="tool/2"),
            session("k5", "nightly", 300),
            session("k6", "nightly", 300, ip_address="192.0.2.2"),
        ],
        T0,
        HALF_AN_HOUR,
    )
    assert [(one.user, one.address, one.sessions, one.ours, one.to_end) for one in found] == [
        ("nightly", "192.0.2.1", 3, 0, ["k4", "k5"]),
        ("nightly", "192.0.2.2", 1, 0, ["k6"]),
        ("gateway", "192.0.2.1", 2, 2, []),
    ]
    assert found[0].last_used == T0 - timedelta(minutes=29)
    assert found[0].oldest == T0 - timedelta(hours=2)


def test_of_a_time_that_nobody_can_read_nothing_is_suggested() -> None:
    odd = session("k1", "nightly", 0, login_at="yesterday", active_at="2020-01-01T00:00:00")
    (one,) = upstream_clients([odd], T0, HALF_AN_HOUR)
    assert (one.sessions, one.to_end, one.oldest, one.last_used) == (1, [], None, None)
